"""`bloop video` killed in each stage: the same command again makes what is missing."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from written import lesson_in

from bloop.hub import Hub

STAGES = ("speech", "scenes", "composing")


@pytest.fixture
async def place(studio_toml):
    """A hub on disk that nobody serves, and a lesson in it."""
    hub = Hub.open(studio_toml, "cli")
    await hub.database.run(hub.tables.upgrade)
    lesson = await hub.database.run(lesson_in, hub)
    await hub.stop()
    return studio_toml, lesson


def video(place, site, **more):
    """Start the command; the toys take their time, so that a stage can be met."""
    path, lesson = place
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), **more}
    return subprocess.Popen(
        [Path(sys.executable).with_name("bloop"), "--config", path, "video", lesson, "--json"],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=path.parent,
    )


def state(url):
    """The video's stage, as the database has it; None before there is one."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        row = database.execute("SELECT state FROM studio_video").fetchone()
    database.close()
    return row and row[0]


def killed_in(stage, place, site, url):
    """Start the command, and kill it once the video has come to a stage."""
    process = video(place, site, TOY_PAUSE="0.4")
    end = time.monotonic() + 90
    while state(url) not in {*STAGES[STAGES.index(stage) :], "ready"}:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the stage was never met"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_video_survives_a_kill_in_each_stage(place, site, database_urls):
    for stage in STAGES:
        killed_in(stage, place, site, database_urls[0])
    last = video(place, site)
    out, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    row = json.loads(out)
    assert (row["state"], row["percent"], row["report"]["degraded"]) == ("ready", 100, [])
    assert row["report"]["drawn"] + row["report"]["reused"] == row["report"]["scenes"]
    assert row["files"].keys() >= {"video.mp4", "captions.vtt"}

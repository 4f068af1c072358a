"""`bloop connect`, `bloop sync` and `bloop connections`, against a system behind real HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bloop.cli import sync
from tests.support.campus import TOKEN, Campus, write_campus

PATIENCE_SECONDS = 120


@pytest.fixture
def campus():
    campus = Campus()
    server = campus.start()
    yield campus
    campus.wait.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub_folder(hub_folder, site, monkeypatch):
    write_campus(site, hub_folder / "hub.toml")
    monkeypatch.setenv("CAMPUS_TOKEN", TOKEN)
    return hub_folder


@pytest.fixture
def connected(hub_folder, campus, bloop):
    """A connection called School."""
    made = connect(bloop, campus, "--name", "School", "--all", "--json")
    assert made.code == 0, made.err
    return made.json


def connect(bloop, campus, *more, secret="token=CAMPUS_TOKEN"):
    address = f"base_url={campus.url}"
    return bloop("connect", "campus", "--set", address, "--secret-env", secret, *more)


def test_it_is_connected_chosen_read_and_told(hub_folder, campus, bloop):
    assert "Nothing is connected" in bloop("connections", "list").out
    campus.hides_people = True
    campus.pages["c1p1"].pop("title")
    made = connect(bloop, campus, "--course", "c1", "--course", "c3")
    assert (made.code, made.err) == (0, "")
    assert "as Ada Admin at Campus 4.5" in made.out
    name = campus.url.partition("//")[2]
    assert f"bloop sync {name}" in made.out
    assert TOKEN not in made.out

    done = bloop("sync", name)
    assert done.code == 0, done.out + done.err
    assert "has been read" in done.out and "quarantined" in done.out
    assert "page:c1p1: it has no title" in done.out
    assert "not read: people" in done.out
    assert "Take it back with: bloop content undo" in done.out
    titles = [one["title"] for one in bloop("content", "list", "--json").json["items"]]
    assert titles == ["Waves and sound", "Heat"]
    again = bloop("sync", "campus", "--json")
    assert (again.json["state"], again.json["report"]["written"]) == ("succeeded", 0)

    shown = bloop("connections", "show", "campus")
    assert "2 courses" in shown.out and "1 record" in shown.out
    (listed,) = bloop("connections", "list", "--json").json["items"]
    assert (listed["state"], listed["every"]) == ("active", "6h")
    assert len(bloop("connections", "runs", "campus", "--json").json["items"]) == 2
    assert "succeeded" in bloop("connections", "runs", "campus").out


def test_what_would_be_written_is_told_and_one_stream_is_read_alone(connected, bloop):
    told = bloop("sync", "School", "--dry-run")
    assert told.code == 0 and "nothing was written" in told.out
    assert bloop("content", "list", "--json").json["items"] == []
    report = bloop("sync", "school", "--stream", "courses", "--json").json["report"]
    assert report["by_kind"] == {"course": 3}
    full = bloop("sync", "School", "--full", "--json").json["report"]
    assert full["by_kind"]["page"] == 12
    asked = bloop("sync", "School", "--no-wait").out
    assert "It waits until a hub runs: bloop up" in asked


def test_a_wrong_secret_is_told_with_its_cure_and_mended(hub_folder, campus, bloop, monkeypatch):
    campus.gaps = None  # Which its plugin stumbles over.
    broken = connect(bloop, campus, "--name", "Broken")
    assert (broken.code, broken.err, broken.out.count("NoneType")) == (1, "", 1)
    assert "bloop connections check Broken" in broken.out
    assert bloop("connections", "remove", "Broken", "--content", "trash", "--yes").code == 0
    campus.gaps = []

    monkeypatch.setenv("OTHER", "never-valid")
    made = connect(bloop, campus, "--name", "School", secret="token=OTHER")
    assert made.code == 1
    assert "auth_failed" in made.out
    assert "bloop connections rotate School" in made.out
    assert "never-valid" not in made.out + made.err
    refused = bloop("sync", "School")
    assert refused.code == 1
    again = bloop("connections", "rotate", "School", "--secret-env", "token=OTHER")
    assert again.code == 1 and "✗" in again.err
    (hub_folder / "token").write_text(f"{TOKEN}\n")
    mended = bloop("connections", "rotate", "School", "--secret-file", "token=token")
    assert (mended.code, "active" in mended.out) == (0, True)
    assert bloop("connections", "check", "School").code == 0
    campus.gaps = None
    assert bloop("connections", "check", "School").code == 1
    assert "?key=" in bloop("connections", "hints", "School").out


def test_a_login_by_a_code_gives_the_token_and_a_new_one(hub_folder, campus, bloop):
    settings = ("--set", f"base_url={campus.url}", "--set", "client_id=by-code")
    campus.devices = [{}, {}, {"token": "by-code-1"}]
    made = bloop("connect", "campus", *settings, "--name", "School", "--all")
    assert (made.code, campus.devices) == (0, [])
    assert f"Open {campus.url}/device" in made.err and "the code ABCD-1234" in made.err
    assert "as Dora Device at Campus" in made.out
    assert "secret-of-device" not in made.out + made.err

    campus.devices = [{"error": "declined"}]
    refused = bloop("connections", "login", "School")
    assert refused.code == 1 and "the person said no" in refused.err
    assert bloop("connections", "check", "School").code == 0, "the old login holds"
    campus.devices = [{"token": "by-code-2"}]
    again = bloop("connections", "login", "School", "--json")
    assert again.json["state"] == "active"
    del campus.tokens["by-code-1"]
    assert bloop("connections", "check", "School").code == 0

    assert bloop("connections", "remove", "School", "--content", "trash", "--yes").code == 0
    plain = bloop("connect", "campus", *settings, "--no-login")
    assert plain.code == 1 and "auth_failed" in plain.out
    assert campus.devices == []


def test_courses_are_listed_chosen_and_left_out(connected, bloop):
    shown = bloop("connections", "courses", "School").out
    assert "Waves and sound" in shown and "Streams: courses, pages, people" in shown
    assert bloop("connections", "select", "School").code == 2
    assert "no course" in bloop("connections", "select", "School", "--course", "c9").err
    assert "no stream" in bloop("connections", "select", "School", "--all", "--stream", "x").err
    chosen = bloop("connections", "select", "School", "--course", "c2", "--stream", "pages")
    assert "The next sync reads 1 course, of them pages." in chosen.out
    found = bloop("connections", "courses", "School", "--json").json["items"]
    assert [one["selected"] for one in found] == [False, True, False]
    whole = bloop("connections", "select", "School", "--all", "--json").json
    assert whole["selected"] == {}


def test_it_is_paused_resumed_renamed_and_rescheduled(connected, bloop):
    assert "suspended" in bloop("connections", "pause", "School").out
    refused = bloop("sync", "School")
    assert refused.code == 1 and "is paused" in refused.err
    assert "active" in bloop("connections", "resume", "School").out
    set_ = bloop(
        "connections", "set", "School", "client_id=123", "--name", "Big School",
        "--every", "never", "--json",
    )  # fmt: skip
    assert (set_.json["name"], set_.json["every"]) == ("Big School", None)
    assert set_.json["settings"]["client_id"] == "123"
    assert "cron" in bloop("connections", "set", "Big School", "--every", "soon").err


def test_what_failed_is_fetched_again_and_all_of_it_removed(connected, campus, bloop):
    title = campus.pages["c1p1"].pop("title")
    assert bloop("sync", "School").code == 0
    campus.pages["c1p1"]["title"] = title
    assert len(bloop("connections", "retry", "School", "--json").json["jobs"]) == 1
    assert bloop("connections", "remove", "School").code == 2
    gone = bloop("connections", "remove", "School", "--content", "trash", "--yes")
    assert (gone.code, gone.err) == (0, "")
    assert "1 connections" in gone.out
    assert bloop("content", "list", "--json").json["items"] == []
    unknown = bloop("connections", "show", "School")
    assert unknown.code == 1 and "bloop connect PLUGIN" in unknown.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["connect", "campus"], "base_url is missing"),
        (["connect", "campus", "--set", "base_url"], "write key=value"),
        (["connect", "campus", "--set", "base_url=x", "--secret", "token=abc"], "would be seen"),
        (["connect", "campus", "--set", "base_url=x", "--secret-env", "pin=PATH"], "is no secret"),
    ],
)
def test_a_wrong_call_is_told_and_makes_nothing(hub_folder, bloop, arguments, said):
    answer = bloop(*arguments)
    assert (answer.code, said in answer.err) == (2, True), answer.err
    assert bloop("connections", "list", "--json").json == {"items": []}


def test_who_stops_a_sync_is_told_how_to_go_on_and_the_next_one_does(
    connected, campus, bloop, hub_folder, site
):
    campus.wait.clear()
    command = [Path(sys.executable).with_name("bloop"), "sync", "School"]
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONPATH": str(site)},
        cwd=hub_folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not any("/pages" in path for path in campus.asked):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        time.sleep(0.5)  # It may wait for the answer that it has asked for.
        campus.wait.set()
        _, err = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 130
    assert "The same command again continues" in err
    (job,) = bloop("jobs", "list", "--json").json["items"]
    assert job["state"] == "cancelled"
    report = bloop("sync", "School", "--json").json["report"]
    assert (report["first"], report["by_kind"]["page"]) == (True, 12)


async def test_without_a_terminal_a_line_says_what_a_sync_waits_for(monkeypatch, capsys):
    row = {
        "state": "waiting",
        "error": {"message": "it was answered 429"},
        "run_after": "2026-11-27T13:58:00",
        "progress_done": 0,
        "progress_total": None,
        "progress_until": None,
        "progress_message": None,
    }
    rows = iter([row | {"error": None}, row, row, row | {"state": "running"}, row])
    monkeypatch.setattr(sync, "_job", lambda *_: next(rows, row | {"state": "succeeded"}))
    monkeypatch.setattr(sync, "LOOK_SECONDS", 0)
    await sync.followed(None, None, "job", "School")
    told = capsys.readouterr()
    assert told.err == "School: tried again at 13:58 UTC: it was answered 429\n"
    assert told.out == ""

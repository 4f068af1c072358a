"""`bloop up --plugin DIR`: a plugin runs from where it is written, and a save starts it again."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bloop.cli.plugin_new import render, write
from bloop_sdk.testing.distributions import write_plugin

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 60
HUB = '[access]\nguests = "read"\n\n[plugins.estimate]\nwords_per_minute = 100\n'


@pytest.fixture
def folder(tmp_path):
    """A hub's folder beside that of a new plugin, which hub.toml does not enable."""
    (tmp_path / "hub.toml").write_text(HUB)
    write(render("feature", "estimate"), tmp_path / "bloop-estimate")
    return tmp_path


class Running:
    """A running `bloop up`, and what it has printed."""

    def __init__(self, process, log):
        self.process, self.log, self.read = process, log, 0

    def says(self, pattern) -> re.Match[str]:
        """Wait for a line after those that were waited for."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if found := re.compile(pattern).search(self.log.read_text(), self.read):
                self.read = found.end()
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        pytest.fail(f"no {pattern} in:\n{self.log.read_text()[self.read :]}")


@contextlib.contextmanager
def up(folder, *options, site=None):
    log = folder / "up.log"
    env = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(site or "")}
    with log.open("w") as file:
        process = subprocess.Popen(
            [BLOOP, "up", "--port", "0", "--plugin", "bloop-estimate", *options],
            cwd=folder,
            env=env,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Running(process, log)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) in {0, 130}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def minutes(url):
    """What the plugin's route answers, once the hub has all its routes."""
    end = time.monotonic() + PATIENCE_SECONDS
    answer = httpx.get(f"{url}/x/estimate/minutes?words=450")
    while answer.status_code == 503 and time.monotonic() < end:
        time.sleep(0.05)
        answer = httpx.get(f"{url}/x/estimate/minutes?words=450")
    return answer


def test_a_plugin_answers_from_its_folder_with_the_settings_of_hub_toml(folder):
    with up(folder) as hub:
        url = hub.says(r"Courses   (http://\S+)/\n")[1]
        hub.says(r"Plugin    estimate 0\.1\.0 ready")
        assert minutes(url).json() == {"words": 450, "minutes": 5}
    assert (folder / "hub.toml").read_text() == HUB


def test_a_save_is_seen_said_and_served_at_the_same_address(folder):
    with up(folder, "--reload") as hub:
        url = hub.says(r"Courses   (http://\S+)/\n")[1]
        assert minutes(url).json()["minutes"] == 5
        source = folder / "bloop-estimate" / "bloop_estimate" / "reading.py"
        source.write_text(source.read_text().replace("math.ceil(", "1000 + math.ceil("))
        hub.says(r"bloop-estimate/bloop_estimate/reading\.py changed: starting again")
        hub.says("Plugin    estimate 0.1.0 ready")
        assert minutes(url).json()["minutes"] == 1005


def test_a_syntax_error_leaves_the_hub_up_and_the_next_save_mends_it(folder):
    with up(folder, "--reload") as hub:
        url = hub.says(r"Courses   (http://\S+)/\n")[1]
        source = folder / "bloop-estimate" / "bloop_estimate" / "__init__.py"
        good = source.read_text()
        source.write_text(good + "\ndef broken(:\n")
        hub.says("Plugin    estimate 0.1.0 load_failed")
        hub.says(r"SyntaxError: .*bloop_estimate/__init__\.py:\d+\)")
        hub.says(f"→ mend it in {folder}/bloop-estimate")
        assert minutes(url).status_code == 503
        assert httpx.get(f"{url}/api/v1/containers").status_code == 200
        doctor = subprocess.run(
            [BLOOP, "plugins", "doctor", "estimate", "--plugin", "bloop-estimate"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert doctor.returncode == 1
        assert "SyntaxError" in doctor.stdout and "→ mend it in" in doctor.stdout
        source.write_text(good)
        hub.says("Plugin    estimate 0.1.0 ready")
        assert minutes(url).status_code == 200


def test_a_project_that_cannot_be_read_is_told_and_the_next_save_mends_it(folder):
    with up(folder, "--reload") as hub:
        hub.says("Plugin    estimate 0.1.0 ready")
        project = folder / "bloop-estimate" / "pyproject.toml"
        good = project.read_text()
        project.write_text("[project\n")
        hub.says(r"✗ \S+pyproject\.toml: not TOML")
        hub.says(r"The next save tries again\.")
        project.write_text(good)
        hub.says("Plugin    estimate 0.1.0 ready")


def test_an_author_who_ended_the_process_gets_another_try_with_the_same_version(folder):
    source = folder / "bloop-estimate" / "bloop_estimate" / "__init__.py"
    good = source.read_text()
    source.write_text("import os\nos._exit(9)\n")
    with up(folder) as hub:
        hub.says("Plugin    estimate 0.1.0 load_failed")
    source.write_text(good)
    with up(folder) as hub:
        hub.says("Plugin    estimate 0.1.0 ready")


def test_an_installed_plugin_of_the_same_name_is_hidden_and_that_is_said(folder, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    write_plugin(site, "estimate", code="raise SystemExit('imported')", version="7.0")
    with up(folder, site=site) as hub:
        hub.says(
            rf"estimate runs from {re.escape(str(folder))}/bloop-estimate, "
            r"in place of the installed bloop-estimate 7\.0\n"
        )
        hub.says("Plugin    estimate 0.1.0 ready")


def test_a_folder_that_is_no_plugins_is_refused_before_anything_starts(folder):
    done = subprocess.run(
        [BLOOP, "up", "--plugin", "nowhere"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "nowhere is no plugin's folder" in done.stderr
    assert not (folder / "var").exists()

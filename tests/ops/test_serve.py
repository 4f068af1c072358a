from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bloop.ops.serve import bind, is_loopback
from bloop_sdk import ConfigError

BLOOP = Path(sys.executable).with_name("bloop")
PATIENCE_SECONDS = 60


@pytest.fixture
def config(tmp_path):
    """A hub that guests may read, on SQLite."""
    path = tmp_path / "hub.toml"
    path.write_text('[access]\nguests = "read"\n[plugins.cartridge]\nenabled = true\n')
    return path


@contextlib.contextmanager
def up(config, *options):
    """A running `bloop up`, and what it has printed so far by a function."""
    log = config.with_name("up.log")
    with log.open("w") as file:
        process = subprocess.Popen(
            [BLOOP, "--config", config, "up", *options],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    try:
        yield process, log.read_text
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(pattern, process, text) -> re.Match[str]:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        if found := re.search(pattern, text()):
            return found
        if process.poll() is not None:
            break
        time.sleep(0.05)
    pytest.fail(f"no {pattern} in:\n{text()}")


def ready(url) -> httpx.Response:
    end = time.monotonic() + PATIENCE_SECONDS
    answer = httpx.get(f"{url}/readyz")
    while answer.status_code != 200 and time.monotonic() < end:
        time.sleep(0.05)
        answer = httpx.get(f"{url}/readyz")
    return answer


def test_a_fresh_hub_comes_up_logs_its_operator_in_once_and_ends_well(config):
    with up(config, "--port", "0") as (process, text):
        link = wait_for(r"(http://127\.0\.0\.1:\d+)/start\?token=\S+", process, text)
        url = link[1]
        assert ready(url).json()["status"] == "ready"
        assert httpx.get(f"{url}/api/v1/containers").json() == {"items": [], "next": None}
        page = httpx.get(url, headers={"accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        missing = httpx.get(f"{url}/nowhere", headers={"accept": "text/html"})
        assert missing.status_code == 404 and "<html" in missing.text
        metrics = httpx.get(f"{url}/metrics").text
        assert 'bloop_http_requests_total{method="GET",route="/readyz",status="200"}' in metrics
        with httpx.Client() as client:
            client.get(link[0])
            assert client.get(f"{url}/api/v1/account").json()["role"] == "operator"
        assert httpx.get(link[0]).status_code == 403
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0
    with up(config, "--port", "0") as (process, text):
        wait_for(r"http://127\.0\.0\.1:\d+/", process, text)
        assert "token=" not in text()


def test_the_link_is_printed_anew_while_nobody_used_it(config):
    links = []
    for _ in range(2):
        with up(config, "--port", "0") as (process, text):
            links.append(wait_for(r"start\?token=\S+", process, text)[0])
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)
    assert links[0] != links[1]


def test_nobody_else_may_reach_a_hub_that_nobody_has_logged_in_to(config):
    config.write_text(config.read_text() + "[http]\nallow_plain = true\n")
    with up(config, "--host", "0.0.0.0", "--port", "0") as (process, text):
        assert process.wait(PATIENCE_SECONDS) == 1
        assert "start it once on 127.0.0.1" in text()


def test_a_port_that_is_taken_is_named(config, free_port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        with up(config, "--port", str(free_port)) as (process, text):
            assert process.wait(PATIENCE_SECONDS) == 1
            assert f"cannot listen on 127.0.0.1:{free_port}" in text()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "999.1.1.1"])
def test_an_address_that_is_not_ours_is_refused(host):
    with pytest.raises(ConfigError, match="cannot listen on"):
        bind(host, 0)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_told_from_what_others_reach(host, loopback):
    assert is_loopback(host) is loopback

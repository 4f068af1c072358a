"""The compose file of `deploy/`: its parts fit together, and its hub.toml is one the hub takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bloop.kernel.config import load

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
HUBS = {name: one for name, one in SERVICES.items() if one["image"] == "bloop"}
ENVIRONMENT = dict(
    line.split("=", 1)
    for line in (FOLDER / ".env.example").read_text().splitlines()
    if line and not line.startswith("#")
)


def filled(value):
    """As Compose fills variables in; what the example leaves empty is some word."""
    return re.sub(r"\$\{(\w+)(?::[?-][^}]*)?\}", lambda found: variables()[found[1]], value)


def variables():
    return {name: value or "w0rd" for name, value in ENVIRONMENT.items()}


def test_there_are_two_that_serve_and_two_that_work():
    commands = [" ".join(one["command"]) for one in HUBS.values()]
    assert sum("bloop serve" in command for command in commands) == 2
    assert sum("bloop worker" in command for command in commands) == 2
    assert {"postgres", "redis", "rabbitmq", "proxy"} <= set(SERVICES)


def test_every_variable_is_in_the_example_and_every_password_is_asked_for():
    text = (FOLDER / "compose.yaml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) == set(ENVIRONMENT)
    for name, value in ENVIRONMENT.items():
        if name.endswith("PASSWORD"):
            assert not value, "no password may be in the tree"
            assert re.search(rf"\$\{{{name}:\?", text), f"{name} may be left empty"


@pytest.mark.parametrize("name", HUBS)
def test_the_hub_takes_its_configuration(name):
    one = HUBS[name]
    env = {key: filled(value) for key, value in one["environment"].items()}
    config = load(FOLDER / "hub.toml", env).value
    assert config.store.url.get_secret_value().startswith("postgresql+psycopg://bloop_app:")
    assert (config.store.owner_url is None) is (name != "setup")
    assert config.redis.url.get_secret_value().startswith("redis://")
    assert (config.jobs.carrier, config.http.public_url) == ("celery", "http://localhost:8080")
    assert config.jobs.broker_url.get_secret_value().startswith("amqp://")
    assert {plugin.id for plugin in load(FOLDER / "hub.toml", env).wanted()} == {
        "cartridge",
        "evernote",
        "markdown",
    }
    mounted = [volume.split(":")[1] for volume in one["volumes"]]
    assert str(config.hub.data_dir) in mounted
    assert env["BLOOP_CONFIG"] in mounted


def test_what_is_mounted_is_there_and_what_waits_waits_for_something():
    for one in SERVICES.values():
        for volume in one.get("volumes", ()):
            source = volume.split(":")[0]
            there = (FOLDER / source).exists() if source.startswith(".") else True
            assert there or source in COMPOSE["volumes"]
        for other, how in one.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            assert not healthy or "healthcheck" in SERVICES[other]


def test_the_proxy_knows_the_ports_of_those_that_serve():
    serving = [one["command"] for one in HUBS.values() if "serve" in one["command"]]
    ports = {command[command.index("--port") + 1] for command in serving}
    conf = (FOLDER / "nginx.conf").read_text()
    assert set(re.findall(r"server 127\.0\.0\.1:(\d+)", conf)) == ports
    assert all(
        one["network_mode"] == "service:proxy" for one in HUBS.values() if "serve" in one["command"]
    )


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_its_configuration(tmp_path):
    conf = (FOLDER / "nginx.conf").read_text().replace("listen 80", "listen 127.0.0.1:8099")
    (tmp_path / "hub.conf").write_text(conf)
    whole = tmp_path / "nginx.conf"
    whole.write_text(
        f"pid {tmp_path}/pid; events {{}} http {{ access_log off; error_log stderr;\n"
        f"include {tmp_path}/hub.conf; }}"
    )
    done = subprocess.run(
        ["nginx", "-t", "-q", "-c", whole, "-p", tmp_path], check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()

"""What the command line says of learning."""

from __future__ import annotations

import json

from click.testing import CliRunner

from bloop.cli.main import cli


def run(hub_toml, *arguments):
    done = CliRunner().invoke(cli, ["--config", str(hub_toml), "learning", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_is_due_and_what_was_shown(hub_toml):
    assert CliRunner().invoke(cli, ["--config", str(hub_toml), "init"]).exit_code == 0
    made = CliRunner().invoke(
        cli, ["--config", str(hub_toml), "users", "list", "--json"], catch_exceptions=False
    )
    user = json.loads(made.stdout)["items"][0]["id"]
    found = json.loads(run(hub_toml, "due", user, "--json"))
    assert found == {"items": [], "load": [0] * 30}
    assert "concepts due today" in run(hub_toml, "due", user)
    found = json.loads(run(hub_toml, "compare", "--json"))
    assert found["shown"] == {"answered": 0, "opened": 0, "ignored": 0}
    assert "tells nothing" in run(hub_toml, "compare")
    assert json.loads(run(hub_toml, "fit-reviews", "--json"))["job"]

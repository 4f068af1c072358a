"""`bloop keys`, and secrets that are set from the command line."""

from __future__ import annotations

import io
import sys

import pytest

from bloop_sdk.testing.distributions import CODE, write_plugin

CONFIG = """
    from pydantic import SecretStr
    from bloop_sdk import PluginConfig, Scope, setting

    class Config(PluginConfig):
        most: int = setting(10, scope=Scope.INSTITUTION, ge=1, description="At most so many")
        name: str = setting("n", scope=Scope.INSTITUTION, description="What to call it")
        token: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="Secret")
"""


@pytest.fixture
def notebook(hub_folder, site):
    """The hub with a plugin that has settings."""
    manifest = {"config": "bloop_notebook.config:Config"}
    write_plugin(site, "notebook", code=CODE, files={"config.py": CONFIG}, manifest=manifest)
    (hub_folder / "hub.toml").write_text("[plugins.notebook]\nenabled = true\n")


@pytest.fixture
def typed(monkeypatch):
    """Gives standard input, as a pipe does."""
    return lambda text: monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_secret_is_read_from_standard_input_and_shown_nowhere(bloop, notebook, typed):
    typed("hunter2\n")
    assert bloop("plugins", "set", "notebook", "token", "hunter2").code == 2
    said = bloop("plugins", "set", "notebook", "token")
    assert (said.code, said.out) == (0, "notebook.token now comes from: institution row\n")
    explained = bloop("config", "explain", "plugins.notebook.token", "--institution", "main")
    assert explained.code == 0, explained.err
    assert "institution row" in explained.out and "set on 20" in explained.out
    assert "hunter2" not in said.out + said.err + explained.out
    assert "institution" not in bloop("config", "explain", "plugins.notebook.token").out
    gone = bloop("plugins", "set", "notebook", "token", "--unset")
    assert gone.out == "notebook.token now comes from: default\n"


def test_other_settings_are_given_as_their_model_takes_them(bloop, notebook, typed):
    for key, value in (("most", "5"), ("name", "7")):
        said = bloop("plugins", "set", "notebook", key, value, "--json")
        assert said.json == {"plugin": "notebook", "key": key, "origin": "institution row"}
    found = bloop("config", "explain", "plugins.notebook.name", "--institution", "main", "--json")
    assert found.json["layers"][-1]["value"] == '"7"'
    typed("6")
    assert bloop("plugins", "set", "notebook", "most", "--institution", "main").code == 0
    for wrong in (("most", "many"), ("msot", "1"), ("most", "0")):
        said = bloop("plugins", "set", "notebook", *wrong)
        assert said.code == 1 and wrong[0] in said.err
    assert (
        "there is no institution"
        in bloop("plugins", "set", "notebook", "most", "1", "--institution", "nowhere").err
    )


def test_keys_are_rotated_and_retired_from_the_command_line(bloop, notebook, typed):
    assert bloop("keys", "status").code == 0
    typed("hunter2")
    assert bloop("plugins", "set", "notebook", "token").code == 0
    made = bloop("keys", "rotate", "--json").json
    assert (made["version"], made["rewrapped"]["institution_plugin.secrets"]) == (2, 1)
    said = bloop("keys", "rotate").out
    assert "Master key 3 seals; 1 value rewrapped" in said
    rows = bloop("keys", "status", "--json").json["keys"]
    assert [(row["version"], row["state"], row["sealed"]) for row in rows] == [
        (1, "old", {}),
        (2, "old", {}),
        (3, "current", {"institution_plugin.secrets": 1}),
    ]
    table = bloop("keys", "status").out
    assert "1 of institution_plugin.secrets" in table
    refused = bloop("keys", "retire", "3", "--yes")
    assert (refused.code, "master key 3 is current" in refused.err) == (1, True)
    assert bloop("keys", "retire", "1", "--yes", "--json").json == {"version": 1, "removed": True}
    typed("n\n")
    assert bloop("keys", "retire", "2").code == 130
    typed("y\n")
    assert "is retired, and gone from" in bloop("keys", "retire", "2").out
    assert (
        "\n1:" not in bloop("keys", "make", "4").out and bloop("keys", "make", "4").out[:2] == "4:"
    )
    assert "master key 3 seals" in bloop("doctor").out

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bloop.cli.main import COMMANDS, cli

HEAVY = ("fastapi", "sqlalchemy", "pydantic", "starlette", "rich", "stevedore", "bloop_cartridge")


def imported_by(*arguments):
    """The heavy modules that a command leaves imported."""
    code = (
        "import sys, json; from bloop.cli.main import main\n"
        f"sys.argv = ['bloop', *{list(arguments)!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_help_imports_nothing_heavy(folder):
    assert imported_by("--help") == []


@pytest.mark.parametrize("command", ["import", "export", "content", "jobs", "plugins", "up"])
def test_the_help_of_a_command_imports_no_database_and_no_plugin(folder, command):
    found = imported_by(command, "--help")
    assert not {"fastapi", "sqlalchemy", "bloop_cartridge"} & set(found)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_helps(folder, bloop, name):
    said = bloop(name, "--help")
    assert said.code == 0
    assert "Usage:" in said.out


def test_every_reading_command_takes_json():
    reading = {"list", "show", "tree", "status", "explain", "check", "doctor"}
    context = cli.make_context("bloop", ["--help"], resilient_parsing=True)
    for name in cli.list_commands(context):
        group = cli.get_command(context, name)
        for act, command in getattr(group, "commands", {}).items():
            if act in reading:
                assert "as_json" in {p.name for p in command.params}, f"{name} {act}"


@pytest.mark.parametrize("call", ["plugins list", "plugins list --json"])
def test_a_reader_that_goes_away_is_no_failure(folder, bloop, call):
    command = Path(sys.executable).with_name("bloop")
    line = f"'{command}' {call} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=False, timeout=100
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_broken_hub_toml_names_file_line_and_cure(folder, process):
    Path("hub.toml").write_text('[hub]\nname = "x"\n[http]\nport = "many"\n')
    said = process("content", "list")
    assert said.code == 1
    assert "hub.toml" in said.err and "port" in said.err
    assert "Traceback" not in said.err
    assert "error" in process("content", "list", "--json").json


def test_without_a_hub_the_cure_is_init(folder, process):
    said = process("content", "list")
    assert said.code == 1
    assert "bloop init" in said.err
    assert "Traceback" not in said.err


def test_init_can_be_run_again(folder, bloop):
    first = bloop("init", "--json").json
    Path("hub.toml").write_text(Path("hub.toml").read_text() + "# mine\n")
    second = bloop("init", "--json").json
    assert (first["config_written"], second["config_written"]) == (True, False)
    assert first["institution"] == second["institution"]
    assert Path("hub.toml").read_text().endswith("# mine\n")

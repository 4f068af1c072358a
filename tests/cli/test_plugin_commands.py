"""`bloop PLUGIN COMMAND`: what manifests name, imported when it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bloop_sdk.testing.distributions import CODE, write_plugin

COMMANDS = """
    import click

    @click.command()
    @click.option("--loud", is_flag=True)
    @click.pass_obj
    async def greet(ctx, loud):
        \"\"\"Greet the institution.\"\"\"
        ctx.store  # the plugin's own values
        there = await ctx.read(lambda unit: unit.institution)
        text = f"{ctx.plugin_id} greets {there} as {ctx.call.principal.kind}"
        click.echo(text.upper() if loud else text)

    @click.command()
    @click.pass_obj
    def plain(ctx):
        click.echo(ctx.plugin_id)

    @click.command()
    @click.pass_obj
    async def crash(ctx):
        raise ValueError("no such thing")

    @click.command()
    @click.argument("name")
    @click.pass_obj
    async def refuse(ctx, name):
        raise click.BadParameter(f"no {name}")

    nothing = 3
"""


@pytest.fixture
def folder(folder, site):
    """Two plugins that have commands; the greeter is written into hub.toml."""
    names = ("greet", "plain", "crash", "refuse", "nothing")
    for plugin_id in ("greeter", "other"):
        declared = [
            {
                "name": name,
                "command": f"bloop_{plugin_id}.commands:{name}",
                "help": f"To {name}.",
            }
            for name in names
        ]
        write_plugin(
            site,
            plugin_id,
            code=CODE,
            files={"commands.py": COMMANDS},
            manifest={"contributes": {"commands": declared}},
        )
    return folder


@pytest.fixture
def greeter(hub_folder):
    path = hub_folder / "hub.toml"
    path.write_text(path.read_text() + "\n[plugins.greeter]\nenabled = true\n")
    return hub_folder


def test_a_command_has_the_plugins_context_and_may_be_async(greeter, bloop):
    said = bloop("greeter", "greet")
    assert said.code == 0, said.err
    assert said.out.startswith("greeter greets ") and said.out.endswith(" as system\n")
    assert bloop("greeter", "greet", "--loud").out.startswith("GREETER GREETS ")
    assert bloop("greeter", "plain").out == "greeter\n"
    loaded = {name for name in sys.modules if name.startswith(("bloop_other", "bloop_cartridge."))}
    assert "bloop_other" not in loaded


def test_a_plugin_that_is_not_enabled_is_not_imported_and_says_what_to_do(greeter, bloop):
    said = bloop("other", "greet")
    assert said.code == 1
    assert "plugin other is not enabled" in said.err
    assert "bloop plugins enable other" in said.err
    assert "bloop_other" not in sys.modules


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        (("crash",), 1, "plugin greeter: command crash: ValueError: no such thing"),
        (("refuse", "him"), 2, "no him"),
        (("refuse",), 2, "Missing argument"),
        (("nothing",), 1, "is no click command"),
        (("unknown",), 2, "No such command 'unknown'"),
    ],
)
def test_what_goes_wrong_is_told_without_a_traceback(greeter, bloop, call, code, said):
    told = bloop("greeter", *call)
    assert told.code == code
    assert said in told.err
    assert "Traceback" not in told.err


def test_help_lists_from_the_manifest_and_imports_no_plugin(folder, bloop):
    said = bloop("greeter", "--help")
    assert said.code == 0
    assert "To greet." in said.out
    assert "bloop PLUGIN --help" in bloop("--help").out
    assert "bloop_greeter" not in sys.modules
    assert bloop("nobody").code == 2


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("bloop gree", {"greeter"}), ("bloop greeter pl", {"plain"}), ("bloop jo", {"jobs"})],
)
def test_the_shell_completes_them(folder, site, words, wanted):
    environment = os.environ | {
        "_BLOOP_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "PYTHONPATH": str(site),
    }
    done = subprocess.run(
        [Path(sys.executable).with_name("bloop")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == wanted


WORK = """
    import asyncio
    import click

    @click.command()
    @click.pass_obj
    async def fill(ctx):
        async with ctx.working():
            await ctx.transaction(lambda unit: unit.enqueue("note", {"text": "done"}))
            with ctx.bar("Filling") as told:
                while (found := await ctx.run_sync(ctx.store.get, "note")) is None:
                    told(0, 1, "notes")
                    await asyncio.sleep(0.02)
        click.echo(found)

    async def note(ctx, payload):
        await ctx.run_sync(ctx.store.set, "note", payload["text"])
"""


def test_a_command_at_the_top_runs_its_jobs_itself_where_nobody_else_does(hub_folder, site, bloop):
    contributes = {
        "commands": [
            {"name": "fill", "command": "bloop_filler.work:fill", "help": "To fill.", "top": True}
        ],
        "jobs": [{"kind": "note", "handler": "bloop_filler.work:note", "queue": "notes"}],
    }
    write_plugin(
        site, "filler", code=CODE, files={"work.py": WORK}, manifest={"contributes": contributes}
    )
    path = hub_folder / "hub.toml"
    path.write_text(path.read_text() + "\n[plugins.filler]\nenabled = true\n")
    said = bloop("fill")
    assert (said.code, said.out, said.err) == (0, "done\n", "")
    assert bloop("filler", "fill").out == "done\n"
    assert "fill" in bloop("filler", "--help").out

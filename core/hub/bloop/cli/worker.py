"""``bloop worker``: a process for work in the background, beside those that serve."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bloop.cli.folders import plugin_option

if TYPE_CHECKING:
    from bloop.ops.supervise import Lifeline


def _names(_ctx: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name for part in value.split(",") if (name := part.strip())))
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise click.BadParameter(f"{name!r} is no name of a queue, like sync or render")
    return names


@click.command()
@click.option("--queues", callback=_names, default="", help="Only these: sync,render,default")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=2,
    show_default=True,
    help="Jobs to run at a time.",
)
@click.option(
    "--max-tasks-per-child",
    "max_offers",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="With Celery: a process is replaced after so many offers of the broker.",
)
@plugin_option
@click.pass_context
def worker(ctx: click.Context, queues: tuple[str, ...], workers: int, max_offers: int) -> None:
    """Run work in the background, and nothing else.

    As many as you like, on any machine that reaches the hub's database. It loads the plugins that
    the hub has, follows when they are switched, and is started again should one bring it down.
    """
    config: Path | None = ctx.find_root().obj

    def run(lifeline: Lifeline) -> None:
        # In the child alone: its supervisor should hold nothing that could fail.
        from bloop.ops.work import work

        work(
            config,
            queues=queues,
            workers=workers,
            max_offers=max_offers,
            on_ready=partial(announce, queues, workers),
            lifeline=lifeline,
        )

    from bloop.ops.supervise import supervise

    ctx.exit(supervise(run))


def announce(queues: tuple[str, ...], workers: int) -> None:
    """Say what is run here."""
    of = f"the queues {', '.join(queues)}" if queues else "every queue"
    click.echo(f"  Bloop works: up to {workers} jobs at a time, of {of}. Stop with Ctrl-C.")

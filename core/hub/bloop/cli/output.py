"""What the commands share: JSON or rich output, and a hub opened for one command."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click
import orjson

if TYPE_CHECKING:
    from rich.console import Console

    from bloop.hub import Hub
    from bloop_sdk import Call

P = ParamSpec("P")
T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
"""On every reading command; the value arrives as ``as_json``."""

WIDE = 10_000
"""What a pipe is as wide as: lines for programs are neither folded nor cut."""

STATE_STYLES = {
    "ready": "green",
    "active": "green",
    "succeeded": "green",
    "disabled": "dim",
    "stopped": "dim",
    "cancelled": "dim",
    "delivered": "green",
    "current": "green",
    "old": "dim",
    "coming": "cyan",
    "waiting": "cyan",
    "running": "cyan",
    "pending": "yellow",
    "retrying": "yellow",
    "degraded": "yellow",
    "checking": "cyan",
    "suspended": "dim",
    "unconfigured": "dim",
    "auth_failed": "red",
    "behind": "yellow",
    "parked": "red",
    "needs_upgrade": "yellow",
    "blocked": "yellow",
    "incompatible": "red",
    "invalid": "red",
    "load_failed": "red",
    "failed": "red",
}


def console() -> Console:
    """Rich's console on standard output; plain where that is no terminal."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise  # noqa: PLE0704 - in its except block; the entry point knows what to do

    width = None if sys.stdout.isatty() else WIDE
    return Output(highlight=False, soft_wrap=True, width=width)


def print_json(value: Any) -> None:
    """One JSON document, indented."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode())


def plain(text: str) -> str:
    """Text of others as rich markup: its brackets are no markup, its control characters are gone.

    A title may hold escape sequences, and a terminal would obey them.
    """
    from rich.markup import escape

    return escape("".join(char for char in text if char.isprintable()))


def counted(count: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def state(name: str) -> str:
    """A state in its colour, as rich markup."""
    return f"[{STATE_STYLES.get(name, 'default')}]{name}[/]"


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table without lines: columns are enough."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console().print(table)


def print_conflicts(count: int) -> None:
    """How many notes both sides have changed, and where somebody decides."""
    out = console()
    notes = counted(count, "note")
    out.print(f"[yellow]![/] {notes} changed here and there at the same place: both are kept")
    out.print("  [cyan]→[/] compare and decide: bloop notes conflicts")


@contextmanager
def progress_bar(name: str, unit: str = "") -> Iterator[Callable[[int, int | None, str], None]]:
    """A bar on standard error, told of done, total and a message; nothing where it is no terminal.

    Behind the numbers stands their ``unit``, or the message where they have none.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    errors = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with bar:
        task = bar.add_task(plain(name), total=None, note=unit)
        yield lambda done, total, message: bar.update(
            task, completed=done, total=total, note=unit or plain(message)
        )


def asynchronous(function: Callable[P, Awaitable[T]]) -> Callable[P, T]:
    """Run a command's coroutine to its end."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run(_awaited(function(*args, **kwargs)))

    return run


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable


def hub_call(hub: Hub) -> Call:
    """The call that a command makes: the operator's, in the first institution.

    Raises ConfigError where `bloop init` has not been run.
    """
    from bloop.accounts.sessions import system_call
    from bloop_sdk import ConfigError

    if not hub.has_database:
        file = hub.database.url.database
        raise ConfigError(
            f"there is no hub here yet: no database at {file}", cure="run: bloop init"
        )
    return system_call(hub.institution)


@contextmanager
def _without_search_for_garbage() -> Iterator[None]:
    """For imports, whose objects stay: to look through them costs a seventh of a command."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@asynccontextmanager
async def open_hub() -> AsyncIterator[Hub]:
    """The hub of this command's configuration, without serving or background work."""
    with _without_search_for_garbage():
        from bloop.hub import Hub
        from bloop.telemetry.logs import configure

        configure("critical", "text")  # A command says itself what happened.
        hub = Hub.open(click.get_current_context().find_root().obj, kind="cli")
    try:
        yield hub
    finally:
        await hub.stop()

"""A live bar for long work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bloop.cli.output import plain
from bloop_sdk.plugin import Told


@contextmanager
def progress_bar(title: str) -> Iterator[Told]:
    """A bar with what is done now, counts, pace and what is left, on the terminal of errors.

    Nothing where that is none. What is done now begins to be counted anew where its words change.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    errors = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[pace]}[/]"),
        TimeRemainingColumn(compact=True),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with bar:
        task = bar.add_task(plain(title), total=None, note="", pace="")
        last = ""

        def told(done: int, total: int | None, message: str) -> None:
            nonlocal last
            if message != last:
                bar.reset(task, total=None)
                last = message
            speed = bar.tasks[task].speed
            pace = f"{speed:.0f}/s" if speed and speed >= 1 else ""
            bar.update(task, completed=done, total=total, note=plain(message), pace=pace)

        yield told

"""A live bar for long work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from bloop.cli.output import plain


class Bar(Protocol):
    """Moves a bar; ``left`` is told in place of what its own pace would say is left."""

    def __call__(self, done: int, total: int | None, message: str, left: str = "") -> None:
        """Show this."""
        ...


@contextmanager
def progress_bar(title: str) -> Iterator[Bar]:
    """A bar with what is done now, counts, pace and what is left, on the terminal of errors.

    Nothing where that is none. What is done now begins to be counted anew where its words change.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Left(TimeRemainingColumn):
        def render(self, task: Task) -> Text:
            left = task.fields["left"]
            return Text(left, style="progress.remaining") if left else super().render(task)

    errors = Console(stderr=True, highlight=False)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[pace]}[/]"),
        Left(compact=True),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    with bar:
        task = bar.add_task(plain(title), total=None, note="", pace="", left="")
        last = ""

        def told(done: int, total: int | None, message: str, left: str = "") -> None:
            nonlocal last
            if message != last:
                bar.reset(task, total=None)
                last = message
            speed = bar.tasks[task].speed
            pace = f"{speed:.0f}/s" if speed and speed >= 1 else ""
            note = plain(message)
            bar.update(task, completed=done, total=total, note=note, pace=pace, left=left)

        yield told

"""The one error the builder raises on purpose."""

from __future__ import annotations

from pathlib import Path


class CourseError(Exception):
    """Something in the course sources needs the author's attention.

    The message always names the file, says what is wrong and what to do about it.
    """

    def __init__(self, source: Path, problem: str, remedy: str) -> None:
        self.source = source
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{source}: {problem}\n  What to do: {remedy}")

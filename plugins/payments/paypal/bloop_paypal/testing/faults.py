"""What goes wrong on PayPal's side: before a request is done, or after.

The statuses are those of developer.paypal.com/api/rest/responses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bloop_paypal.testing.books import RefusedError


@dataclass(slots=True)
class Fault:
    """Requests of a path go wrong; ``left`` times, or for ever where it is None."""

    path: re.Pattern[str]
    status: int
    done: bool
    left: int | None
    name: str


class Faults:
    """What is to go wrong, the first that fits first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let it happen from now on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._faults.clear()

    def before(self, path: str) -> None:
        """Raise what refuses a request that is not done."""
        self._strike(path, done=False)

    def after(self, path: str) -> None:
        """Raise what hides that a request was done."""
        self._strike(path, done=True)

    def _strike(self, path: str, *, done: bool) -> None:
        for one in self._faults:
            if one.done is done and one.left != 0 and one.path.search(path):
                if one.left is not None:
                    one.left -= 1
                raise RefusedError(one.status, name=one.name)

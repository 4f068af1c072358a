"""What rules are, and what they find."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bloop.ops.lint.subject import Subject


class Severity(enum.StrEnum):
    """An error keeps a plugin from working or hides what it does; a hint is a matter of care."""

    ERROR = "error"
    WARNING = "warning"
    HINT = "hint"

    @property
    def rank(self) -> int:
        """The worst is 0."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Fault:
    """One place where a rule is broken: what is wrong, what to do, and where."""

    message: str
    cure: str
    file: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault with its rule's code and severity; ``line`` 0: the file as a whole."""

    code: str
    severity: Severity
    message: str
    cure: str
    file: str
    line: int


Check = Callable[["Subject"], Iterator[Fault]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its stable code."""

    code: str
    severity: Severity
    check: Check

    @property
    def text(self) -> str:
        """What it asks for, and why."""
        return self.check.__doc__ or ""


RULES: dict[str, Rule] = {}


def rule(code: str, severity: Severity) -> Callable[[Check], Check]:
    """Register a check."""

    def keep(check: Check) -> Check:
        assert code not in RULES, code
        RULES[code] = Rule(code, severity, check)
        return check

    return keep

"""What a suite is made of: rules, each a sentence that holds for every good plugin."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.system import OFFERS, Folder, Subject

Check = TypeVar("Check", bound=Callable[[Any], Awaitable[None]])


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and what it needs of a subject; it raises an AssertionError where it is broken."""

    check: Callable[[Any], Awaitable[None]]
    needs: tuple[str, ...] = ()
    subject: type[Subject] | None = None
    """The only kind of subject that it makes sense for."""

    @property
    def name(self) -> str:
        """As in the test's name."""
        return self.check.__name__

    @property
    def sentence(self) -> str:
        """What holds, in words."""
        return " ".join((self.check.__doc__ or "").split())


class Suite:
    """The rules of a capability, or of every plugin; ``case`` makes what each is checked on."""

    def __init__(self, title: str, case: Callable[[PluginUnderTest, str, Any, Path], Any]) -> None:
        self.title = title
        self.case = case
        self.rules: dict[str, Rule] = {}

    def rule(self, *needs: str, subject: type[Subject] | None = None) -> Callable[[Check], Check]:
        """Add a rule that needs some of a subject's offers."""
        assert set(needs) <= set(OFFERS)

        def add(check: Check) -> Check:
            self.rules[check.__name__] = Rule(check, needs, subject)
            return check

        return add

    def applying(self, subject: object) -> list[Rule]:
        """The rules that make sense for a subject."""
        return [
            rule
            for rule in self.rules.values()
            if rule.subject is None or isinstance(subject, rule.subject)
        ]


def require(subject: Subject, offers: set[str], name: str) -> None:
    """Skip with the declared reason where an offer is lacking; fail where no reason is given."""
    if name in subject.without:
        if name in offers:
            pytest.fail(f"without={{{name!r}: ...}}, but it is there: remove that line")
        pytest.skip(f"{name}: {subject.without[name]}")
    if name not in offers:
        who = "Folder()" if isinstance(subject, Folder) else "the system that `make` gives"
        pytest.fail(
            f"{who} needs {OFFERS[name]}; or say why there is none: without={{{name!r}: 'reason'}}"
        )

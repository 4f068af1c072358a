"""For tests of language models: what stands for the vendor, and says what it is told to say.

TestMine = plugin_tests("bloop_mine", language=Models(FakeVendor, bad={"key": "wrong"}))

A ``FakeVendor`` is made anew for each test, and speaks as the vendor's documentation says. Where it
has ``answer``, as a :class:`bloop_sdk.testing.FakeSystem` has, the provider's ``ctx.http`` leads
there; for a vendor's own client it starts a server on 127.0.0.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class FakeModel(Protocol):
    """What stands for a vendor with one model.

    It may offer besides: ``stop()`` and ``start()``, to be away and come back; ``hang()``, to leave
    the next request without an answer; ``cut()``, to break the next stream off before its end.
    """

    settings: Mapping[str, Any]
    """The plugin's settings, with which it is reached."""
    asked: Sequence[str]
    """What the model was shown, one text a request: everything that its messages say."""

    def say(self, *texts: str) -> None:
        """What the model answers next, one after the other; then the last message's own text."""
        ...

    def close(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, kw_only=True)
class Models:
    """A provider of a language model in tests.

    ``bad`` are the settings of a credential that is refused. ``without`` says of each offer that is
    lacking, and of each rule that can't hold, why.
    """

    make: Callable[[], FakeModel]
    bad: Mapping[str, Any] | None = None
    without: Mapping[str, str] = field(default_factory=dict)

    @property
    def offers(self) -> set[str]:
        """What it offers of :data:`bloop_sdk.testing.system.OFFERS`."""
        names = ("stop", "start", "hang", "cut")
        found = {name for name in names if hasattr(self.make, name)}
        return found | ({"bad"} if self.bad is not None else set())

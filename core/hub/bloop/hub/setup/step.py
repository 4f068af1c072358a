"""What a step of setting up is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bloop.kernel.states import PluginState

OFF = frozenset({PluginState.DISABLED, PluginState.DISCOVERED, PluginState.STOPPED})
"""The states of a plugin that a switch ends."""

State = Literal["done", "open", "waiting", "blocked"]
Dismissed = Literal["", "own", "all"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do a step: a page of the hub, or an act of it, to which a form ``posts``."""

    title: str
    href: str
    posts: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``dismissed`` says for whom it is put away: nobody, ``own`` or ``all``."""

    name: str
    title: str
    text: str
    state: State
    ways: tuple[Way, ...]
    dismissed: Dismissed = ""

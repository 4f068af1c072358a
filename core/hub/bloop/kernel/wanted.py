"""What the operator wants of plugins, and what was done about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator wants: which plugins, in which order, with which settings as written.

    ``granted`` holds the rights of those plugins for which the operator has said them.
    """

    enabled: frozenset[str] = frozenset()
    order: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    granted: Mapping[str, Collection[str]] = field(default_factory=dict)

    @property
    def generation(self) -> str:
        """A hash of it, the same in every process that wants the same."""
        granted = {name: sorted(rights) for name, rights in self.granted.items()}
        wanted = [sorted(self.enabled), dict(self.order), dict(self.settings), granted]
        text = json.dumps(wanted, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Changes:
    """What :meth:`Kernel.apply` did, as plugin ids; ``restart`` are those it could not bring."""

    generation: str
    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    reconfigured: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()

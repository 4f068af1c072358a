"""What a stream has yielded so far: from it comes what is gone, which no list of Blackboard tells.

It is the stream's cursor. What a list does not hold any more is gone only once the site says so
of it: a list that moves while it is read may have passed something over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bloop_blackboard.api import Api
from bloop_sdk import (
    Cursor,
    Kind,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    Ref,
    Skipped,
)
from bloop_sdk.records import JSONObject

_VERSION = 1


@dataclass(slots=True)
class Known:
    """By a name within the course: the refs that came of it, and what the stream keeps of it."""

    entries: dict[str, JSONObject] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    deleted: list[Ref] = field(default_factory=list)
    refused: list[Skipped] = field(default_factory=list)
    """What was there before and may not be read any more."""

    @classmethod
    def of(cls, state: Cursor | None) -> Known:
        """From a cursor; one of another version counts as none."""
        known = state.value.get("known") if state and state.version == _VERSION else None
        return cls(dict(known) if isinstance(known, dict) else {})

    def cursor(self) -> Cursor:
        """As it stands now."""
        return Cursor({"known": dict(self.entries)}, _VERSION)

    def kept(self, name: str) -> JSONObject:
        """What was kept of a name, empty where it is new."""
        kept: Any = self.entries.get(name, {}).get("kept")
        return kept if isinstance(kept, dict) else {}

    def take(self, name: str, refs: Iterable[Ref], kept: JSONObject | None = None) -> None:
        """Something was read: refs that it had before and has no more are deleted."""
        now = [str(ref) for ref in refs]
        self.met.add(name)
        self._delete(ref for ref in self._refs(name) if ref not in now)
        self.entries[name] = {"refs": now, **({"kept": kept} if kept else {})}

    def meet(self, name: str) -> None:
        """Something was listed that could not be used: it is not gone."""
        self.met.add(name)

    def missing(self) -> list[str]:
        """The names that were not met this time."""
        return [name for name in self.entries if name not in self.met]

    def drop(self, name: str) -> None:
        """It is gone."""
        self._delete(self._refs(name))
        self.entries.pop(name, None)

    async def sweep(self, api: Api, path_of: Callable[[str], str]) -> None:
        """Ask for each that was not met."""
        for name in self.missing():
            await self.settle(api, name, path_of(name))

    async def settle(self, api: Api, name: str, path: str) -> None:
        """Drop what the site says is gone; what it refuses to show is there, and told of."""
        try:
            await api.get(path, {"fields": "id"})
        except MissingRecordError:
            self.drop(name)
        except PermissionMissingError as err:
            self.refused += [
                Skipped(ref=str(ref), reason=err.message, code="record_forbidden")
                for ref in self._refs(name)
            ]
        except MalformedRecordError:
            return  # It says neither.

    def take_deleted(self) -> tuple[Ref, ...]:
        """The refs that are gone since this was asked last."""
        # What has come back under another name is there.
        there = {ref for entry in self.entries.values() for ref in entry.get("refs", ())}
        found = tuple(ref for ref in dict.fromkeys(self.deleted) if str(ref) not in there)
        self.deleted.clear()
        return found

    def _refs(self, name: str) -> list[str]:
        return [str(ref) for ref in self.entries.get(name, {}).get("refs", ())]

    def _delete(self, refs: Iterable[str]) -> None:
        for text in refs:
            kind, _, remote_id = text.partition(":")
            self.deleted.append(Ref(Kind(kind), remote_id))

"""Parts (:class:`bloop_sdk.Part`) as a hub would remember them, for the kit's replica."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bloop_sdk.records import Part, Ref

Place = tuple[str, str | None]
"""A stream and a container of it."""


@dataclass
class _Kept:
    digest: str
    made: dict[Ref, str]


@dataclass
class Parts:
    """Digests of parts with the hashes of their records, and what was met since the last cursor."""

    _kept: dict[Place, dict[str, _Kept]] = field(default_factory=dict)
    _open: dict[Ref, str] = field(default_factory=dict)
    _whole: bool = True

    def begin(self, place: Place) -> None:
        """A partition is read from a cursor on."""
        self._kept.setdefault(place, {})
        self._open, self._whole = {}, True

    def known(self, place: Place, held: Mapping[Ref, str]) -> dict[str, str]:
        """Digests by their keys of the parts that are still held as they were made."""
        kept = self._kept.get(place, {})
        return {
            key: one.digest
            for key, one in kept.items()
            if all(held.get(ref) == hash_ for ref, hash_ in one.made.items())
        }

    def refs(self, place: Place, key: str) -> Iterable[Ref]:
        """What a part is made of."""
        return self._kept[place][key].made

    def take(
        self, place: Place, made: Mapping[Ref, str], part: Part | None, *, whole: bool, ends: bool
    ) -> None:
        """Hashes of what a batch brought; ``whole`` where none of it failed."""
        self._open |= made
        self._whole &= whole
        if part is not None and self._whole:
            self._kept[place][part.key] = _Kept(part.digest, self._open)
        if part is not None or ends:
            self._open, self._whole = {}, True

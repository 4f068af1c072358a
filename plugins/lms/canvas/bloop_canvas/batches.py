"""From pages of Canvas's lists to batches: what cannot be read is left out with its reason."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bloop_canvas.fields import kept
from bloop_canvas.place import Place
from bloop_sdk import Batch, Kind, Record, SkippableError, Skipped
from bloop_sdk.records import JSONObject

SIZE = 200
"""Records in a batch at most, give or take those of one thing."""

Make = Callable[[JSONObject], Iterable[Record]]
Name = Callable[[JSONObject], str]
"""How an object is called where it cannot be read."""


@dataclass(slots=True)
class Made:
    """What became of some of Canvas's objects."""

    records: list[Record] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def take(self, name: Name, item: JSONObject, make: Make) -> None:
        """Add what ``make`` gives of an object, or under its name why it gives nothing."""
        try:
            self.records += make(item)
        except SkippableError as err:
            self.skip(name(item), item, str(err), err.code)
        except (AttributeError, KeyError, TypeError, ValueError) as err:
            # One object of an unforeseen shape costs itself, not the list that it stands in.
            self.skip(name(item), item, f"it has a shape that nobody here knows: {err!r}")

    def skip(self, ref: str, item: JSONObject, reason: str, code: str = "record_malformed") -> None:
        """Leave an object out."""
        self.skipped.append(Skipped(ref=ref, reason=reason, code=code, raw=kept(item)))

    def batches(self) -> Iterable[Batch]:
        """Everything in batches, without cursors."""
        skipped = tuple(self.skipped)
        for start in range(0, len(self.records), SIZE):
            yield Batch(records=tuple(self.records[start : start + SIZE]), skipped=skipped)
            skipped = ()
        if skipped:
            yield Batch(skipped=skipped)


def all_of(items: Sequence[JSONObject], name: Callable[[JSONObject], str], make: Make) -> Made:
    """What becomes of each object of a page."""
    made = Made()
    for item in items:
        made.take(name, item, make)
    return made


def named(place: Place | None, kind: Kind, *fields: str) -> Callable[[JSONObject], str]:
    """How a list's objects are called where they cannot be read."""

    def name(item: JSONObject) -> str:
        found = next((item[one] for one in fields or ("id",) if item.get(one) is not None), "?")
        return f"{kind}:{place.id(str(found)) if place else found}"

    return name


async def closed_by(
    batches: AsyncGenerator[Batch, None], end: Batch
) -> AsyncGenerator[Batch, None]:
    """Batches, of which the last has the cursor and part of ``end``: they cover it only then."""
    held: Batch | None = None
    async for batch in batches:
        if held is not None:
            yield held
        held = batch
    yield dataclasses.replace(held or Batch(), cursor=end.cursor, part=end.part)

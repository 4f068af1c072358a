"""What plugins say belongs to an item, such as what is said in its video: found with the item.

    describe(unit, item, plugin, text, moments=[(0, 0.4), (57, 3.1)])

The text is kept once for each item, plugin and key, and each change of it is an event that the
indexes follow; the item itself stays as it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from sqlalchemy import Select, literal, or_, select

from bloop.content.changes import owners_of
from bloop.content.enrolling.visibility import container_reachable, with_container
from bloop.content.models import Container, Item
from bloop.content.search.models import ItemText
from bloop.content.search.topics import DESCRIBED
from bloop.store.errors import InvalidError, NotFoundError
from bloop.store.statements import values_of_caller
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

LONGEST = 200_000
"""So many characters of a text are kept."""
LONGEST_SECONDS = 24 * 3600.0
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{2,35}")


def describe(
    unit: UnitOfWork,
    item: str,
    plugin: str,
    text: str,
    *,
    key: str = "transcript",
    language: str | None = None,
    moments: Sequence[tuple[int, float]] = (),
    trusted: bool = False,
) -> None:
    """Keep what a plugin says of an item: :meth:`bloop_sdk.Unit.describe`.

    The hub itself is ``trusted`` with what is somebody's alone.
    """
    _check(key, language, text, moments)
    place = {"institution_id": unit.institution, "item_id": item, "plugin_id": plugin, "key": key}
    row = unit.session.scalar(select(ItemText).filter_by(**place).with_for_update())
    if not text.strip():
        if row is not None:
            unit.session.delete(row)
            unit.session.flush()
            _announce(unit, {item: _container_of(unit, item)})
        return
    values = {
        "text": text[:LONGEST].replace("\x00", " "),
        "language": language,
        "moments": [[at, round(seconds * 1000)] for at, seconds in moments if at < LONGEST],
    }
    if row is None:
        row = _expect(unit, place, trusted=trusted)
    if row is None:
        row = ItemText(**place)
        unit.session.add(row)
    elif all(getattr(row, name) == value for name, value in values.items()):
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.updated_at = utcnow()
    unit.session.flush()
    _announce(unit, {item: _container_of(unit, item)})


def announce_of_plugin(unit: UnitOfWork, plugin: str) -> None:
    """Have the indexes look again at all items that a plugin has said something of.

    It is for a unit of every institution, in which that is going.
    """
    said = select(ItemText.institution_id, Item.id, Item.container_id).join(
        Item, (Item.institution_id == ItemText.institution_id) & (Item.id == ItemText.item_id)
    )
    by_institution: dict[str, dict[str, str | None]] = {}
    for institution, item, container in unit.session.execute(
        said.where(ItemText.plugin_id == plugin).distinct()
    ):
        by_institution.setdefault(institution, {})[item] = container
    for institution, items in by_institution.items():
        _announce(unit, items, institution)


def _check(key: str, language: str | None, text: str, moments: Sequence[tuple[int, float]]) -> None:
    if not _KEY.fullmatch(key):
        raise InvalidError(
            f"key: {key[:50]!r} is none",
            field="key",
            cure="up to 40 of a-z, 0-9, _ and -, beginning with a letter",
        )
    if language is not None and not _LANGUAGE.fullmatch(language):
        raise InvalidError(f"language: {language[:50]!r} is no tag such as de-AT", field="language")
    inside = all(
        0 <= at < len(text) and math.isfinite(seconds) and 0 <= seconds <= LONGEST_SECONDS
        for at, seconds in moments
    )
    if not inside or any(one[0] >= following[0] for one, following in pairwise(moments)):
        raise InvalidError(
            "moments: pairs of a place in the text and seconds within a day, places rising",
            field="moments",
        )


def _expect(unit: UnitOfWork, place: Mapping[str, str], *, trusted: bool) -> ItemText | None:
    """Hold the item, so that only one at a time says something new of it; what another one has."""
    there: Select[str] = (
        select(Item.id)
        .join(Container, with_container)
        .where(
            Item.institution_id == unit.institution,
            Container.institution_id == unit.institution,
            Item.id == place["item_id"],
            or_(literal(value=trusted), container_reachable),
        )
        .with_for_update(of=Item)
    )
    values = {"institution": unit.institution, **values_of_caller(unit.call)}
    if unit.session.scalar(there, values) is None:
        raise NotFoundError(f"no item {place['item_id'][:40]}", cure="it may have been deleted")
    return unit.session.scalar(select(ItemText).filter_by(**place))


def _container_of(unit: UnitOfWork, item: str) -> str | None:
    return unit.session.scalar(
        select(Item.container_id).where(Item.institution_id == unit.institution, Item.id == item)
    )


def _announce(
    unit: UnitOfWork, items: Mapping[str, str | None], institution: str | None = None
) -> None:
    """Have the indexes look at items again; ``items`` name their containers."""
    institution = institution or unit.institution
    owners = owners_of(unit, [inside for inside in items.values() if inside is not None])
    for item, inside in items.items():
        owner = owners.get(inside) if inside is not None else None
        payload = {"id": item} if owner is None else {"id": item, "owner": owner}
        unit.outbox.append(DESCRIBED, f"index:{item}", payload, institution=institution)

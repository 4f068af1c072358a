"""Captions that are files of a course: their words belong to the video that they are of.

A file ``lecture.de.vtt`` is of the video ``lecture.mp4`` beside it, and a ``<track>`` in a
lesson's text is of the lesson. What they say is kept as plugins say it
(:mod:`bloop.content.search.described`), and so found with the video's page or the lesson's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from sqlalchemy import and_, or_, select

from bloop.content.changes import chunks
from bloop.content.models import Item
from bloop.content.search.described import LONGEST, describe
from bloop.content.search.models import ItemText
from bloop.store.blobs import Blobs
from bloop.store.errors import NotFoundError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Kind
from bloop_sdk.captions import SpokenText, read_captions

OWNER = "core"
"""Who says it, in place of a plugin."""
MOST_BYTES = 2_000_000
MOST_TRACKS = 8
"""So many captions of one item are read."""
MOST_VIDEOS = 50
"""So many items are looked at again when one file of captions changes."""

_NAME = re.compile(r"(.+?)(?:\.([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*))?\.(?:vtt|srt)", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
LONGEST_LANGUAGE = 30
_TAG = re.compile(r"<(video|audio|track)\b([^<>]*)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r'([a-z]+)="([^"]*)"')
_LINK = "bloop:file:"

Said = dict[str, tuple[SpokenText, str | None]]
"""Words by the keys that they are kept under, with their language."""


def refresh(unit: UnitOfWork, blobs: Blobs, ids: Sequence[str]) -> None:
    """Say what captions say of these items, and of the videos that these are captions of."""
    for part in chunks(ids):
        rows = unit.session.execute(
            _columns().where(
                Item.institution_id == unit.institution,
                Item.id.in_(part),
                or_(Item.kind == Kind.FILE, Item.html.contains("<track")),
            )
        ).all()
        of_captions = [row for row in rows if _is_captions(row)]
        targets = {row.id: row for row in rows if not _is_captions(row)}
        for row in of_captions:
            targets |= {one.id: one for one in _shown_with(unit, row)}
        # One whose last track was taken out of its text has its words still.
        gone = set(_described(unit, part)) - targets.keys()
        for item in sorted(gone):
            _keep(unit, item, {})
        for target in targets.values():
            _keep(unit, target.id, _said_of(unit, blobs, target))


def _columns() -> Any:
    return select(
        Item.id, Item.kind, Item.container_id, Item.remote_id, Item.data, Item.html, Item.blob
    )


def _is_captions(row: Any) -> bool:
    return row.kind == Kind.FILE and _NAME.fullmatch(_name(row)) is not None


def _name(row: Any) -> str:
    return str(row.data.get("name") or "")


def _stem(name: str) -> str:
    found = _NAME.fullmatch(name)
    return (found[1] if found else name.rpartition(".")[0]).casefold()


def _is_film(row: Any) -> bool:
    return str(row.data.get("media_type") or "").startswith(("video/", "audio/"))


def _files(unit: UnitOfWork, container: str) -> Any:
    return _columns().where(
        Item.institution_id == unit.institution,
        Item.container_id == container,
        Item.kind == Kind.FILE,
    )


def _shown_with(unit: UnitOfWork, captions: Any) -> Iterator[Any]:
    """The videos beside captions, and the lessons whose text has them."""
    stem, found = _stem(_name(captions)), 0
    for row in unit.session.execute(_files(unit, captions.container_id)):
        if _is_film(row) and _stem(_name(row)) == stem and found < MOST_VIDEOS:
            found += 1
            yield row
    yield from unit.session.execute(
        _columns()
        .where(
            Item.institution_id == unit.institution,
            Item.container_id == captions.container_id,
            Item.html.contains("<track"),
        )
        .limit(MOST_VIDEOS)
    )


def _said_of(unit: UnitOfWork, blobs: Blobs, row: Any) -> Said:
    found = _beside(unit, row) if row.kind == Kind.FILE else _in_text(unit, row)
    said: Said = {}
    for key, language, blob, is_first in found:
        words = _read(blobs, blob)
        if words.text and key not in said and len(said) < MOST_TRACKS:
            # Search leads to the page's first video.
            said[key] = (words if is_first else SpokenText(words.text, ()), language)
    return said


Track = tuple[str, str | None, str, bool]
"""Its key, its language, its bytes, and whether it is of the page's first video."""


def _shown() -> Any:
    return and_(
        Item.published.is_(True),
        Item.state == "active",
        Item.concealed.is_(False),
        Item.blob.is_not(None),
    )


def _beside(unit: UnitOfWork, film: Any) -> Iterator[Track]:
    if not _is_film(film):
        return
    stem = _stem(_name(film))
    found = _files(unit, film.container_id).where(_shown())
    for row in unit.session.execute(found.order_by(Item.id)):
        match = _NAME.fullmatch(_name(row))
        if match and match[1].casefold() == stem:
            language = _language(match[2])
            yield _key(language), language, row.blob, True


def _in_text(unit: UnitOfWork, lesson: Any) -> Iterator[Track]:
    tracks: list[tuple[str, str | None, bool]] = []
    films = 0
    for tag, inside in _TAG.findall(lesson.html):
        if tag.lower() != "track":
            films += 1
            continue
        values = dict(_ATTRIBUTE.findall(inside))
        source = values.get("src", "")
        if source.startswith(_LINK) and values.get("kind", "subtitles") in {
            "captions",
            "subtitles",
        }:
            remote = unquote(source.removeprefix(_LINK)).partition("#")[0]
            tracks.append((remote, _language(values.get("srclang")), films == 1))
    if not tracks:
        return
    names = {remote for remote, *_ in tracks[:MOST_TRACKS]}
    rows = unit.session.execute(
        _files(unit, lesson.container_id).where(_shown(), Item.remote_id.in_(names))
    )
    blobs = {row.remote_id: row.blob for row in rows}
    for number, (remote, language, is_first) in enumerate(tracks):
        if remote in blobs:
            key = _key(language) if is_first else f"track-{number}"
            yield key, language, blobs[remote], is_first


def _language(written: str | None) -> str | None:
    """What somebody wrote as a language, where it is a tag."""
    found = _LANGUAGE.fullmatch(written or "")
    return found[0] if found and len(found[0]) <= LONGEST_LANGUAGE else None


def _key(language: str | None) -> str:
    return f"captions-{language.lower()}"[:40] if language else "captions"


def _read(blobs: Blobs, blob: str) -> SpokenText:
    try:
        with blobs.open(blob) as file:
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    except NotFoundError:
        return SpokenText("", ())
    said = read_captions(text)
    kept = tuple(one for one in said.moments if one[0] < LONGEST and one[1] < 24 * 3600)
    return SpokenText(said.text[:LONGEST], kept)


def _described(unit: UnitOfWork, ids: Iterable[str]) -> Sequence[str]:
    return unit.session.scalars(
        select(ItemText.item_id)
        .where(
            ItemText.institution_id == unit.institution,
            ItemText.item_id.in_(ids),
            ItemText.plugin_id == OWNER,
        )
        .distinct()
    ).all()


def _keep(unit: UnitOfWork, item: str, said: Said) -> None:
    """Keep all that is said of an item, and nothing else."""
    known = unit.session.scalars(
        select(ItemText.key).where(
            ItemText.institution_id == unit.institution,
            ItemText.item_id == item,
            ItemText.plugin_id == OWNER,
        )
    ).all()
    for key in known:
        if key not in said:
            describe(unit, item, OWNER, "", key=key)
    for key, (words, language) in said.items():
        describe(
            unit,
            item,
            OWNER,
            words.text,
            key=key,
            language=language,
            moments=words.moments,
            trusted=True,
        )

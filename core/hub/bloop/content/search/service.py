"""What somebody finds: hits of an index, held to what they may see, with marks and excerpts."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, Protocol

from bloop.content.search import words as texts
from bloop.content.search.queries import (
    DESCRIBED,
    FOUND,
    IDS_AT_ONCE,
    NEAR_IN_FTS5,
    NEAR_IN_TSVECTOR,
    SEEN,
)
from bloop.store.database import Database
from bloop.store.derived import CONFIGURATIONS
from bloop.store.errors import InvalidError
from bloop.store.statements import parsed, to_dicts
from bloop.telemetry.logs import get_logger
from bloop_sdk import BloopError, Call
from bloop_sdk.providers.search import Hit, Match, SearchQuery

log = get_logger("bloop.search")

MOST = 50
DEEPEST = 1000
"""So many hits are given page by page; who wants more has to say more."""
LOOKS = 4
"""After so many looks at an index whose hits are not to be seen, the database is asked instead."""
NEAR_AT_ONCE = 5000
NEAREST = 5

_OWN, _PLUGINS = "o", "p"


class Index(Protocol):
    """A plugin's index that is whole."""

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """The best hits."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query and its filters; a word that ends in ``*`` begins others. ``locale`` is a hint."""

    text: str
    kind: str = ""
    course: str = ""
    language: str = ""
    cursor: str = ""
    limit: int = 20
    locale: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: in which index, by which match, behind how many of its hits."""

    index: str
    match: Match
    offset: int


@dataclass(frozen=True, slots=True)
class _Found:
    rows: list[dict[str, Any]]
    next: _Place | None


async def find(
    database: Database, call: Call, asked: Asked, *, drafts: bool, index: Index | None = None
) -> dict[str, Any]:
    """A page of hits: ``items``, ``next``, and ``corrected``, the words that were found instead.

    ``index`` is asked first, if there is one. Raises InvalidError for a cursor of somebody else.
    """
    asked = replace(asked, limit=min(max(asked.limit, 1), MOST), language=asked.language.lower())
    words = texts.words_of(asked.text)
    place = _place_of(asked.cursor)
    if not words:
        return {"items": [], "next": None, "corrected": None}
    finder = _Finder(database, call, asked, words, drafts, index)
    match, found = await finder.page(place)
    described = await finder.described(found.rows)
    shown: Sequence[str] = words
    if match is Match.FUZZY:
        seen = [f"{row['title']}\n{row['text']}" for row in found.rows]
        seen += [one["text"] for some in described.values() for one in some]
        shown = texts.corrected(words, seen)
    better = " ".join(shown) if tuple(shown) != words and found.rows else None
    exact = texts.pattern_of(shown, prefix=match is Match.PREFIX)
    return {
        "items": [_hit(row, exact, shown, described.get(row["id"], ())) for row in found.rows],
        "next": _cursor_of(found.next) if found.next else None,
        "corrected": better,
    }


class _Finder:
    """Looks for the words of one query."""

    def __init__(
        self,
        database: Database,
        call: Call,
        asked: Asked,
        words: tuple[str, ...],
        drafts: bool,  # noqa: FBT001 - private
        index: Index | None,
    ) -> None:
        self._database = database
        self._call = call
        self._asked = asked
        self._words = words
        self._drafts = drafts
        self._index = index

    async def page(self, place: _Place | None) -> tuple[Match, _Found]:
        """The page at a place; the first one by the narrowest match that fills it."""
        if place is not None:
            return place.match, await self._at(place)
        found, last = _Found([], None), Match.WORDS
        first = Match.PREFIX if self._asked.text.rstrip().endswith("*") else Match.WORDS
        for match in list(Match)[list(Match).index(first) :]:
            if match is Match.FUZZY and found.rows:
                break
            found = await self._at(_Place(_PLUGINS if self._index else _OWN, match, 0))
            if found.next is not None:
                return match, found
            last = match
        return last, found

    async def described(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
        """What plugins say now of items that were found, by their ids."""
        ids = [row["id"] for row in rows if row["described"]]
        found: dict[str, list[Any]] = {}
        if ids:
            statement = DESCRIBED[self._drafts]
            read = await self._database.read(statement, self._call, **_named(ids))
            for one in to_dicts(statement, read):
                found.setdefault(one["item_id"], []).append(one)
        return found

    async def _at(self, place: _Place) -> _Found:
        if place.index == _PLUGINS and self._index is not None:
            try:
                found = await self._by_index(self._index, place)
            except BloopError as err:
                log.warning("an index did not answer: the database does", error=err, cure=err.cure)
            else:
                if found is not None:
                    return found
        return await self._by_database(replace(place, index=_OWN))

    async def _by_index(self, index: Index, place: _Place) -> _Found | None:
        """None where too much of what it finds can't be seen."""
        asked, rows, offset = self._asked, list[tuple[int, dict[str, Any]]](), place.offset
        for _ in range(LOOKS):
            number = min(IDS_AT_ONCE, asked.limit + 5)
            query = SearchQuery(
                institution=self._call.institution,
                words=self._words,
                match=place.match,
                kind=asked.kind,
                container=asked.course,
                language=asked.language,
                published=not self._drafts,
                limit=number,
                offset=offset,
            )
            hits = await index.search(query)
            seen = await self._seen([hit.id for hit in hits])
            for at, hit in enumerate(hits, offset):
                if hit.id in seen:
                    rows.append((at, seen[hit.id]))
            offset += len(hits)
            if len(rows) > asked.limit or len(hits) < number:
                break
        else:
            return None
        shown = [row for _, row in rows[: asked.limit]]
        more = len(rows) > asked.limit and rows[asked.limit][0] < DEEPEST
        return _Found(shown, replace(place, offset=rows[asked.limit][0]) if more else None)

    async def _seen(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not ids:
            return {}
        statement = SEEN[self._drafts]
        rows = await self._database.read(statement, self._call, **_named(ids))
        return {row["id"]: row for row in to_dicts(statement, rows)}

    async def _by_database(self, place: _Place) -> _Found:
        asked, prefix = self._asked, place.match is Match.PREFIX
        groups = [[word] for word in self._words]
        if place.match is Match.FUZZY:
            groups = [[word, *await self._near(word)] for word in self._words]
        statement = FOUND[self._database.dialect, self._drafts]
        tenant = self._call.institution.replace("-", "")
        values: dict[str, Any] = {"kind": asked.kind, "course": asked.course}
        values |= {"language": asked.language, "offset": place.offset, "limit": asked.limit + 1}
        if self._database.dialect == "sqlite":
            values["match"] = _fts5(tenant, groups, prefix=prefix)
        else:
            tag = (asked.language or asked.locale).partition("-")[0]
            values |= {"match": _tsquery(groups, prefix=prefix), "tenant": tenant}
            values["configuration"] = CONFIGURATIONS.get(tag, "simple")
        rows = to_dicts(statement, await self._database.read(statement, self._call, **values))
        end = place.offset + asked.limit
        more = len(rows) > asked.limit and end < DEEPEST
        return _Found(rows[: asked.limit], replace(place, offset=end) if more else None)

    async def _near(self, word: str) -> list[str]:
        """Words of the index that may be meant."""
        word = word.casefold()
        most = texts.errors_allowed(word)
        if not most:
            return []
        sizes = {"least": len(word) - most, "most": len(word) + most, "limit": NEAR_AT_ONCE}
        candidates: list[tuple[str, int]] = []
        # Somebody who mistypes rarely does so at the first letter, and what begins with another
        # one would be most of the index.
        if self._database.dialect == "sqlite":
            begin = texts.folded(word)[:1]
            span = {"begin": begin, "end": begin + "\U0010ffff"}
            rows = await self._database.read(NEAR_IN_FTS5, self._call, **span, **sizes)
        else:
            begin = word[:1]
            tenant = self._call.institution.replace("-", "")
            span = {"match": f"'@{tenant}' & '{begin}':*", "begin": f"{begin}%"}
            rows = await self._database.read(NEAR_IN_TSVECTOR, self._call, **span, **sizes)
        candidates += [(str(term), int(documents)) for term, documents in rows]
        return texts.nearest(word, candidates, NEAREST)


def _named(ids: Sequence[str]) -> dict[str, str]:
    return {f"id{n}": ids[n] if n < len(ids) else "" for n in range(IDS_AT_ONCE)}


def _fts5(tenant: str, groups: Sequence[Sequence[str]], *, prefix: bool) -> str:
    """FTS5's query: words are letters and digits alone, so that none is an operator."""
    words = " AND ".join(_any_of(group, '"', " OR ") for group in groups)
    return f'tenant : "{tenant}" AND ({{title text}} : ({words}{" *" if prefix else ""}))'


def _tsquery(groups: Sequence[Sequence[str]], *, prefix: bool) -> str:
    return " & ".join(_any_of(group, "'", " | ") for group in groups) + (":*" if prefix else "")


def _any_of(group: Sequence[str], quote: str, or_: str) -> str:
    words = or_.join(f"{quote}{word}{quote}" for word in group)
    return f"({words})" if len(group) > 1 else words


def _hit(
    row: Mapping[str, Any], exact: Any, words: Sequence[str], described: Sequence[Any]
) -> dict[str, Any]:
    title, text = str(row["title"]), str(row["text"])
    everywhere = (title, text, *(one["text"] for one in described))
    pattern = exact if any(map(exact.search, everywhere)) else texts.forms_of(words)
    passages = (_passage(one, pattern) for one in described)
    piece, found = texts.excerpt(text, pattern)
    return {
        "id": row["id"],
        "kind": row["kind"],
        "title": title,
        "title_marks": texts.marks(title, pattern),
        "excerpt": piece,
        "excerpt_marks": found,
        "language": row["language"],
        "container": row["container"],
        "course": row["course"],
        "passage": next(filter(None, passages), None),
    }


def _passage(one: Mapping[str, Any], pattern: Any) -> dict[str, Any] | None:
    """Where the words stand in what a plugin says of an item, and when they are said."""
    at = texts.densest(one["text"], pattern)
    if at is None:
        return None
    piece, found = texts.excerpt(one["text"], pattern, at)
    moments = parsed(one["moments"])
    before = bisect_right(moments, at, key=itemgetter(0))
    return {
        "key": one["key"],
        "plugin": one["plugin_id"],
        "moment_ms": moments[before - 1][1] if before else None,
        "excerpt": piece,
        "excerpt_marks": found,
        "language": one["language"],
    }


def _cursor_of(place: _Place) -> str:
    return urlsafe_b64encode(f"{place.index}:{place.match}:{place.offset}".encode()).decode()


def _place_of(cursor: str) -> _Place | None:
    if not cursor:
        return None
    try:
        index, match, offset = b64decode(cursor, altchars="-_", validate=True).decode().split(":")
        place = _Place(index, Match(match), int(offset))
        if index not in {_OWN, _PLUGINS} or not 0 < place.offset < DEEPEST:
            raise ValueError(cursor)  # noqa: TRY301 - like any other that can't be read
    except (binascii.Error, ValueError) as err:
        raise InvalidError(
            "cursor: not one that this hub gave out",
            field="cursor",
            cure="begin without a cursor, then pass on what `next` says",
        ) from err
    return place

"""Registered reads of search: what the index in the database finds, and who may see what.

:func:`may_find` is the one place that says who may see what is found, whichever index found it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    String,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import REGCONFIG, TSQUERY, TSVECTOR
from sqlalchemy.sql.elements import ColumnElement

from bloop.content.enrolling.visibility import (
    container_reachable,
    container_visible,
    item_visible,
    text_visible,
    with_container,
)
from bloop.content.models import Container, Item
from bloop.content.search.models import ItemText, SearchDocument
from bloop.content.search.topics import FOLLOWED
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent
from bloop.store.statements import Statement, institution, register
from bloop_sdk.records import CONTAINER_KINDS

IDS_AT_ONCE = 50
"""So many hits of an index are looked up at once."""

_is_container = SearchDocument.kind.in_(sorted(CONTAINER_KINDS))


def may_find(*, drafts: bool) -> ColumnElement[bool]:
    """Whether the caller may see a document: of rows joined with its item and its container."""
    if drafts:
        return and_(
            container_reachable,
            or_(_is_container, Item.state != "trashed"),
            Container.state != "trashed",
        )
    # What a text says before its time would show in what finds it.
    return or_(and_(_is_container, container_visible), and_(item_visible, text_visible))


def _joined(*columns: Any, drafts: bool) -> Any:
    """Documents with their item, should it be one, and their container."""
    return (
        select(*columns)
        .join_from(
            SearchDocument,
            Container,
            and_(
                Container.institution_id == SearchDocument.institution_id,
                Container.id == SearchDocument.container_id,
            ),
        )
        .outerjoin(
            Item,
            and_(
                Item.institution_id == SearchDocument.institution_id,
                Item.id == SearchDocument.id,
            ),
        )
        .where(
            SearchDocument.institution_id == institution,
            Container.institution_id == institution,
            or_(Item.institution_id == institution, Item.institution_id.is_(None)),
            may_find(drafts=drafts),
        )
    )


_SHOWN_COLUMNS: tuple[Any, ...] = (
    SearchDocument.id,
    SearchDocument.kind,
    func.coalesce(Item.title, Container.title).label("title"),
    # What is indexed of an older version is found, and not shown.
    case(
        (
            SearchDocument.version == func.coalesce(Item.row_version, Container.row_version),
            func.substr(SearchDocument.text, 1, SearchDocument.own),
        ),
        else_="",
    ).label("text"),
    (func.length(SearchDocument.text) > SearchDocument.own).label("described"),
    SearchDocument.language,
    SearchDocument.container_id.label("container"),
    Container.title.label("course"),
)


def _filtered(base: Any) -> Any:
    kind, course, language = (bindparam(name, type_=String) for name in _FILTERS)
    return base.where(
        or_(kind == "", SearchDocument.kind == kind),
        or_(course == "", SearchDocument.container_id == course),
        or_(
            language == "",
            func.lower(SearchDocument.language) == language,
            func.lower(SearchDocument.language).like(language.concat("-%")),
        ),
    )


_FILTERS = ("kind", "course", "language")

# -- SQLite

_fts: Any = table("search_fts", column("search_fts"), column("rowid", Integer), column("rank"))


def _found_by_fts5(*, drafts: bool) -> Any:
    return (
        _filtered(_joined(*_SHOWN_COLUMNS, drafts=drafts))
        .join_from(SearchDocument, _fts, _fts.c.rowid == SearchDocument.seq)
        .where(_fts.c.search_fts.op("MATCH")(bindparam("match", type_=String)))
        .order_by(_fts.c.rank)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )


_vocabulary: Any = table("search_vocabulary", column("term"), column("doc", Integer))

NEAR_IN_FTS5 = register(
    "content.search_near_in_fts5",
    select(_vocabulary.c.term, _vocabulary.c.doc)
    .where(
        _vocabulary.c.term >= bindparam("begin", type_=String),
        _vocabulary.c.term < bindparam("end", type_=String),
        func.length(_vocabulary.c.term).between(bindparam("least"), bindparam("most")),
        institution != EVERY_INSTITUTION,
    )
    .limit(bindparam("limit")),
    heavy=True,
)
"""Words that begin alike. They are of all institutions: they are only looked for, never shown."""

# -- PostgreSQL

_vectors: Any = table("search_vector", column("seq", BigInteger), column("vector", TSVECTOR))
_match: Any = bindparam("match", type_=String)
_tsquery: Any = (
    func.to_tsquery(cast(literal("simple"), REGCONFIG), _match)
    .op("||")(func.to_tsquery(cast(literal("english"), REGCONFIG), _match))
    .op("||")(func.to_tsquery(cast(bindparam("configuration", type_=String), REGCONFIG), _match))
    # Nobody can type it: it is no word.
    .op("&&")(cast(literal("'@").concat(bindparam("tenant", type_=String)).concat("'"), TSQUERY))
)


def _found_by_tsvector(*, drafts: bool) -> Any:
    rank = func.ts_rank(_vectors.c.vector, _tsquery)
    return (
        _filtered(_joined(*_SHOWN_COLUMNS, drafts=drafts))
        .join_from(SearchDocument, _vectors, _vectors.c.seq == SearchDocument.seq)
        .where(_vectors.c.vector.op("@@")(_tsquery))
        .order_by(rank.desc(), SearchDocument.id)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )


_stat: Any = func.ts_stat(
    func.format(
        "SELECT vector FROM search_vector WHERE vector @@ %L::tsquery LIMIT 2000",
        _match,
    )
).table_valued(column("word", String), column("ndoc", Integer))

NEAR_IN_TSVECTOR = register(
    "content.search_near_in_tsvector",
    select(_stat.c.word.label("term"), _stat.c.ndoc.label("doc"))
    .where(
        _stat.c.word.like(bindparam("begin", type_=String)),
        func.length(_stat.c.word).between(
            bindparam("least", type_=Integer), bindparam("most", type_=Integer)
        ),
        institution != EVERY_INSTITUTION,
    )
    .limit(bindparam("limit")),
    heavy=True,
)
"""The same of the institution's own words: ``match`` names its tenant and how they begin."""

# -- both

FOUND: dict[tuple[str, bool], Statement] = {
    (dialect, drafts): register(
        f"content.search_{dialect}_{'drafts' if drafts else 'shown'}",
        made(drafts=drafts),
        heavy=True,
    )
    for dialect, made in (("sqlite", _found_by_fts5), ("postgresql", _found_by_tsvector))
    for drafts in (False, True)
}
"""What the index in the database finds, by its dialect and by whether drafts may be seen."""

SEEN: dict[bool, Statement] = {
    drafts: register(
        f"content.search_seen_{'drafts' if drafts else 'shown'}",
        _joined(*_SHOWN_COLUMNS, drafts=drafts).where(
            SearchDocument.id.in_([bindparam(f"id{number}") for number in range(IDS_AT_ONCE)])
        ),
    )
    for drafts in (False, True)
}
"""Those of up to fifty documents that the caller may see."""

_item: Any = Item


def _described(*, drafts: bool) -> Any:
    sees = and_(container_reachable, Item.state != "trashed", Container.state != "trashed")
    return (
        select(
            ItemText.item_id,
            ItemText.plugin_id,
            ItemText.key,
            ItemText.language,
            ItemText.text,
            ItemText.moments,
        )
        .join(
            _item,
            and_(
                Item.institution_id == ItemText.institution_id,
                Item.id == ItemText.item_id,
            ),
        )
        .join(Container, with_container)
        .where(
            ItemText.institution_id == institution,
            Item.institution_id == institution,
            Container.institution_id == institution,
            ItemText.item_id.in_([bindparam(f"id{number}") for number in range(IDS_AT_ONCE)]),
            sees if drafts else and_(item_visible, text_visible),
        )
        .order_by(ItemText.item_id, ItemText.plugin_id, ItemText.key)
    )


DESCRIBED: dict[bool, Statement] = {
    drafts: register(
        f"content.search_described_{'drafts' if drafts else 'shown'}",
        _described(drafts=drafts),
        heavy=True,
    )
    for drafts in (False, True)
}
"""What plugins say now of up to fifty items that the caller may see."""

MISSED = register(
    "content.search_missed",
    select(OutboxEvent.seq)
    .where(
        OutboxEvent.institution_id == institution,
        OutboxEvent.seq > bindparam("after"),
        OutboxEvent.seq <= bindparam("upto"),
        or_(*(OutboxEvent.topic.like(topic.replace("*", "%")) for topic in FOLLOWED)),
    )
    .limit(bindparam("limit")),
    heavy=True,
)
"""Events of an institution that an index follows, between two places of the log."""

EVENT_PLACE = register(
    "content.search_event_place",
    select(OutboxEvent.seq).where(
        OutboxEvent.institution_id == institution, OutboxEvent.id == bindparam("id")
    ),
)

PLACES = register(
    "content.search_places",
    select(OutboxEvent.id, OutboxEvent.seq).where(
        OutboxEvent.institution_id == institution,
        OutboxEvent.seq >= bindparam("first"),
        OutboxEvent.seq <= bindparam("last"),
    ),
    heavy=True,
)
"""Where in the log an institution's events are."""

_one_document = (
    select(SearchDocument.id).where(SearchDocument.institution_id == institution).limit(1)
)

_ANY = "whether there is any"
ANY_DOCUMENT = register("content.search_any_document", _one_document, whole=_ANY)
ANY_CONTAINER = register(
    "content.search_any_container",
    select(Container.id).where(Container.institution_id == institution).limit(1),
    whole=_ANY,
)
OLD_DOCUMENT = register(
    "content.search_old_document",
    _one_document.where(SearchDocument.analyser < bindparam("analyser")),
    whole=_ANY,
)
"""A document of an older analyser."""

"""Writing pages: made in a section, changed block by block, deleted into OneNote's own bin.

Graph has no version of a page and no conditional request: a page is read, compared and changed, and
read once more. Between reading and writing somebody may change it for as long as that takes; where
they change what a command names, the command fails.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from html import escape

from bloop_onenote.api import identified
from bloop_onenote.blocks import read
from bloop_onenote.fetching import NotYetError, page_now
from bloop_onenote.graph.client import FailedError, GraphError
from bloop_onenote.patches import commands, is_mostly, is_same, linked_anew
from bloop_onenote.reading import Reading
from bloop_onenote.records import UNTITLED, Made, listed, page_node
from bloop_onenote.rendering import Writing, notes_linked, wanted
from bloop_sdk import (
    Batch,
    FatalError,
    Kind,
    MalformedRecordError,
    MissingRecordError,
    NoteDraft,
    NoteWrite,
    Precondition,
    PreconditionFailedError,
    Ref,
    Skipped,
    UnsupportedError,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import JSONObject, Record

WRITES = frozenset({NoteWrite.CREATE, NoteWrite.UPDATE, NoteWrite.DELETE})
"""Graph moves no page, and a file is only as a part of a page: neither is written."""
_GONE = frozenset({"20120", "20149"})
_MARK = "bloop-"
_MOST_LINKS = 20
"""Pages whose addresses are asked for, for links to them."""
_TAGS = "tags of the note: OneNote tags its paragraphs"


async def write(reading: Reading, op: WriteOp, precondition: Precondition) -> WriteResult:
    """Do one of :data:`WRITES`."""
    if op.kind not in WRITES:
        raise UnsupportedError(
            f"{op.kind}: OneNote lets pages be made, changed and deleted, and nothing else",
            cure="do it in OneNote itself",
        )
    if op.kind == NoteWrite.CREATE:
        return await _create(reading, op, _draft(op))
    if op.ref is None or op.ref.kind is not Kind.NOTE:
        raise FatalError(f"{op.kind} is of a note, and {op.ref} is none")
    if op.kind == NoteWrite.DELETE:
        return await _delete(reading, op, op.ref, precondition)
    return await _update(reading, op, op.ref, precondition)


def _draft(op: WriteOp) -> NoteDraft:
    if op.note is None:
        raise FatalError(f"{op.kind} comes without the note")
    return op.note


# -- making


async def _create(reading: Reading, op: WriteOp, draft: NoteDraft) -> WriteResult:
    section = await _section_of(reading, draft)
    mark = _MARK + hashlib.sha256(op.idempotency_key.encode()).hexdigest()[:32]
    writing = await _writing(reading, draft)
    titled = await reading.onenote.newest(section, draft.title)
    others = [identified(one, "pages") for one in titled]
    parts = "".join(one.html for one in wanted(draft.markdown, writing))
    before, text = reading.begun.others(mark), draft.markdown if parts else ""
    id_ = await _made_before(reading, others, mark, text, before)
    if id_ is None and op.again and parts:
        # For a while, lists tell no title of a new page.
        newest = [identified(one, "pages") for one in await reading.onenote.newest(section)]
        id_ = await _made_before(reading, newest, mark, text, None)
    if id_ is None:
        reading.begun.begin(mark, others)
        page = await reading.onenote.create(section, _page(draft.title, parts, mark))
        id_ = identified(page, "a new page")
    return await _created(reading, draft, section, id_, writing)


def _page(title: str, parts: str, mark: str) -> str:
    # An element with an id of its own tells a later try that this one came through.
    inner = f'<div data-id="{mark}">{parts}</div>' if parts else ""
    return (
        f"<!DOCTYPE html><html><head><title>{escape(title)}</title></head>"
        f"<body>{inner}</body></html>"
    )


async def _created(
    reading: Reading, draft: NoteDraft, section: str, id_: str, writing: Writing
) -> WriteResult:
    """What a new page is now; OneNote may take a while until it shows it, and say 404 till then."""
    ref, lost = Ref(Kind.NOTE, id_), tuple(writing.lost)
    reason = "OneNote has made the page, and does not show it yet"
    unseen = Skipped(ref=str(ref), reason=reason, code=NotYetError.code)
    # Told so, nobody asks at once and takes it for gone.
    later = WriteResult(ref=ref, remote_version=None, batch=Batch(skipped=(unseen,)), lost=lost)
    try:
        pages = listed(section, await reading.onenote.pages(section))
        page = next((one for one in pages if one.id == id_), None)
        if page is None:
            return later
        page.title = page.title or draft.title
        made, _ = await reading.content(draft.container, page)
    except MissingRecordError:
        return later
    node = page_node(draft.container, page)
    return _result(made, lost, (node,) if page.above is None else ())


async def _section_of(reading: Reading, draft: NoteDraft) -> str:
    """The section that a new page goes to."""
    places = {place.id: place for place in await reading.places(draft.container)}
    sections = [place.id for place in places.values() if place.is_section]
    if draft.parent is None and len(sections) == 1:
        return sections[0]
    place = places.get(draft.parent or "")
    if place is not None and place.is_section:
        return place.id
    if draft.parent is not None and place is None:
        found = await reading.onenote.page(draft.parent)
        parent = found.get("parentSection")
        if isinstance(parent, dict) and parent.get("id") in places:
            return str(parent["id"])
    raise UnsupportedError(
        f"{draft.title!r}: a page of OneNote is in a section", cure="choose a section for it"
    )


async def _made_before(
    reading: Reading, found: Sequence[str], mark: str, text: str, before: Sequence[str] | None
) -> str | None:
    """The page, of those that were found, that an earlier try of the same write has made.

    It has the mark, as long as nobody rewrites the page: nothing says that OneNote itself keeps it.
    Where ``before`` says which pages of the title there were then, a new one that has no mark at
    all and most of the text is it too; without text there is no mark, and any new one is.
    """
    alike = None
    for id_ in found:
        new = before is not None and id_ not in before
        if new and not text:
            return id_
        try:
            html = (await reading.onenote.content(id_)).html
        except MissingRecordError as err:
            if new and await reading.stands(id_):
                raise NotYetError(f"OneNote gives no content yet of the page {id_}") from err
            continue
        if f'data-id="{mark}"' in html:
            return id_
        if new and f'data-id="{_MARK}' not in html and _says(reading, id_, html, text):
            alike = id_
    return alike


def _says(reading: Reading, id_: str, html: str, text: str) -> bool:
    with suppress(MalformedRecordError):
        return is_mostly(read(html, id_, reading.links.note_of), text)
    return False


# -- changing


async def _update(
    reading: Reading, op: WriteOp, ref: Ref, precondition: Precondition
) -> WriteResult:
    draft = _draft(op)
    made = await _now(reading, ref)
    untagged = () if set(draft.tags) == set(made.note.tags) else (_TAGS,)
    titled = draft.title in {made.note.title, made.document.title}
    if op.again and titled and is_same(made.document, draft.markdown):
        return _result(made, untagged)  # The earlier try came through.
    _expect(made, ref, precondition)
    writing = await _writing(reading, draft, made)
    changes = commands(made.document, draft.markdown, writing)
    if not titled:
        title = "" if draft.title == UNTITLED else draft.title
        changes.insert(0, {"target": "title", "action": "replace", "content": title})
    if changes:
        await _patch(reading, ref, changes, writing)
        made = await _now(reading, ref)
    return _result(made, (*writing.lost, *untagged))


async def _patch(reading: Reading, ref: Ref, changes: list[JSONObject], writing: Writing) -> None:
    """All changes at once; of some older pages OneNote changes no title, and says 500 to all."""
    try:
        try:
            await reading.onenote.patch(ref.remote_id, changes)
        except FailedError:
            if changes[0]["target"] != "title" or len(changes) == 1:
                raise
            await reading.onenote.patch(ref.remote_id, changes[1:])
            writing.lost["its new title, which OneNote did not take"] = None
    except GraphError as err:
        if err.number not in _GONE:
            raise
        raise _changed(ref) from err


async def _delete(
    reading: Reading, op: WriteOp, ref: Ref, precondition: Precondition
) -> WriteResult:
    gone = WriteResult(ref=ref, remote_version=None, batch=Batch(deleted=(ref, _node(ref))))
    try:
        made = await page_now(reading, ref.remote_id)
        _expect(made, ref, precondition)
        await reading.onenote.delete(ref.remote_id)
    except MissingRecordError as err:
        if op.again:
            return gone
        raise PreconditionFailedError(f"{ref} is gone from OneNote already") from err
    files = tuple(file.ref for file in made.files)
    return WriteResult(ref=ref, remote_version=None, batch=Batch(deleted=(ref, _node(ref), *files)))


def _node(ref: Ref) -> Ref:
    return Ref(Kind.MODULE, ref.remote_id)


async def _now(reading: Reading, ref: Ref) -> Made:
    try:
        return await page_now(reading, ref.remote_id)
    except MissingRecordError as err:
        raise PreconditionFailedError(f"{ref} is gone from OneNote") from err


def _expect(made: Made, ref: Ref, precondition: Precondition) -> None:
    if precondition.remote_version != made.note.remote_version:
        raise _changed(ref)


def _changed(ref: Ref) -> PreconditionFailedError:
    return PreconditionFailedError(
        f"{ref} has changed in OneNote since it was read", cure="read it again, and decide"
    )


async def _writing(reading: Reading, draft: NoteDraft, made: Made | None = None) -> Writing:
    """Where links to other pages lead, as far as OneNote tells it."""
    text = draft.markdown
    linked = linked_anew(made.document, text) if made else notes_linked(text)
    addresses = {}
    for note in sorted(linked)[:_MOST_LINKS]:
        try:
            links = (await reading.onenote.page(note)).get("links") or {}
        except (MissingRecordError, GraphError):
            continue
        addresses[note] = str((links.get("oneNoteClientUrl") or {}).get("href") or "")
    writing = Writing(addresses, fetches=made is None)
    if made is None and draft.tags:
        writing.lost[_TAGS] = None
    return writing


def _result(made: Made, lost: tuple[str, ...], more: tuple[Record, ...] = ()) -> WriteResult:
    return WriteResult(
        ref=made.note.ref,
        remote_version=made.note.remote_version,
        batch=Batch(records=(*made.records, *more)),
        lost=lost,
    )

"""What holds for providers that write notes (:class:`bloop_sdk.NoteWrite`).

The kit makes the operations itself, from what it has read: a system offers nothing for them but
``beyond``.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import AsyncIterator
from typing import Any

from bloop_sdk.errors import PreconditionFailedError
from bloop_sdk.providers.content import (
    FileDraft,
    NoteDraft,
    NoteWrite,
    Precondition,
    WriteOp,
    WriteResult,
)
from bloop_sdk.records import Kind, Node, Note, Record, Ref
from bloop_sdk.testing.reading import ContractError, raw_hash, ref_of
from bloop_sdk.testing.suites.case import ContentCase, Rig
from bloop_sdk.testing.suites.content import CONTENT, hold

_WORDS = "Written by the kit"
_BYTES = b"a file of the kit\n"


@CONTENT.rule()
async def note_created(case: ContentCase) -> None:
    """`note.create` makes one note, with the title, the text and the place that it was given."""
    if (rig := await _writing(case, NoteWrite.CREATE)) is None:
        return
    before = await _notes(rig)
    op = operation(rig, NoteWrite.CREATE)
    answer = await write(rig, op)
    after = await _notes(rig)
    hold(answer.ref not in before, f"{op.kind} answers with {answer.ref}, which was there before")
    hold(after.keys() - before.keys() == {answer.ref}, f"{op.kind} made {_named(before, after)}")
    made = after[answer.ref]
    assert op.note is not None
    hold(made.title == op.note.title, f"{op.kind}: the note is called {made.title!r}")
    hold(_WORDS in _text(made), f"{op.kind}: the note lacks its text")
    hold(
        made.remote_version == answer.remote_version,
        f"{op.kind} answers with version {answer.remote_version}, read() with "
        f"{made.remote_version}",
    )
    places = await _places(rig, answer.ref)
    if op.note.parent is not None:
        hold(
            any(place.parent == op.note.parent for place in places),
            f"{op.kind}: the note does not stand below {op.note.parent}",
        )


@CONTENT.rule()
async def note_updated(case: ContentCase) -> None:
    """`note.update` changes one note, and leaves of its text what it was given unchanged."""
    if (rig := await _writing(case, NoteWrite.UPDATE)) is None:
        return
    before = await _notes(rig)
    op = operation(rig, NoteWrite.UPDATE)
    await write(rig, op)
    after = await _notes(rig)
    assert op.ref is not None
    hold(after.keys() == before.keys(), f"{op.kind} made {_named(before, after)}")
    old, new = _text(before[op.ref]), _text(after[op.ref])
    hold(_WORDS in new, f"{op.kind}: the note lacks its new paragraph")
    lost = _blocks(old) - _blocks(new)
    hold(not lost, f"{op.kind} lost of the note: {', '.join(sorted(lost))[:300]}")
    others = [ref for ref in before if ref != op.ref and differ(before[ref], after[ref])]
    hold(not others, f"{op.kind} of {op.ref} changed {', '.join(map(str, others))}")


@CONTENT.rule()
async def note_updated_beyond_markdown(case: ContentCase) -> None:
    """What Markdown cannot say of a note stays through a `note.update` elsewhere in it."""
    if (rig := await _writing(case, NoteWrite.UPDATE)) is None:
        return
    ref, held = rig.offer("beyond")()
    hold(held, "beyond() names nothing that Markdown cannot say")
    await write(rig, operation(rig, NoteWrite.UPDATE, ref))
    _, left = rig.offer("beyond")()
    hold(left == held, f"note.update made of {held!r}: {left!r}")


@CONTENT.rule()
async def note_at_another_version(case: ContentCase) -> None:
    """A write to a note that was changed since fails, and changes nothing."""
    for kind in (NoteWrite.UPDATE, NoteWrite.MOVE, NoteWrite.DELETE):
        if (rig := await _writing(case, kind)) is None:
            continue
        late = operation(rig, kind, number=2)
        if late is None:
            continue
        version = _version(rig, late)
        if NoteWrite.UPDATE in rig.provider().spec().writes:
            await write(rig, operation(rig, NoteWrite.UPDATE, late.ref))
        else:
            version = Precondition(remote_version=f"{version.remote_version}-older")
        before = (await rig.seen()).state()
        try:
            await rig.provider().write(late, version)
        except PreconditionFailedError:
            hold((await rig.seen()).state() == before, f"{kind} failed, and changed something")
        except Exception as err:
            raise ContractError(
                f"{kind} at another version: {type(err).__name__}: {err}; "
                "raise PreconditionFailedError"
            ) from err
        else:
            raise ContractError(f"{kind} overwrites a version newer than its precondition")


@CONTENT.rule()
async def note_written_again(case: ContentCase) -> None:
    """What is written `again`, as after an answer that was lost, has one effect."""
    for kind in NoteWrite:
        rig = await _writing(case, kind)
        op = operation(rig, kind) if rig is not None else None
        if rig is None or op is None:
            continue
        version = _version(rig, op)
        first = await rig.provider().write(op, version)
        before = (await rig.seen()).state()
        again = dataclasses.replace(op, again=True)
        try:
            second = await rig.provider().write(again, version)
        except PreconditionFailedError:
            hold(
                kind in {NoteWrite.UPDATE, NoteWrite.MOVE},
                f"{kind} again fails where it was done already",
            )
        except Exception as err:
            raise ContractError(f"{kind} again: {type(err).__name__}: {err}") from err
        else:
            hold(second.ref == first.ref, f"{kind} again answers {second.ref}, not {first.ref}")
        hold((await rig.seen()).state() == before, f"{kind} again has a second effect")


@CONTENT.rule()
async def note_deleted(case: ContentCase) -> None:
    """`note.delete` takes one note away, and `fetch` tells it as gone afterwards."""
    if (rig := await _writing(case, NoteWrite.DELETE)) is None:
        return
    before = await _notes(rig)
    op = operation(rig, NoteWrite.DELETE)
    await write(rig, op)
    after = await _notes(rig)
    assert op.ref is not None
    hold(before.keys() - after.keys() == {op.ref}, f"{op.kind} made {_named(before, after)}")
    batch = await rig.provider().fetch([op.ref])
    hold(
        not any(ref_of(record) == op.ref for record in batch.records),
        f"fetch() gives {op.ref}, which was deleted",
    )


@CONTENT.rule()
async def note_moved(case: ContentCase) -> None:
    """`note.move` gives one note another place, and its text stays."""
    rig = await _writing(case, NoteWrite.MOVE)
    op = operation(rig, NoteWrite.MOVE) if rig is not None else None
    if rig is None or op is None:
        return
    assert op.ref is not None
    before = await _notes(rig)
    await write(rig, op)
    after, places = await _notes(rig), await _places(rig, op.ref)
    hold(
        [place.parent for place in places] == [op.values["parent"]],
        f"{op.kind}: {op.ref} stands below {[place.parent for place in places]}",
    )
    hold(after.keys() == before.keys(), f"{op.kind} made {_named(before, after)}")
    hold(_text(after[op.ref]) == _text(before[op.ref]), f"{op.kind} changed the text")


@CONTENT.rule()
async def note_given_a_file(case: ContentCase) -> None:
    """`file.create` gives a note a file, whose bytes the next read has."""
    if (rig := await _writing(case, NoteWrite.ATTACH)) is None:
        return
    op = operation(rig, NoteWrite.ATTACH)
    answer = await write(rig, op)
    if NoteWrite.UPDATE in rig.provider().spec().writes and op.file and op.file.note:
        # Some systems know no file that no note links to.
        link = f"[kit.txt](bloop:file:{answer.ref.remote_id})"
        rig = await _read_again(rig)
        await write(rig, operation(rig, NoteWrite.UPDATE, op.file.note, words=link))
    seen = await rig.seen()
    hold(answer.ref in seen.records, f"{op.kind} answers {answer.ref}, which read() does not give")
    hold(
        seen.files.get(answer.ref) == hashlib.sha256(_BYTES).hexdigest(),
        f"{op.kind}: read() gives other bytes of {answer.ref}",
    )


@CONTENT.rule()
async def note_answered_as_read(case: ContentCase) -> None:
    """The records of an answer's `batch` are those that the next read yields, and all that do."""
    for kind in NoteWrite:
        rig = await _writing(case, kind)
        op = operation(rig, kind) if rig is not None else None
        if rig is None or op is None:
            continue
        before = (await rig.seen()).records
        answer = await write(rig, op)
        if answer.batch is None:
            continue
        after = (await rig.seen()).records
        told = {ref_of(record): record for record in answer.batch.records}
        for ref, record in told.items():
            hold(ref in after, f"{kind}: its batch has {ref}, which read() does not give")
            hold(
                not differ(record, after[ref]),
                f"{kind}: its batch has {ref} otherwise than read() gives it",
            )
        gone = {ref for ref in before.keys() - after.keys() if ref.kind is Kind.NOTE}
        hold(gone <= set(answer.batch.deleted), f"{kind}: its batch does not tell what is gone")
        for ref in sorted(after):
            mine = ref.kind is Kind.NOTE or getattr(after[ref], "content", None) == answer.ref
            new = ref not in before or differ(before[ref], after[ref])
            hold(not (mine and new and ref not in told), f"{kind}: its batch lacks {ref}")


# -- what the rules share


async def _writing(case: ContentCase, kind: NoteWrite) -> Rig | None:
    """A rig after a read, where the provider writes notes so."""
    if kind not in case.rig().provider().spec().writes:
        return None
    return await case.whole()


async def _read_again(rig: Rig) -> Rig:
    await rig.run()
    return rig


async def _notes(rig: Rig) -> dict[Ref, Note]:
    """The notes that a hub would read which knew nothing."""
    found = (await rig.seen()).records
    return {ref: one for ref, one in found.items() if isinstance(one, Note)}


async def _places(rig: Rig, ref: Ref) -> list[Node]:
    found = (await rig.seen()).of(Kind.MODULE)
    return [one for one in found if isinstance(one, Node) and one.content == ref]


async def write(rig: Rig, op: WriteOp) -> WriteResult:
    """Do it at the version that was read."""
    return await rig.provider().write(op, _version(rig, op))


def _version(rig: Rig, op: WriteOp) -> Precondition:
    """The version that the hub has read."""
    if op.ref is None:
        return Precondition(remote_version=None)
    version = rig.replica.records[op.ref].remote_version
    hold(version, f"{op.ref} can be written, but has no remote_version")
    return Precondition(remote_version=version)


def operation(
    rig: Rig,
    kind: NoteWrite,
    ref: Ref | None = None,
    *,
    number: int = 1,
    words: str = f"{_WORDS}.",
) -> Any:
    """An operation on a note that was read; None for a move to nowhere."""
    held = [one for one in rig.replica.of(Kind.NOTE) if isinstance(one, Note)]
    held = [one for one in held if one.markdown is not None and one.remote_version]
    hold(held, "read() yields no note with markdown and remote_version, to be written to")
    note = next((one for one in held if one.ref == ref), held[0])
    key = f"{kind}-{number}"
    if kind is NoteWrite.MOVE:
        values = _elsewhere(rig, note)
        return values and WriteOp(kind=kind, ref=note.ref, values=values, idempotency_key=key)
    if kind is NoteWrite.DELETE:
        note = next((one for one in held if not _has_below(rig, one)), note)
        return WriteOp(kind=kind, ref=note.ref, values={}, idempotency_key=key)
    if kind is NoteWrite.ATTACH:
        file = _file(note)
        return WriteOp(kind=kind, ref=None, values={}, idempotency_key=key, file=file)
    markdown = note.markdown or ""
    text = f"{words}\n"
    if kind is NoteWrite.UPDATE:
        text = f"{markdown.rstrip()}\n\n{text}".lstrip("\n")
    draft = NoteDraft(
        container=note.container,
        parent=_parent(rig, note) if kind is NoteWrite.CREATE else None,
        title=f"A note of the kit {number}" if kind is NoteWrite.CREATE else note.title,
        markdown=text,
        html=_html(text),
        tags=() if kind is NoteWrite.CREATE else note.tags,
        base={} if kind is NoteWrite.CREATE else note.raw,
        base_markdown="" if kind is NoteWrite.CREATE else markdown,
    )
    target = None if kind is NoteWrite.CREATE else note.ref
    return WriteOp(kind=kind, ref=target, values={}, idempotency_key=key, note=draft)


def _file(note: Note) -> FileDraft:
    async def chunks() -> AsyncIterator[bytes]:
        yield _BYTES

    return FileDraft(
        container=note.container,
        note=note.ref,
        name="kit.txt",
        media_type="text/plain",
        size=len(_BYTES),
        sha256=hashlib.sha256(_BYTES).hexdigest(),
        chunks=chunks,
    )


def _html(markdown: str) -> str:
    from bloop_sdk.markdown import Links, render

    return render(markdown, Links(lambda _target: None))


def _parent(rig: Rig, note: Note) -> str | None:
    nodes = [one for one in rig.replica.of(Kind.MODULE) if isinstance(one, Node)]
    return next((one.parent for one in nodes if one.content == note.ref), None)


def _has_below(rig: Rig, note: Note) -> bool:
    nodes = [one for one in rig.replica.of(Kind.MODULE) if isinstance(one, Node)]
    places = {one.remote_id for one in nodes if one.content == note.ref}
    return any(one.parent in places for one in nodes)


def _elsewhere(rig: Rig, note: Note) -> dict[str, Any] | None:
    """Below another node of its notebook, which does not stand below the note."""
    nodes = {
        one.remote_id: one
        for one in rig.replica.of(Kind.MODULE)
        if isinstance(one, Node) and one.container == note.container
    }

    def above(node: Node) -> list[Node]:
        way = [node]
        while (parent := nodes.get(way[-1].parent or "")) is not None:
            way.append(parent)
        return way

    here = _parent(rig, note)
    for node in sorted(nodes.values(), key=lambda one: (one.content is not None, one.remote_id)):
        inside = any(one.content == note.ref for one in above(node))
        if node.remote_id != here and not inside:
            return {"container": note.container, "parent": node.remote_id, "after": None}
    return None


def _text(note: Note) -> str:
    return note.markdown if note.markdown is not None else note.html


def _blocks(markdown: str) -> set[str]:
    from bloop_sdk.markdown import blocks

    return {block.key for block in blocks(markdown)}


def differ(one: Record, other: Record) -> bool:
    """Whether two are of different content."""
    if isinstance(one, Node):
        # Its position depends on its neighbours, whom an answer need not know.
        assert isinstance(other, Node)
        other = dataclasses.replace(other, position=one.position)
    return raw_hash(one) != raw_hash(other) or one.remote_version != other.remote_version


def _named(before: dict[Ref, Note], after: dict[Ref, Note]) -> str:
    new, gone = after.keys() - before.keys(), before.keys() - after.keys()
    named = [*(f"{ref} new" for ref in sorted(new)), *(f"{ref} gone" for ref in sorted(gone))]
    return ", ".join(named) or "nothing"

"""What holds for providers that write folders of notebooks (:class:`bloop_sdk.FolderWrite`)."""

from __future__ import annotations

import dataclasses
from typing import Any

from bloop_sdk.providers.content import FolderWrite, Precondition, WriteOp, WriteResult
from bloop_sdk.records import CONTAINER_KINDS, Kind, Node, Record, Ref
from bloop_sdk.testing.reading import ContractError, ref_of
from bloop_sdk.testing.suites.case import ContentCase, Rig
from bloop_sdk.testing.suites.content import CONTENT, hold
from bloop_sdk.testing.suites.notes import differ

_TITLE = "A folder of the kit"
_NOTHING = Precondition(remote_version=None)


@CONTENT.rule()
async def folder_created(case: ContentCase) -> None:
    """`folder.create` makes one folder with its title, also when it is tried again."""
    if (rig := await _writing(case, FolderWrite.CREATE)) is None:
        return
    before = (await rig.seen()).records
    op = _op(rig, FolderWrite.CREATE)
    answer = await _write(rig, op)
    after = (await rig.seen()).records
    new = set(after) - set(before)
    hold(new == {answer.ref}, f"{op.kind} answers with {answer.ref}, and made {sorted(new)}")
    made = after[answer.ref]
    assert isinstance(made, Node)
    hold((made.title, made.content) == (_TITLE, None), f"{op.kind} made {made}")
    _compare(answer, before, after)
    again = await _write(rig, dataclasses.replace(op, again=True))
    hold(again.ref == answer.ref, f"{op.kind} again answers {again.ref}, not {answer.ref}")
    hold((await rig.seen()).records.keys() == after.keys(), f"{op.kind} again has an effect")


@CONTENT.rule()
async def folder_moved(case: ContentCase) -> None:
    """`folder.move` gives a folder another place and title; its notes stay who they are."""
    if (rig := await _writing(case, FolderWrite.MOVE)) is None:
        return
    folder = _with_notes(rig)
    below = (await _write(rig, _op(rig, FolderWrite.CREATE))).ref
    before = (await rig.seen()).records
    op = _op(rig, FolderWrite.MOVE, folder, parent=below.remote_id, title="Moved by the kit")
    answer = await _write(rig, op)
    after = (await rig.seen()).records
    made = after.get(answer.ref)
    hold(isinstance(made, Node), f"{op.kind} answers {answer.ref}, which read() does not give")
    assert isinstance(made, Node)
    hold(made.parent == below.remote_id, f"{op.kind}: the folder stands below {made.parent}")
    hold(made.title == "Moved by the kit", f"{op.kind}: the folder is called {made.title!r}")
    notes = {ref for ref in before if ref.kind is Kind.NOTE}
    hold(notes == {ref for ref in after if ref.kind is Kind.NOTE}, f"{op.kind}: other notes")
    _compare(answer, before, after)
    again = await _write(rig, dataclasses.replace(op, again=True))
    hold(again.ref == answer.ref, f"{op.kind} again answers {again.ref}, not {answer.ref}")
    hold((await rig.seen()).records.keys() == after.keys(), f"{op.kind} again has an effect")


async def _writing(case: ContentCase, kind: FolderWrite) -> Rig | None:
    if kind not in case.rig().provider().spec().writes:
        return None
    return await case.whole()


async def _write(rig: Rig, op: WriteOp) -> WriteResult:
    try:
        return await rig.provider().write(op, _NOTHING)
    except Exception as err:
        raise ContractError(f"{op.kind}: {type(err).__name__}: {err}") from err


def _op(rig: Rig, kind: FolderWrite, ref: Ref | None = None, **values: Any) -> WriteOp:
    books = [ref for ref in rig.replica.records if ref.kind in CONTAINER_KINDS]
    given = {"container": books[0].remote_id, "parent": None, "after": None, "title": _TITLE}
    return WriteOp(kind=kind, ref=ref, values={**given, **values}, idempotency_key=f"kit-{kind}")


def _with_notes(rig: Rig) -> Ref:
    """A folder that something stands below."""
    nodes = [one for one in rig.replica.of(Kind.MODULE) if isinstance(one, Node)]
    parents = {one.parent for one in nodes}
    for one in nodes:
        if one.content is None and one.remote_id in parents:
            return ref_of(one)
    raise ContractError("read() yields no folder with something in it, to be moved")


def _compare(answer: WriteResult, before: dict[Ref, Record], after: dict[Ref, Record]) -> None:
    """What was answered is what a read gives, and all that is another record by it."""
    if answer.batch is None:
        return
    told = {ref_of(record): record for record in answer.batch.records}
    for ref, record in told.items():
        hold(ref in after, f"the answer has {ref}, which read() does not give")
        hold(not differ(record, after[ref]), f"the answer has {ref} otherwise than read() gives it")
    for ref, record in after.items():
        new = ref not in before or differ(before[ref], record)
        hold(not new or ref in told, f"the answer lacks {ref}")
    gone = before.keys() - after.keys()
    hold(gone <= set(answer.batch.deleted), "the answer does not tell what is gone")

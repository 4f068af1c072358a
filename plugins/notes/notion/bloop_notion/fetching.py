"""Some records as they are now: for webhooks, and for what is in quarantine."""

from __future__ import annotations

from collections.abc import Sequence

from bloop_notion import notes
from bloop_notion.api import RefusedError
from bloop_notion.fields import dashed, in_trash, text
from bloop_notion.listing import Listing
from bloop_notion.reading import Reading
from bloop_notion.tree import Tree
from bloop_sdk import (
    Batch,
    Kind,
    MissingRecordError,
    Node,
    PermissionMissingError,
    Record,
    Ref,
    SkippableError,
    Skipped,
)
from bloop_sdk.records import Container, Content, JSONObject

_GONE = "it is not shared with the integration any more, or deleted for good"


async def fetch(reading: Reading, refs: Sequence[Ref]) -> Batch:
    """The current state of ``refs``: the trash as deleted, what cannot be had as skipped."""
    records: list[Record] = []
    skipped: list[Skipped] = []
    deleted: list[Ref] = []
    made: dict[str, list[Record] | SkippableError | None] = {}
    for ref in refs:
        if ref.kind is Kind.NOTEBOOK:
            records.append(notes.container(await reading.me()))
            continue
        page = dashed(ref.remote_id.partition(".")[0])
        if page is None:
            skipped.append(_missing(ref, "it is no id of Notion's", "record_missing"))
            continue
        if page not in made:
            made[page] = await _made(reading, page)
        found = made[page]
        if found is None:
            deleted.append(ref)
        elif isinstance(found, SkippableError):
            skipped.append(_missing(ref, str(found), found.code))
        else:
            mine = [one for one in found if _ref(one) == ref]
            records += mine
            if not mine:
                deleted.append(ref)
    return Batch(records=tuple(records), skipped=tuple(skipped), deleted=tuple(deleted))


async def _made(reading: Reading, own: str) -> list[Record] | SkippableError | None:
    """All records of a page or a data source; None for one in the trash."""
    try:
        item = await _item(reading, own)
        if in_trash(item):
            return None
        place = await place_of(reading, item)
        if text(item, "object") == "data_source":
            return [notes.node(item, place)]
        return await reading.records(item, place)
    except PermissionMissingError as err:
        return SkippableError(str(err), code="record_forbidden")
    except MissingRecordError:
        return SkippableError(_GONE, code="record_unshared")
    except SkippableError as err:
        return err


async def _item(reading: Reading, own: str) -> JSONObject:
    try:
        return await reading.api.get(f"pages/{own}")
    except (MissingRecordError, RefusedError):
        # Of an id that is another object's, Notion says 400 or 404.
        return await reading.api.get(f"data_sources/{own}")


async def place_of(reading: Reading, item: JSONObject) -> notes.Place:
    """Where a page stands: below its parent, if that is shared too."""
    listing = Listing()
    listing.take(item, {})
    workspace = notes.workspace_id(await reading.me())
    (entry,) = listing.entries.values()
    parent = entry.parent
    if text(parent, "type") == "block_id":
        parent = await Tree(reading.api, listing).page_of(dashed(parent.get("block_id")))
    above = dashed(parent.get(text(parent, "type")))
    if above is None:
        return notes.Place(workspace, None)
    try:
        if text(parent, "type") == "page_id":
            await reading.api.get(f"pages/{above}")
        elif text(parent, "type") == "database_id":
            found = (await reading.api.get(f"databases/{above}")).get("data_sources")
            above = dashed(found[0].get("id")) if isinstance(found, list) and found else None
        else:
            await reading.api.get(f"data_sources/{above}")
    except (MissingRecordError, PermissionMissingError):
        above = None
    return notes.Place(workspace, above)


def _ref(record: Record) -> Ref | None:
    if isinstance(record, Node):
        return Ref(Kind.MODULE, record.remote_id)
    if isinstance(record, Container):
        return Ref(record.kind, record.remote_id)
    return record.ref if isinstance(record, Content) else None


def _missing(ref: Ref, reason: str, code: str) -> Skipped:
    return Skipped(ref=str(ref), reason=reason, code=code)

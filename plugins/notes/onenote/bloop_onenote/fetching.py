"""Some pages and files as they are now, for retries and after writes."""

from __future__ import annotations

from collections.abc import Sequence

from bloop_onenote.graph.client import GraphError
from bloop_onenote.reading import Reading, page_of
from bloop_onenote.records import Listed, Made
from bloop_sdk import (
    Batch,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    Ref,
    SkippableError,
    Skipped,
    UnavailableError,
)
from bloop_sdk.records import JSONObject, Record


class NotYetError(UnavailableError):
    """A page is there, and its content answered with 404, as for a while after a change."""

    code = "record_unavailable"


async def fetch(reading: Reading, refs: Sequence[Ref]) -> Batch:
    """The records of ``refs``; what is gone is deleted, what cannot be read is skipped."""
    records: list[Record] = []
    skipped: list[Skipped] = []
    deleted: list[Ref] = []
    wanted: dict[str, list[Ref]] = {}
    for ref in refs:
        wanted.setdefault(page_of(ref), []).append(ref)
    for page, of_page in wanted.items():
        try:
            made = await page_now(reading, page)
        except MissingRecordError:
            deleted += of_page
            continue
        except (SkippableError, NotYetError, GraphError, PermissionMissingError) as err:
            told = isinstance(err, SkippableError | NotYetError)
            code = err.code if told else "record_forbidden"
            skipped += [Skipped(ref=str(ref), reason=str(err), code=code) for ref in of_page]
            continue
        found = {one.ref: one for one in made.records}
        records += [found[ref] for ref in of_page if ref in found]
        deleted += [ref for ref in of_page if ref not in found]
    return Batch(records=tuple(records), skipped=tuple(skipped), deleted=tuple(deleted))


async def page_now(reading: Reading, page: str) -> Made:
    """A page as the next read would yield it; raises NotYetError where it has no content yet."""
    try:
        found = await reading.onenote.page(page)
    except GraphError as err:
        if err.number != "20112":  # The id is none of a page at all.
            raise
        raise MissingRecordError(err.message) from err
    section, notebook = _id_of(found, "parentSection"), _id_of(found, "parentNotebook")
    listed = Listed(page, str(found.get("title") or ""), section, found)
    try:
        made, _ = await reading.content(notebook, listed)
    except MissingRecordError as err:
        raise NotYetError(f"OneNote has the page {page}, and gives no content of it yet") from err
    return made


def _id_of(found: JSONObject, name: str) -> str:
    inner = found.get(name)
    value = inner.get("id") if isinstance(inner, dict) else None
    if not isinstance(value, str):
        raise MalformedRecordError(f"a page of OneNote does not tell its {name}")
    return value

"""Notes written to Notion: made, edited block by block, moved, put into its trash, with files.

Notion has no conditional requests. So a page is read, compared with what the hub knew (its content
too: times are told in minutes), written, and read once more. Who edits the same block between the
first two of these is overwritten; whoever edits another one is not.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from html import unescape
from tempfile import SpooledTemporaryFile
from urllib.parse import unquote

from bloop_notion import left, notes, properties, uploads
from bloop_notion.api import RefusedError
from bloop_notion.blocks import CHILDREN
from bloop_notion.content import Said, of_blocks
from bloop_notion.editing import Editing, holds_page, shown
from bloop_notion.fetching import place_of
from bloop_notion.fields import dashed, in_trash, obj, own_id, text
from bloop_notion.inlines import Target
from bloop_notion.listing import Listing
from bloop_notion.made import made_before
from bloop_notion.model import Making, Media, addresses_in, file_id, key_of
from bloop_notion.parsing import parse
from bloop_notion.reading import Reading
from bloop_notion.tree import Tree
from bloop_sdk import (
    Batch,
    FatalError,
    FileDraft,
    Kind,
    MissingRecordError,
    NoteDraft,
    NoteWrite,
    PermissionMissingError,
    Precondition,
    PreconditionFailedError,
    Record,
    Ref,
    UnavailableError,
    UnsupportedError,
    WriteOp,
    WriteResult,
)
from bloop_sdk.between import is_between
from bloop_sdk.records import JSONObject

WRITES = frozenset(map(str, NoteWrite))
MOST_TAGS = 100
_FILES = re.compile(r"bloop:file:([^\s)>\"]+)")
_LINKS = re.compile(r"<a [^>]*href=\"bloop:note:([^\"#]+)[^>]*>([^<]*)</a>")


class Writing:
    """The writes of one provider."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._api = reading.api
        self._waiting: dict[str, JSONObject | None] = {}

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Do one of :data:`WRITES`."""
        match op.kind:
            case NoteWrite.CREATE:
                return await self._create(op)
            case NoteWrite.ATTACH:
                return await self._attach(op)
            case NoteWrite.UPDATE:
                return await self._update(op, precondition)
            case NoteWrite.MOVE:
                return await self._move(op, precondition)
            case NoteWrite.DELETE:
                return await self._delete(op, precondition)
        raise UnsupportedError(f"{op.kind}: of Notion nothing is written but notes and files")

    # -- what is there

    async def _expected(
        self, op: WriteOp, precondition: Precondition
    ) -> tuple[JSONObject, Said, bool]:
        """The page, what it says, and whether it is at the version that is expected."""
        if op.ref is None or op.ref.kind is not Kind.NOTE:
            raise FatalError(f"{op.kind}: a note is written, and {op.ref} is none")
        page = await self._reading.whole(await self._api.get(f"pages/{op.ref.remote_id}"))
        if in_trash(page):
            return page, Said("", {}, self._reading.contents.making(op.ref.remote_id)), False
        said = await self._reading.contents.of(op.ref.remote_id)
        return page, said, notes.version(page, said) == precondition.remote_version

    def _changed(self, op: WriteOp) -> PreconditionFailedError:
        return PreconditionFailedError(
            f"{op.ref} has changed in Notion since it was read",
            cure="read the note again, and decide",
        )

    async def _result(self, page: str, lost: Mapping[str, None], *above: str | None) -> WriteResult:
        """What the next read would yield of a page, and of pages that link to it as theirs."""
        records = await self._records(page)
        version = next(one.remote_version for one in records if one.remote_version)
        for other in dict.fromkeys(above):
            records += await self._records(other) if other else []
        return WriteResult(
            ref=Ref(Kind.NOTE, page),
            remote_version=version,
            batch=Batch(records=tuple(records)),
            lost=tuple(lost),
        )

    async def _records(self, page: str) -> list[Record]:
        item = await self._api.get(f"pages/{page}")
        return await self._reading.records(item, await place_of(self._reading, item))

    async def _above(self, page: JSONObject) -> str | None:
        """The page that has a link to another one in its text, as it stands in it."""
        parent = obj(page, "parent")
        if text(parent, "type") == "block_id":
            tree = Tree(self._api, Listing())
            parent = await tree.page_of(dashed(parent.get("block_id")))
        own = dashed(parent.get("page_id"))
        with suppress(MissingRecordError, PermissionMissingError):
            return own and own_id(await self._api.get(f"pages/{own}"))
        return None

    # -- notes

    async def _create(self, op: WriteOp) -> WriteResult:
        draft, made, key = _draft(op), self._reading.made, op.idempotency_key
        parent = await self._parent(draft.parent)
        target = await self._target(draft, {})
        page = None
        if op.again:
            bot = text(await self._reading.me(), "id")
            page = await made_before(self._api, made, key, draft, parent, bot)
        if page is None:
            title = {"title": {"title": _title(draft.title)}}
            try:
                item = await self._api.send(
                    "POST", "pages", body={"parent": parent, "properties": title}
                )
            except RefusedError as err:
                raise UnsupportedError(
                    f"Notion makes no page there: {err.message}",
                    cure="put the note below a page that is shared with the integration",
                ) from err
            page = own_id(item)
            made.add(key, page)
        wanted = shown(draft.markdown, target)
        if not made.is_whole(key):
            await self._fill(page, wanted, draft, target)
            made.add(key, page, whole=True)
        return await self._result(page, target.losses, dashed(parent.get("page_id")))

    async def _fill(self, page: str, wanted: str, draft: NoteDraft, target: Target) -> None:
        """Bring a new page to what it shall say, also where an earlier try was cut off in it.

        What somebody else has written there meanwhile stays, beside all of the note.
        """
        item = await self._api.get(f"pages/{page}")
        found = await self._reading.contents.walk(page)
        said = _said(found, self._reading.contents.making(page))
        ours = is_between("", wanted, said)
        if not ours:
            draft = left.with_tags(draft, item)
        await self._tags(item, draft, target)
        await self._edit(page, found, "" if ours else None, draft, target)

    async def _update(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        draft = _draft(op)
        page, said, expected = await self._expected(op, precondition)
        own = own_id(page)
        target = await self._target(draft, {one.id: one for one in said.making.files.values()})
        if not expected:
            title = notes.titled(properties.title_of(page))[0]
            if op.again and title == draft.title and said.markdown == draft.markdown.strip():
                return await self._result(own, {})
            half = op.again and left.is_half(draft, page, said, shown(draft.markdown, target))
            if not half and not left.is_only_given(draft, page, said):
                raise self._changed(op)
            draft = replace(draft, base_markdown=said.markdown)
        if notes.titled(properties.title_of(page))[0] != draft.title:
            name = {"title": {"title": _title(draft.title)}}
            await self._api.send("PATCH", f"pages/{own}", body={"properties": name})
        await self._tags(page, draft, target)
        if draft.markdown != draft.base_markdown:
            found = await self._reading.contents.walk(own)
            await self._edit(own, found, draft.base_markdown, draft, target)
        return await self._result(own, target.losses)

    async def _move(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        page, _, expected = await self._expected(op, precondition)
        own = own_id(page)
        lost = {"its place among its siblings: Notion's API moves no page within another": None}
        wanted = op.values.get("parent")
        here = await place_of(self._reading, page)
        if here.parent == wanted:
            # There is nothing to move, or an earlier try has done it.
            if not expected and not op.again:
                raise self._changed(op)
            return await self._result(own, lost)
        if not expected:
            raise self._changed(op)
        if wanted is None:
            raise UnsupportedError(
                "Notion's API moves no page to the top of a workspace",
                cure="move it there in Notion",
            )
        parent, before = await self._parent(str(wanted)), await self._above(page)
        await self._api.send("POST", f"pages/{own}/move", body={"parent": parent})
        told = lost if op.values.get("after") else {}
        return await self._result(own, told, before, dashed(parent.get("page_id")))

    async def _delete(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        page, _, expected = await self._expected(op, precondition)
        ref, own = op.ref, own_id(page)
        assert ref is not None
        if not in_trash(page):
            if not expected:
                raise self._changed(op)
            if holds_page({CHILDREN: await self._reading.contents.walk(own)}):
                raise UnsupportedError(
                    f"{ref} has pages or databases in it, which Notion would throw away with it",
                    cure="delete or move those first, or delete it in Notion itself",
                )
            field = "in_trash" if self._api.newest else "archived"
            await self._api.send("PATCH", f"pages/{own}", body={field: True})
        elif not op.again:
            raise self._changed(op)
        above = await self._above(page)
        batch = Batch(
            records=tuple(await self._records(above)) if above else (),
            deleted=(ref, Ref(Kind.MODULE, own)),
        )
        return WriteResult(ref=ref, remote_version=None, batch=batch)

    async def _attach(self, op: WriteOp) -> WriteResult:
        """Send a file's bytes, and show it at the end of its note.

        Without a note it waits for the one that links to it; Notion forgets it after an hour.
        """
        draft = op.file
        if draft is None:
            raise FatalError(f"{op.kind}: there is no file")
        page = draft.note.remote_id if draft.note is not None else None
        if page is not None and op.again and (found := await self._shown_before(page, draft)):
            return WriteResult(ref=Ref(Kind.FILE, found), remote_version=None)
        limit = uploads.limit_of(await self._reading.me())
        sent = await uploads.upload(
            self._api, limit, draft.name, draft.media_type, draft.size, draft.chunks()
        )
        if page is None:
            return WriteResult(ref=Ref(Kind.FILE, f"upload.{sent}"), remote_version=None)
        kind = Target(names={"": draft.name}).kind_of("", image=False)
        block = {
            "type": kind,
            kind: {"type": "file_upload", "file_upload": {"id": sent}, "caption": []},
        }
        answer = await self._api.send(
            "PATCH", f"blocks/{page}/children", body={"children": [block]}
        )
        urls = addresses_in(answer.get("results"))
        if not urls:
            raise UnavailableError(f"blocks/{page}/children was answered without the file")
        own = file_id(page, key_of(urls[-1]))
        return WriteResult(ref=Ref(Kind.FILE, own), remote_version=None)

    async def _shown_before(self, page: str, draft: FileDraft) -> str | None:
        """The file that an earlier try has put into a page: one of the same name and bytes."""
        for media in (await self._reading.contents.of(page)).making.files.values():
            if media.name == draft.name:
                digest = hashlib.sha256()
                async for chunk in self._reading.downloads.reader(page, media)():
                    digest.update(chunk)
                if digest.hexdigest() == draft.sha256:
                    return media.id
        return None

    # -- parts of them

    async def _edit(
        self, page: str, found: list[JSONObject], base: str | None, draft: NoteDraft, target: Target
    ) -> None:
        """Bring blocks from ``base``, or what they say, to a note; None leaves all of them."""
        making = self._reading.contents.making(page)

        async def attached(file: str) -> JSONObject | None:
            return await self._attached(file, page)

        editing = Editing(self._api, making, target, attached)
        if base or found:
            said = base or _said(found, making)
            await editing.change(found, said, draft.markdown, adding=base is None)
        else:
            await editing.append(parse(draft.markdown, target), page)
        for file, block in editing.made:
            for url in addresses_in(block):
                self._reading.aliases.add(page, key_of(url), file)

    async def _target(self, draft: NoteDraft, here: Mapping[str, Media]) -> Target:
        """What the text is written for: it has to know the names of the files in it."""
        names = {file: media.name for file, media in here.items()}
        for written in _FILES.findall(draft.markdown):
            file = unquote(written)
            if file not in names:
                found = await self._upload(file)
                names[file] = text(found or {}, "filename")
        titles = {unescape(said).strip(): unquote(own) for own, said in _LINKS.findall(draft.html)}
        return Target(newest=self._api.newest, names=names, titles=titles)

    async def _upload(self, file: str) -> JSONObject | None:
        if file not in self._waiting:
            self._waiting[file] = await uploads.waiting(self._api, file.rpartition(".")[2])
        return self._waiting[file]

    async def _attached(self, file: str, page: str) -> JSONObject | None:
        """What a block holds that shows a file: an upload, or a copy of what stands elsewhere."""
        found = await self._upload(file)
        if found is not None:
            self._waiting[file] = None
            return {"type": "file_upload", "file_upload": {"id": found["id"]}}
        above = dashed(file.partition(".")[0]) or page
        try:
            files = (await self._reading.contents.of(above)).making.files.values()
        except MissingRecordError:
            return None
        media = next((one for one in files if one.id == file), None)
        if media is None:
            return None
        limit = uploads.limit_of(await self._reading.me())
        # Its size has to be told before its bytes, and it may have gigabytes.
        with SpooledTemporaryFile(uploads.SINGLE) as copy:
            async for piece in self._reading.downloads.reader(above, media)():
                await asyncio.to_thread(copy.write, piece)
            size = copy.tell()
            copy.seek(0)

            async def chunks() -> AsyncIterator[bytes]:
                while piece := await asyncio.to_thread(copy.read, uploads.PART):
                    yield piece

            try:
                sent = await uploads.upload(self._api, limit, media.name, None, size, chunks())
            except (RefusedError, UnsupportedError):
                # What people put into Notion may be more, and of more types, than its API takes.
                return None
        return {"type": "file_upload", "file_upload": {"id": sent}}

    async def _parent(self, parent: str | None) -> JSONObject:
        """A node as a parent: a page, or a data source."""
        if parent is None:
            return {"type": "workspace", "workspace": True}
        try:
            await self._api.get(f"pages/{parent}")
        except (MissingRecordError, RefusedError):
            return {"type": "data_source_id", "data_source_id": parent}
        return {"type": "page_id", "page_id": parent}

    async def _tags(self, page: JSONObject, draft: NoteDraft, target: Target) -> None:
        """Tags go into the property that they are read from."""
        if set(draft.tags) == set(properties.tags_of(page)):
            return
        name = properties.tags_property(page)
        if name is None:
            one = bool(properties.tags_of(page))
            why = "their property takes one alone" if one else "the page has no property for them"
            target.lose(f"tags: {why}")
            return
        if len(draft.tags) > MOST_TAGS:
            target.lose(f"tags beyond the first {MOST_TAGS}")
        # A comma would be another tag in Notion.
        names = [{"name": tag.replace(",", " ")[:100]} for tag in draft.tags[:MOST_TAGS]]
        value = {"multi_select": names}
        await self._api.send("PATCH", f"pages/{own_id(page)}", body={"properties": {name: value}})


def _draft(op: WriteOp) -> NoteDraft:
    if op.note is None:
        raise FatalError(f"{op.kind}: there is no note")
    return op.note


def _title(title: str) -> list[JSONObject]:
    return [{"type": "text", "text": {"content": title[:2000]}}]


def _said(found: list[JSONObject], making: Making) -> str:
    return of_blocks(found, making).markdown

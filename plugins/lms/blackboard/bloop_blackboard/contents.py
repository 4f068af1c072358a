"""The content of one course: its tree, what hangs in it, its files, and what the gradebook adds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bloop_blackboard.api import Api
from bloop_blackboard.files import Files
from bloop_blackboard.gradebook import COLUMNS, Graded, by_content, columns_of
from bloop_blackboard.items import Maker, Parts, refs_of
from bloop_blackboard.known import Known
from bloop_blackboard.outline import Entry, Outline, kind_of, outline_of, ref_of
from bloop_blackboard.wire import AskedQuestion, Attachment, Forum, fault
from bloop_sdk import (
    Batch,
    Cursor,
    Kind,
    MalformedRecordError,
    MissingRecordError,
    PermissionMissingError,
    Ref,
    Skipped,
)
from bloop_sdk.records import JSONObject, Record

RECURSIVE = (3100, 2)
DISCUSSIONS = (3900, 19)

_BATCH = 200
_ATTACHED = frozenset({"resource/x-bb-document", "resource/x-bb-assignment"})

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(slots=True)
class Course:
    """Everything of a course that comes in lists; ``lost`` is what could not be listed."""

    id: str
    outline: Outline
    columns: list[Graded] | None = None
    forums: dict[str, tuple[Forum, JSONObject]] | None = None
    skipped: list[Skipped] = field(default_factory=list)

    def refs(self) -> dict[str, Ref]:
        """The refs of items by their ids."""
        return {one.item.id: ref_of(self.id, one.item) for one in self.outline.entries}

    def loose_columns(self) -> Iterator[Graded]:
        """Those that are about no item of the tree."""
        for one in self.columns or ():
            if one.column.content_id not in self.outline.ids:
                yield one

    def loose_forums(self) -> Iterator[tuple[Forum, JSONObject]]:
        """Discussions that no item links to."""
        entries = self.outline.entries
        linked = {one.item.content_handler.discussion_id for one in entries}
        for name, one in (self.forums or {}).items():
            if name not in linked:
                yield one


@dataclass(slots=True)
class Made:
    """What one name of a course gave: its records, and what to keep of it."""

    name: str
    records: list[Record]
    kept: JSONObject = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)


class Contents:
    """Reads the content of courses."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._files = Files(api)

    async def read(self, course: str, state: Cursor | None) -> AsyncIterator[Batch]:
        """All of a course; attachments are listed of items that were modified since."""
        known = Known.of(state)
        found = await self._load(course)
        skipped = [*found.outline.skipped, *found.skipped]
        for name in found.outline.ids:
            known.meet(name)
        records: list[Record] = []
        total = len(found.outline.entries)
        done = 0
        async for made in self._made(found, known):
            done += 1
            known.take(made.name, refs_of(made.records), made.kept)
            records += made.records
            skipped += made.skipped
            if len(records) >= _BATCH:
                yield _batch(records, skipped, known, min(done, total), total)
                records, skipped = [], []
        for entry in found.outline.entries:
            for item, _ in entry.inside:
                known.drop(item.id)  # It has become the text of a document.
        await self._sweep(found, known)
        yield _batch(records, [*skipped, *known.refused], known, total, total)

    async def fetch(self, course: str, wanted: set[Ref]) -> tuple[list[Record], list[Skipped]]:
        """Some records of a course, made as :meth:`read` makes them."""
        found = await self._load(course)
        names = {ref.remote_id.removeprefix(f"{course}/") for ref in wanted}
        heads = {name.partition("/")[0] for name in names} | names
        records: list[Record] = []
        skipped = [*found.outline.skipped, *found.skipped]
        async for made in self._made(found, Known(), heads):
            records += [one for one in made.records if refs_of([one])[0] in wanted]
            skipped += made.skipped
        named = {str(ref) for ref in wanted}
        return records, [one for one in skipped if one.ref in named]

    async def kinds(self, course: str) -> dict[str, Ref]:
        """The refs of a course's items by their ids, in as few bytes as there is need for."""
        rows = await self._items(course, "id,parentId,title,contentHandler")
        return Course(course, outline_of(course, rows)).refs()

    async def _load(self, course: str) -> Course:
        found = Course(course, outline_of(course, await self._items(course)))
        if await self._api.has(COLUMNS):
            try:
                found.columns, found.skipped = await columns_of(self._api, course)
            except (PermissionMissingError, MissingRecordError):
                found.columns = None
        if await self._api.has(DISCUSSIONS):
            found.forums = await self._forums(course, found.skipped)
        return found

    async def _items(self, course: str, fields: str | None = None) -> list[JSONObject]:
        """All items in one list; older sites are asked folder by folder."""
        path = f"/v1/courses/{course}/contents"
        params = {"fields": fields} if fields else {}
        if await self._api.has(RECURSIVE):
            return await self._api.all(path, {**params, "recursive": "true"})
        found = await self._api.all(path)
        for row in found:  # It grows while it is gone through.
            if row.get("hasChildren"):
                found += await self._api.all(f"{path}/{row.get('id')}/children")
        return found

    async def _forums(
        self, course: str, skipped: list[Skipped]
    ) -> dict[str, tuple[Forum, JSONObject]] | None:
        """Discussions by id; None in a course of the original view, which has no such list."""
        try:
            rows = await self._api.all(f"/v1/courses/{course}/discussions")
        except (PermissionMissingError, MissingRecordError, MalformedRecordError):
            return None
        found: dict[str, tuple[Forum, JSONObject]] = {}
        for row in rows:
            one = _valid(Forum, row, f"discussion:{course}/discussion/{row.get('id')}", skipped)
            if one is not None:
                found[one.id] = (one, row)
        return found

    async def _made(
        self, found: Course, known: Known, only: set[str] | None = None
    ) -> AsyncIterator[Made]:
        maker = Maker(self._api.site, found.id, self._files.downloads)
        columns = by_content(found.columns or ())
        for entry in found.outline.entries:
            if only is None or entry.item.id in only:
                yield await self._one(found, entry, maker, columns, known)
        for graded in found.loose_columns():
            name = f"column/{graded.column.id}"
            if only is None or name in only:
                yield Made(name, [maker.column(graded)])
        for forum, raw in found.loose_forums():
            name = f"discussion/{forum.id}"
            if only is None or name in only:
                yield Made(name, [maker.forum(forum, raw)])

    async def _one(
        self,
        found: Course,
        entry: Entry,
        maker: Maker,
        columns: dict[str, Graded],
        known: Known,
    ) -> Made:
        item = entry.item
        handler = item.content_handler
        parts = Parts(graded=columns.get(item.id))
        made = Made(item.id, [])
        if kind_of(handler) in {Kind.ASSIGNMENT, Kind.QUIZ} and found.columns is None:
            parts.lost.append("points and due date: course.gradebook.MODIFY is missing")
        if handler.discussion_id:
            parts.forum = (found.forums or {}).get(handler.discussion_id)
            if found.forums is None:
                parts.lost.append("its first post: not in the API of this course")
        if kind_of(handler) is Kind.QUIZ and not handler.assessment_id:
            parts.lost.append("questions: not in the API of this course")
        if handler.assessment_id:
            parts.questions = await self._questions(found.id, handler.assessment_id, parts)
        if handler.id in _ATTACHED:
            modified = entry.raw.get("modified")
            kept = known.kept(item.id)
            if modified is None or kept.get("modified") != modified:
                kept = {
                    "modified": modified,
                    "attachments": await self._attachments(found.id, entry, made),
                }
            made.kept = kept
            parts.attachments = [
                (Attachment.model_validate(row), row) for row in kept["attachments"]
            ]
        made.records = maker.records(entry, parts)
        return made

    async def _questions(
        self, course: str, assessment: str, parts: Parts
    ) -> list[tuple[AskedQuestion, JSONObject]]:
        path = f"/v1/courses/{course}/assessments/{assessment}/questions"
        try:
            rows = await self._api.all(path)
            return [(AskedQuestion.model_validate(row), row) for row in rows]
        except PermissionMissingError:
            parts.lost.append("questions: course.assessment.MODIFY is missing")
        except (MissingRecordError, MalformedRecordError):
            parts.lost.append("questions: not in the API of this course")
        except ValidationError as err:
            parts.lost.append(f"questions: {fault(err)}")
        return []

    async def _attachments(self, course: str, entry: Entry, made: Made) -> list[JSONObject]:
        """What hangs at an item; a course of the Ultra view has no such list."""
        path = f"/v1/courses/{course}/contents/{entry.item.id}/attachments"
        found: list[JSONObject] = []
        try:
            for row in await self._api.all(path):
                ref = f"file:{course}/{entry.item.id}/{row.get('id')}"
                if _valid(Attachment, row, ref, made.skipped) is not None:
                    found.append(row)
        except PermissionMissingError as err:
            ref = f"file:{course}/{entry.item.id}/attachments"
            made.skipped.append(Skipped(ref=ref, reason=err.message, code="record_forbidden"))
        except (MissingRecordError, MalformedRecordError):
            return []
        return found

    async def _sweep(self, found: Course, known: Known) -> None:
        """Drop what is gone: of folders that are, without asking for each thing in them."""
        loose = {f"column/{one.column.id}" for one in found.loose_columns()}
        listed = {f"column/{one.column.id}" for one in found.columns or ()}
        listed |= {f"discussion/{name}" for name in found.forums or ()}
        for name in known.missing():
            family, _, rest = name.partition("/")
            unread = (family == "column" and found.columns is None) or (
                family == "discussion" and found.forums is None
            )
            if rest and name in listed - loose:
                known.drop(name)  # It stands in the tree now.
            elif unread or name in listed:
                known.meet(name)
        base = f"/v1/courses/{found.id}"
        paths = {
            "column": f"/v2/courses/{found.id}/gradebook/columns/",
            "discussion": f"{base}/discussions/",
        }

        def path_of(name: str) -> str:
            family, _, rest = name.partition("/")
            return paths[family] + rest if rest else f"{base}/contents/{name}"

        await known.sweep(self._api, path_of)


def _batch(
    records: Sequence[Record], skipped: Sequence[Skipped], known: Known, done: int, total: int
) -> Batch:
    return Batch(
        records=tuple(records),
        skipped=tuple(skipped),
        deleted=known.take_deleted(),
        cursor=known.cursor(),
        done=done,
        total=total,
    )


def _valid(model: type[_Model], row: JSONObject, ref: str, skipped: list[Skipped]) -> _Model | None:
    try:
        return model.model_validate(row)
    except ValidationError as err:
        skipped.append(Skipped(ref=ref, reason=fault(err), raw=row))
        return None

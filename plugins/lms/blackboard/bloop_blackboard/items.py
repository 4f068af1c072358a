"""From an item of a course to the records it stands for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Any
from urllib.parse import urljoin

from bloop_blackboard import markup
from bloop_blackboard.gradebook import Graded
from bloop_blackboard.outline import Entry, kind_of, ref_of
from bloop_blackboard.wire import AskedQuestion, Attachment, Forum, Item
from bloop_sdk import (
    Assignment,
    Content,
    Discussion,
    File,
    Kind,
    Link,
    Node,
    Opaque,
    Page,
    Question,
    QuestionKind,
    Quiz,
    Ref,
    Tool,
)
from bloop_sdk.records import JSONObject, Record

_QUESTIONS = {
    "EitherOr": QuestionKind.TRUE_FALSE,
    "Essay": QuestionKind.ESSAY,
    "MultipleAnswer": QuestionKind.MULTIPLE,
    "Numeric": QuestionKind.NUMERIC,
    "MultipleChoice": QuestionKind.CHOICE,
    "Matching": QuestionKind.MATCHING,
    "FillInTheBlank": QuestionKind.BLANK,
    "FillInTheBlankPlus": QuestionKind.BLANKS,
    "Calculated": QuestionKind.FORMULA,
    "FileResponse": QuestionKind.UPLOAD,
    "Presentation": QuestionKind.TEXT,
}

Chunks = Callable[[], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Downloads:
    """Where bytes come from: an attachment by its ids, or an address that is signed."""

    attachment: Callable[[str, str, str | None], Chunks]
    signed: Callable[[str], Chunks]


@dataclass(slots=True)
class Parts:
    """What belongs to an item and is listed elsewhere; ``lost`` says what could not be had."""

    graded: Graded | None = None
    forum: tuple[Forum, JSONObject] | None = None
    questions: Sequence[tuple[AskedQuestion, JSONObject]] = ()
    attachments: Sequence[tuple[Attachment, JSONObject]] = ()
    lost: list[str] = field(default_factory=list)


class Maker:
    """Makes the records of one course."""

    def __init__(self, site: str, course: str, downloads: Downloads) -> None:
        self._site = site
        self._course = course
        self._downloads = downloads

    def records(self, entry: Entry, parts: Parts) -> list[Record]:
        """Files first, then the content that links to them, then its place in the tree."""
        kind = kind_of(entry.item.content_handler)
        found: list[Record] = []
        if kind is not Kind.MODULE:
            found += self._files(entry, parts)
            found.append(self._content(kind, entry, parts))
        found.append(self._node(kind, entry))
        return found

    def column(self, graded: Graded) -> Assignment:
        """Work that only the gradebook tells of, such as one on paper."""
        column = graded.column
        return Assignment(
            remote_id=f"{self._course}/column/{column.id}",
            raw=self._plain(graded.raw),
            created_at=column.created,
            container=self._course,
            title=column.display_name or column.name,
            published=not column.is_hidden,
            html=column.description or "",
            points=column.score.possible,
            due_at=column.grading.due,
            submission_types=("none",),
        )

    def forum(self, forum: Forum, raw: JSONObject) -> Discussion:
        """A discussion that stands nowhere in the tree."""
        return Discussion(
            remote_id=f"{self._course}/discussion/{forum.id}",
            raw=self._plain(raw),
            created_at=forum.created_date,
            updated_at=forum.modified_date,
            lost=("what was said in it",),
            container=self._course,
            title=forum.title,
            published=forum.available,
            html=markup.unsigned(forum.topic.body or "", self._site),
            posted_at=forum.topic.post_date,
        )

    def _node(self, kind: Kind, entry: Entry) -> Node:
        item = entry.item
        module = kind is Kind.MODULE
        kept = ("id", "parentId", "title", "position", "availability", "contentHandler")
        raw = {name: entry.raw[name] for name in kept if name in entry.raw}
        if module:
            raw = self._plain(entry.raw)
        return Node(
            remote_id=f"{self._course}/{item.id}",
            raw=raw | _shut(item),
            url=self._page_of(item),
            created_at=item.created,
            updated_at=item.modified,
            lost=("the folder's own text",) if module and (item.body or item.description) else (),
            container=self._course,
            parent=f"{self._course}/{entry.parent}" if entry.parent else None,
            position=max(item.position, 0),
            title=item.title,
            content=None if module else ref_of(self._course, item),
            published=_shown(item),
        )

    def _content(self, kind: Kind, entry: Entry, parts: Parts) -> Content:
        make: dict[Kind, Callable[[JSONObject, Entry, Parts], Content]] = {
            Kind.PAGE: self._page,
            Kind.FILE: self._file,
            Kind.LINK: self._link,
            Kind.ASSIGNMENT: self._assignment,
            Kind.QUIZ: self._quiz,
            Kind.DISCUSSION: self._discussion,
            Kind.TOOL: self._tool,
        }
        item = entry.item
        return make.get(kind, self._opaque)(
            {
                "remote_id": f"{self._course}/{item.id}",
                "raw": self._raw(entry, parts),
                "url": self._page_of(item),
                "created_at": item.created,
                "updated_at": item.modified,
                "container": self._course,
                "title": item.title,
                "published": _shown(item),
            },
            entry,
            parts,
        )

    def _raw(self, entry: Entry, parts: Parts) -> JSONObject:
        raw = self._plain(entry.raw)
        more: dict[str, Any] = {
            "inside": [self._plain(row) for _, row in entry.inside],
            "column": self._plain(parts.graded.raw) if parts.graded else None,
            "discussion": self._plain(parts.forum[1]) if parts.forum else None,
            "questions": [self._plain(row) for _, row in parts.questions],
            "attachments": [row for _, row in parts.attachments],
        }
        told = {name: value for name, value in more.items() if value}
        return {**raw, **told, **_shut(entry.item)}

    def _plain(self, row: JSONObject) -> JSONObject:
        """A row without the signatures in its texts, which are others with each answer."""
        if "topic" in row and isinstance(row["topic"], dict):
            row = {**row, "topic": self._plain(row["topic"])}
        texts = {
            name: markup.unsigned(value, self._site)
            for name in ("body", "text", "description")
            if isinstance(value := row.get(name), str)
        }
        return {**row, **texts}

    def _page(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        return Page(**common, html=self._html(entry, parts), lost=self._lost(entry, parts))

    def _file(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        item = entry.item
        given = item.content_handler.file
        return File(
            **common,
            name=given.file_name or item.title,
            media_type=given.mime_type,
            chunks=self._downloads.attachment(self._course, item.id, None),
            lost=self._lost(entry, parts),
        )

    def _link(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        item = entry.item
        href = item.content_handler.url or self._page_of(item)
        if href is None:
            return self._opaque(common, entry, parts)
        return Link(
            **common,
            href=href,
            new_window=item.launch_in_new_window,
            lost=self._lost(entry, parts, *(["its text"] if item.body else [])),
        )

    def _assignment(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        column = parts.graded.column if parts.graded else None
        release = entry.item.availability.adaptive_release
        return Assignment(
            **common,
            html=self._html(entry, parts),
            points=column.score.possible if column else None,
            due_at=column.grading.due if column else None,
            opens_at=release.start,
            closes_at=release.end,
            submission_types=("text", "file"),
            lost=self._lost(entry, parts, "rubric: not in the API"),
        )

    def _quiz(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        column = parts.graded.column if parts.graded else None
        return Quiz(
            **common,
            html=self._html(entry, parts),
            questions=tuple(
                self._question(one)
                for one, _ in sorted(parts.questions, key=lambda pair: pair[0].position)
            ),
            points=column.score.possible if column else None,
            due_at=column.grading.due if column else None,
            attempts=_attempts(column.grading.attempts_allowed) if column else None,
            lost=self._lost(entry, parts, "answers and time limit: not in the API"),
        )

    def _question(self, asked: AskedQuestion) -> Question:
        kind = asked.question_handler.type
        return Question(
            id=asked.id,
            kind=_QUESTIONS.get(kind or "", QuestionKind.OPAQUE),
            title=asked.title or "",
            html=markup.unsigned(asked.text or "", self._site),
            points=asked.points if asked.points is not None else 0.0,
            correct_html=asked.correct_response_feedback or "",
            incorrect_html=asked.incorrect_response_feedback or "",
            raw_type=kind,
        )

    def _discussion(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        topic = parts.forum[0].topic if parts.forum else None
        html = self._html(entry, parts)
        if topic and topic.body:
            html += markup.unsigned(topic.body, self._site)
        return Discussion(
            **common,
            html=html,
            posted_at=topic.post_date if topic else None,
            lost=self._lost(entry, parts, "what was said in it"),
        )

    def _tool(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        handler = entry.item.content_handler
        if not handler.url:
            return self._opaque(common, entry, parts)
        return Tool(
            **common,
            launch_url=handler.url,
            html=self._html(entry, parts),
            custom=tuple(sorted(handler.custom_parameters.items())),
            lost=self._lost(entry, parts),
        )

    def _opaque(self, common: JSONObject, entry: Entry, parts: Parts) -> Content:
        return Opaque(
            **common,
            remote_kind=entry.item.content_handler.id,
            html=self._html(entry, parts),
            lost=self._lost(entry, parts, f"what {entry.item.content_handler.id} does"),
        )

    def _files(self, entry: Entry, parts: Parts) -> list[Record]:
        """The files that hang at an item, and those that its text links to."""
        found: list[Record] = [
            File(
                remote_id=self._file_id(entry.item, attachment.id),
                raw=row | _shut(entry.item),
                container=self._course,
                title=attachment.file_name,
                name=attachment.file_name,
                media_type=attachment.mime_type,
                published=_shown(entry.item),
                chunks=self._downloads.attachment(self._course, entry.item.id, attachment.id),
            )
            for attachment, row in parts.attachments
        ]
        for file in markup.embedded(_text(entry), self._site):
            raw = {"xid": file.xid, "name": file.name, "mimeType": file.media_type}
            raw |= _shut(entry.item)
            found.append(
                File(
                    remote_id=self._file_id(entry.item, file.xid),
                    raw=raw,
                    container=self._course,
                    title=file.name,
                    name=file.name,
                    media_type=file.media_type,
                    published=_shown(entry.item),
                    chunks=self._downloads.signed(file.url),
                )
            )
        return found

    def _html(self, entry: Entry, parts: Parts) -> str:
        """The text, with links to its files, and a list of those that hang at it."""
        html = markup.linked(_text(entry), self._site, lambda xid: self._file_id(entry.item, xid))
        links = [
            f'<li><a href="bloop:file:{escape(self._file_id(entry.item, attachment.id))}">'
            f"{escape(attachment.file_name)}</a></li>"
            for attachment, _ in parts.attachments
        ]
        return html + (f"<ul>{''.join(links)}</ul>" if links else "")

    def _file_id(self, item: Item, name: str) -> str:
        return f"{self._course}/{item.id}/{name}"

    def _page_of(self, item: Item) -> str | None:
        """An item's page at Blackboard."""
        hrefs = [link.href for link in item.links if link.rel == "alternate" and link.href]
        return urljoin(f"{self._site}/", hrefs[0]) if hrefs else None

    @staticmethod
    def _lost(entry: Entry, parts: Parts, *more: str) -> tuple[str, ...]:
        release = entry.item.availability.adaptive_release
        dates = release.start or release.end
        kept = kind_of(entry.item.content_handler) is Kind.ASSIGNMENT
        hidden = entry.item.availability.available == "PartiallyVisible"
        return (
            *more,
            *parts.lost,
            *(["when it is shown"] if dates and not kept else []),
            *(["that its title alone is shown"] if hidden else []),
        )


def refs_of(records: Sequence[Record]) -> list[Ref]:
    """The refs of what :class:`Maker` makes."""
    return [
        record.ref if isinstance(record, Content) else Ref(Kind.MODULE, record.remote_id)
        for record in records
    ]


def _text(entry: Entry) -> str:
    """The text of an item; that of an Ultra document stands in what it holds."""
    bodies = [item.body for item, _ in entry.inside] or [entry.item.body]
    return "".join(filter(None, bodies)) or entry.item.description or ""


def _shown(item: Item) -> bool:
    return item.availability.available in {None, "Yes"} and not _shut(item)


def _shut(item: Item) -> JSONObject:
    """What tells that students do not see it now: not yet, or no more, by the dates it has.

    It is part of the raw record, which tells the hub of a change when a date has come.
    """
    release, now = item.availability.adaptive_release, datetime.now(UTC)
    later = release.start is not None and now < release.start
    over = release.end is not None and release.end <= now
    return {"published_here": False} if later or over else {}


def _attempts(allowed: int | None) -> int | None:
    """Blackboard writes 0 for unlimited."""
    return allowed or None

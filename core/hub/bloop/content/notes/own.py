"""Commands of people on notes of their own: written beside a lesson, and where they go.

A note is an item of a notebook that its writer owns, and what it is about stands in its
:class:`~bloop.content.notes.models.Anchor`. It is changed, deleted and sent like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, func, select

from bloop.accounts.models import User
from bloop.content.enrolling.seen import item_seen
from bloop.content.models import Container, Item
from bloop.content.notes import service
from bloop.content.notes.models import Anchor, NotePlace
from bloop.content.notes.own_queries import THERE
from bloop.content.notes.passages import LONGEST_CONTEXT, LONGEST_QUOTE, LessonText, Quote
from bloop.content.notes.wording import About, composed, title_of_note
from bloop.content.service import create_notebook
from bloop.kernel.models import Connection
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop_sdk import NoteWrite, PrincipalKind

MOST_OF_LESSON = 500
LONGEST_WORDS = 50_000
LONGEST_MOMENT = 24 * 3600 * 1000
_item: Any = Item


@command("content:write")
def write_beside(
    unit: UnitOfWork,
    lesson_id: str,
    *,
    site: str,
    words: str = "",
    title: str = "",
    tags: Sequence[str] = (),
    quote: Quote | None = None,
    moment_ms: int | None = None,
    video: int | None = None,
    notebook_title: str = "My notes",
) -> Item:
    """A note of one's own about a lesson, a passage of it, or a moment of its video.

    ``site`` is the address of the hub. The ``video`` is one of the lesson's text by its number, or
    None for the one beside it.
    """
    lesson = item_seen(unit, lesson_id)
    _check(words, quote, moment_ms)
    quote = _of_lesson(quote, lesson)
    _refuse_many(unit, lesson.id)
    about = About(
        lesson.id,
        lesson.title,
        f"{site}/lessons/{lesson.id}",
        quote.exact if quote else "",
        moment_ms,
    )
    notebook = notebook_of(unit, title=notebook_title)
    note = service.create(
        unit,
        notebook.id,
        title=title or title_of_note(about, words),
        markdown=composed(about, words),
        tags=tags,
    )
    found = quote or Quote("")
    unit.session.add(
        Anchor(
            institution_id=unit.institution,
            item_id=note.id,
            user_id=unit.call.principal.id,
            about_id=lesson.id,
            course_id=lesson.container_id,
            kind="highlight" if quote else "lesson" if moment_ms is None else "moment",
            exact=found.exact,
            prefix=found.prefix,
            suffix=found.suffix,
            position=found.position if quote else video,
            moment_ms=moment_ms,
        )
    )
    unit.session.flush()
    return note


@command("content:write")
def choose_notebook(unit: UnitOfWork, notebook_id: str) -> Container:
    """Let new notes of one's own go to this notebook, which is one's own too."""
    row: Container | None = unit.session.scalar(
        _own_notebooks(unit).where(Container.id == notebook_id)
    )
    if row is None:
        raise NotFoundError(f"you have no notebook {notebook_id[:40]}")
    row = unit.get(Container, row.id)  # That it is theirs lets them write it.
    if not _takes_notes(unit, row):
        raise ConflictError(
            f"notes can't be written to {row.title!r} from here", cure="choose another notebook"
        )
    _put_place(unit, row)
    return row


def notebook_of(unit: UnitOfWork, *, title: str) -> Container:
    """Where new notes of the caller go: what they chose, else their own here, made at the first."""
    chosen: Container | None = unit.session.scalar(
        _own_notebooks(unit).join(
            NotePlace,
            and_(
                NotePlace.institution_id == Container.institution_id,
                NotePlace.user_id == unit.call.principal.id,
                NotePlace.container_id == Container.id,
            ),
        )
    )
    if chosen is not None and _takes_notes(unit, chosen):
        return chosen
    first = (
        _own_notebooks(unit)
        .where(Container.connection_id.is_(None))
        .order_by(Container.id)
        .limit(1)
    )
    own: Container | None = unit.session.scalar(first)
    if own is None:
        # Of two first notes at once, one waits here, and goes into what the other made.
        unit.session.execute(
            select(User.id)
            .where(User.institution_id == unit.institution, User.id == unit.call.principal.id)
            .with_for_update()
        )
        own = unit.session.scalar(first)
    return own if own is not None else create_notebook(unit, title=title)


def _own_notebooks(unit: UnitOfWork) -> Any:
    if unit.call.principal.kind is not PrincipalKind.USER:
        raise InvalidError("only people have notes of their own", cure="log in as somebody")
    return select(Container).where(
        Container.institution_id == unit.institution,
        Container.owner_id == unit.call.principal.id,
        Container.kind == "notebook",
        Container.state.in_(THERE),
    )


def _takes_notes(unit: UnitOfWork, notebook: Container) -> bool:
    if notebook.connection_id is None:
        return True
    connection = unit.session.get(Connection, notebook.connection_id)
    return (
        connection is not None
        and "file" not in connection.settings
        and NoteWrite.CREATE in connection.writes
    )


def _put_place(unit: UnitOfWork, notebook: Container) -> None:
    place = unit.session.scalar(
        select(NotePlace).where(
            NotePlace.institution_id == unit.institution,
            NotePlace.user_id == unit.call.principal.id,
        )
    )
    if place is None:
        place = NotePlace(institution_id=unit.institution, user_id=unit.call.principal.id)
        unit.session.add(place)
    place.container_id, place.updated_at = notebook.id, utcnow()
    unit.session.flush()


def _check(words: str, quote: Quote | None, moment_ms: int | None) -> None:
    if quote is not None and moment_ms is not None:
        raise InvalidError("quote: a note is about a passage or about a moment", field="quote")
    if quote is None and moment_ms is None and not words.strip():
        raise InvalidError("markdown: a note needs words", field="markdown")
    if len(words) > LONGEST_WORDS:
        raise InvalidError(
            f"markdown: {len(words)} characters; at most {LONGEST_WORDS}", field="markdown"
        )
    if quote is not None and len(quote.exact) > LONGEST_QUOTE:
        raise InvalidError(
            f"quote: {len(quote.exact)} characters; at most {LONGEST_QUOTE}",
            field="quote",
            cure="mark a part of it",
        )
    if moment_ms is not None and not 0 <= moment_ms <= LONGEST_MOMENT:
        raise InvalidError("moment_ms: within a day from the start of the video", field="moment_ms")


def _of_lesson(quote: Quote | None, lesson: Item) -> Quote | None:
    """The quote as it stands in the lesson; one that came with its context may stand elsewhere.

    A plugin may show other words than the row holds: who marked them there has seen them.
    """
    if quote is None:
        return None
    found = LessonText(lesson.html).find(quote)
    if found.state != "gone":
        return found.quote
    if not quote.exact.strip() or not (quote.prefix or quote.suffix):
        raise InvalidError(
            "quote: these words are not in the lesson",
            field="quote",
            cure="copy them as they stand there",
        )
    return Quote(
        quote.exact, quote.prefix[-LONGEST_CONTEXT:], quote.suffix[:LONGEST_CONTEXT], quote.position
    )


def _refuse_many(unit: UnitOfWork, lesson_id: str) -> None:
    count = unit.session.scalar(
        select(func.count())
        .select_from(Anchor)
        .join(
            _item, and_(_item.institution_id == Anchor.institution_id, _item.id == Anchor.item_id)
        )
        .where(
            Anchor.institution_id == unit.institution,
            Anchor.user_id == unit.call.principal.id,
            Anchor.about_id == lesson_id,
            _item.state.in_(THERE),
        )
    )
    if (count or 0) >= MOST_OF_LESSON:
        raise ConflictError(
            f"you have {count} notes about this lesson, which is as many as there may be",
            cure="delete some, or write more into one of them",
        )

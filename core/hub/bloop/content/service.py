"""Commands of authors: containers and items are made, changed, published, put into the trash.

Each keeps what the row held before, appends its event and its audit line, and checks the row
version that the author saw. What a live connection brings is not edited here: its source wins
(``docs/decisions/0004-authoring.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from bloop.accounts.actions import ForbiddenError
from bloop.content import edited
from bloop.content.changes import kind_of_row, leave_pending
from bloop.content.changing import S, added, changed, editable, not_in_trash, refuse_live
from bloop.content.codec import authored_columns
from bloop.content.edited import columns_of, published_columns
from bloop.content.enrolling.models import AUDIENCES, Audience
from bloop.content.enrolling.service import set_audience
from bloop.content.models import Container, Item
from bloop.content.naming import code_of, language_of, summary_of, title_of
from bloop.content.notes.texts import text_of
from bloop.content.sanitise import SANITISER_VERSION, sanitise
from bloop.content.texts import html_of_markdown
from bloop.content.versions import subject_of
from bloop.store.blobs import BlobRef
from bloop.store.commands import command
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.held import hold
from bloop.store.ids import new_id
from bloop.store.unit import UnitOfWork
from bloop_sdk import BloopError, Kind, LessonView, Principal, PrincipalKind
from bloop_sdk.records import CONTAINER_KINDS

RefusePublish = Callable[[LessonView, Principal], str | None]
"""Gives the reason why something may not be published; what it raises refuses as well."""

AUTHORED_KINDS = frozenset(
    {Kind.PAGE, Kind.ASSIGNMENT, Kind.QUIZ, Kind.DISCUSSION, Kind.LINK, Kind.TOOL, Kind.NOTE}
)


MOST_NOTEBOOKS = 100
"""So many notebooks one person writes here."""


class PublishRefusedError(BloopError):
    """A plugin says that this may not be published."""

    code = "publish_refused"


Whole = Callable[[str, Mapping[str, Any]], None]
_whole: dict[str, Whole] = {}


def published_whole(kind: str, check: Whole) -> None:
    """Have what learners see of a kind checked: ``check`` gets a title and the data.

    It raises InvalidError for what is not complete, wherever that would be published or changed
    while it is.
    """
    _whole[kind] = check


def check_whole(row: Item, title: str, data: Mapping[str, Any] | None) -> None:
    """Raise what the check of its kind does; of what another system keeps, that is to judge."""
    if row.connection_id is None and (check := _whole.get(row.kind)):
        check(title, data or {})


@command("content:write")
def create_container(
    unit: UnitOfWork,
    *,
    title: str,
    kind: str = "course",
    code: str | None = None,
    summary_html: str = "",
    language: str | None = None,
    published: bool = False,
    audience: str = Audience.OPEN,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Container:
    """A new course or notebook."""
    if kind not in CONTAINER_KINDS:
        raise InvalidError(f"kind: {kind!r} is no container", field="kind", cure="course, notebook")
    if audience not in AUDIENCES:
        raise InvalidError("audience: this is none", field="audience", cure=", ".join(AUDIENCES))
    id_ = new_id()
    row = Container(
        institution_id=unit.institution,
        id=id_,
        remote_id=id_,
        kind=kind,
        title=title_of(title),
        code=code_of(code),
        summary_html=sanitise(summary_of(summary_html)),
        sanitiser=SANITISER_VERSION,
        language=language_of(language),
        published=published,
        audience=audience,
        starts_at=starts_at,
        ends_at=ends_at,
    )
    return added(unit, row)


@command("content:write")
def create_notebook(unit: UnitOfWork, *, title: str, language: str | None = None) -> Container:
    """A notebook of whoever asks, who writes in it as who teaches a course; nobody else sees it.

    Raises ForbiddenError for a caller that is no user, and ConflictError for one who has many.
    """
    owner = unit.call.principal
    if owner.kind is not PrincipalKind.USER:
        raise ForbiddenError(f"a {owner.kind} owns no notebook", cure="log in as a user")
    query = select(func.count()).where(
        Container.institution_id == unit.institution,
        Container.owner_id == owner.id,
        Container.connection_id.is_(None),
        Container.state != "trashed",
    )
    if (unit.session.scalar(query) or 0) >= MOST_NOTEBOOKS:
        raise ConflictError(f"you have {MOST_NOTEBOOKS} notebooks", cure="delete one of them")
    id_ = new_id()
    row = Container(
        institution_id=unit.institution,
        id=id_,
        remote_id=id_,
        kind=Kind.NOTEBOOK,
        title=title_of(title),
        language=language,
        published=True,
        owner_id=owner.id,
        audience=Audience.OWNER,
    )
    added(unit, row)
    return unit.get(Container, id_)  # That it is theirs lets them write it.


@command("content:write")
def update_container(
    unit: UnitOfWork, id_: str, version: int | None, changes: Mapping[str, Any]
) -> Container:
    """Change some fields; unnamed ones stay. Its ``audience`` is said here, whosever it is."""
    row = editable(unit, Container, id_, version)
    values = dict(changes)
    audience = values.pop("audience", None)
    if values:
        refuse_live(unit, row)
    if audience is not None:
        set_audience(unit, row.id, None, audience)
    if "title" in values:
        values["title"] = title_of(values["title"])
    if "summary_html" in values:
        values["summary_html"] = sanitise(summary_of(values["summary_html"] or ""))
    if "code" in values:
        values["code"] = code_of(values["code"])
    if "language" in values:
        values["language"] = language_of(values["language"])
    return changed(unit, row, values, "edited")


@command("content:write")
def create_item(
    unit: UnitOfWork,
    container_id: str,
    *,
    kind: str,
    title: str,
    html: str = "",
    markdown: str | None = None,
    data: Mapping[str, Any] | None = None,
    language: str | None = None,
) -> Item:
    """A new item; give either ``html`` or ``markdown``.

    It is not published, but in what somebody owns: nothing is held back from oneself.
    """
    container = unit.get(Container, container_id)
    not_in_trash(container)
    if kind not in AUTHORED_KINDS:
        raise InvalidError(
            f"kind: a {kind!r} cannot be written here",
            field="kind",
            cure=f"one of {', '.join(sorted(AUTHORED_KINDS))}",
        )
    text = html if markdown is None else html_of_markdown(markdown)
    columns = authored_columns(
        Kind(kind),
        title=title_of(title),
        published=container.owner_id is not None,
        html=text,
        data=data or {},
    )
    id_ = new_id()
    row = Item(
        institution_id=unit.institution,
        id=id_,
        remote_id=id_,
        container_id=container.id,
        language=language_of(language),
        source=None if kind == Kind.NOTE else markdown,
        **columns,
    )
    return added(unit, row)


@command("content:write")
def add_file(
    unit: UnitOfWork,
    container_id: str,
    *,
    name: str,
    media_type: str | None,
    sha256: str,
    size: int,
) -> Item:
    """A file whose bytes are stored already, as a new item, published as others are."""
    container = unit.get(Container, container_id)
    not_in_trash(container)
    data = {"name": name, "media_type": media_type, "size": size, "path": None}
    published = container.owner_id is not None
    columns = authored_columns(
        Kind.FILE, title=title_of(name), published=published, html="", data=data
    )
    hold(unit, (BlobRef(sha256, size), media_type))
    id_ = new_id()
    row = Item(
        institution_id=unit.institution,
        id=id_,
        remote_id=id_,
        container_id=container.id,
        blob=sha256,
        **columns,
    )
    return added(unit, row)


@command("content:write")
def update_item(
    unit: UnitOfWork, id_: str, version: int | None, changes: Mapping[str, Any]
) -> Item:
    """Change title, html (or markdown), data or language; unnamed ones stay, data is replaced."""
    row = editable(unit, Item, id_, version)
    refuse_live(unit, row)
    if "title" in changes:
        changes = {**changes, "title": title_of(changes["title"])}
    if "language" in changes:
        changes = {**changes, "language": language_of(changes["language"])}
    columns = columns_of(row, edited.text_of(row), changes)
    if row.published and "data" in changes:
        check_whole(row, columns["title"], columns["data"])
    if row.kind == Kind.NOTE and row.connection_id is not None:
        columns["theirs"] = row.theirs or text_of(row).as_json()
    return changed(unit, row, columns, "edited")


@command("content:publish")
def publish(
    unit: UnitOfWork, model: type[S], id_: str, version: int | None, refuse: RefusePublish
) -> S:
    """Show something to learners, unless a plugin has a reason against it.

    An item's draft becomes its text, and the files written here that it shows are shown with it.
    """
    row = editable(unit, model, id_, version)
    refuse_live(unit, row)
    check_publish(unit, row, refuse)
    values = published_columns(row) if isinstance(row, Item) else {}
    if isinstance(row, Item):
        check_whole(row, values.get("title", row.title), values.get("data", row.data))
    row = changed(unit, row, values | {"published": True}, "published")
    if isinstance(row, Item):
        _publish_files(unit, row, refuse)
    return row


def _publish_files(unit: UnitOfWork, item: Item, refuse: RefusePublish) -> None:
    names = sorted(edited.files_in(item.html))
    hidden = select(Item).where(
        Item.institution_id == unit.institution,
        Item.container_id == item.container_id,
        Item.connection_id.is_(None),
        Item.kind == Kind.FILE,
        Item.state == "active",
        Item.published.is_(False),
        Item.remote_id.in_(names),
    )
    for file in unit.session.scalars(hidden).all() if names else ():
        check_publish(unit, file, refuse)
        changed(unit, file, {"published": True}, "published")


def check_publish(unit: UnitOfWork, row: Any, refuse: RefusePublish) -> None:
    """Raise :class:`PublishRefusedError` where ``refuse`` gives a reason."""
    view = LessonView(
        id=row.id,
        institution=row.institution_id,
        kind=kind_of_row(row),
        title=row.title,
        language=getattr(row, "language", None),
    )
    reason = refuse(view, unit.call.principal)
    if reason:
        raise PublishRefusedError(f"{row.title!r} may not be published: {reason}")


@command("content:publish")
def unpublish(unit: UnitOfWork, model: type[S], id_: str, version: int | None) -> S:
    """Hide something from learners."""
    row = editable(unit, model, id_, version)
    refuse_live(unit, row)
    return changed(unit, row, {"published": False}, "unpublished")


@command("content:write")
def trash(unit: UnitOfWork, model: type[S], id_: str, version: int | None) -> S:
    """Put something into the trash; a course may go there wherever it comes from."""
    row = editable(unit, model, id_, version)
    if model is not Container:
        refuse_live(unit, row)
    leave_pending(unit, [row])
    return changed(unit, row, {"state": "trashed"}, "deleted", event="deleted")


@command("content:write")
def restore(unit: UnitOfWork, model: type[S], id_: str, version: int | None) -> S:
    """Take something out of the trash."""
    row = unit.get(model, id_)
    unit.expect(row, version)
    if row.state != "trashed":
        raise ConflictError(f"{subject_of(model)} {id_} is not in the trash")
    return changed(unit, row, {"state": "active"}, "restored", event="created")

"""Files by what refers to them: kinds, plugins and courses, for each institution."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, func, literal, select, union
from sqlalchemy.orm import Session

from bloop.content.models import Container, Item, Version
from bloop.jobs.models import Job
from bloop.kernel.models import Connection
from bloop.store.models import Blob, PluginFile

MOST = 20
"""So many courses are named, the largest; the others are summed up under "" with all else."""


@dataclass(slots=True)
class Share:
    """Some of the files: ``name`` is a kind, a plugin's id ("" for what was made here) or a title.

    ``id`` is the course's, where it is one.
    """

    name: str
    count: int
    bytes: int
    id: str | None = None


@dataclass(slots=True)
class Files:
    """An institution's files. What two refer to counts with each of them, and once in all."""

    count: int = 0
    bytes: int = 0
    kinds: list[Share] = field(default_factory=list)
    plugins: list[Share] = field(default_factory=list)
    courses: list[Share] = field(default_factory=list)


def files(session: Session, institution: str | None = None) -> dict[str, Files]:
    """The files of every institution, or of one."""
    found: dict[str, Files] = defaultdict(Files)
    totals = (
        select(Blob.institution_id, func.count(), func.sum(Blob.size))
        .where(_own(Blob, institution))
        .group_by(Blob.institution_id)
    )
    for of, count, size in session.execute(totals):
        found[of].count, found[of].bytes = count, int(size)
    for of, name, count, size in _shares(session, _by_kind(institution)):
        found[of].kinds.append(Share(name, count, size))
    for of, name, count, size in _shares(session, _by_plugin(institution)):
        found[of].plugins.append(Share(name, count, size))
    _courses(session, institution, found)
    for one in found.values():
        for shares in (one.kinds, one.plugins):
            shares.sort(key=lambda share: (-share.bytes, share.name))
    return found


def _own(model: Any, institution: str | None) -> ColumnElement[bool]:
    column: ColumnElement[str] = model.institution_id
    return column == institution if institution else column != ""


def _named(model: Any, digest: Any, name: Any, institution: str | None) -> Any:
    return select(
        model.institution_id.label("of"), digest.label("digest"), name.label("name")
    ).where(digest.is_not(None), _own(model, institution))


def _by_kind(institution: str | None) -> Any:
    """What refers to files; a job does to what was handed to it, and to what it made."""
    holders = (
        (Item, Item.blob, "lessons"),
        (Version, Version.snapshot["blob"].as_string(), "versions"),
        (PluginFile, PluginFile.sha256, "plugins"),
        (Job, Job.payload["blob"].as_string(), "jobs"),
        (Job, Job.result["blob"].as_string(), "jobs"),
    )
    return union(
        *(_named(model, digest, literal(kind), institution) for model, digest, kind in holders)
    )


def _by_plugin(institution: str | None) -> Any:
    same = and_(
        Connection.institution_id == Item.institution_id, Connection.id == Item.connection_id
    )
    brought = _named(Item, Item.blob, func.coalesce(Connection.plugin_id, ""), institution)
    kept = _named(PluginFile, PluginFile.sha256, PluginFile.plugin_id, institution)
    return union(brought.outerjoin(Connection, same), kept)


def _shares(session: Session, named: Any) -> Iterable[tuple[str, str, int, int]]:
    inner = named.subquery()
    same = and_(Blob.institution_id == inner.c.of, Blob.sha256 == inner.c.digest)
    rows = session.execute(
        select(inner.c.of, inner.c.name, func.count(), func.sum(Blob.size))
        .join(Blob, same)
        .group_by(inner.c.of, inner.c.name)
    )
    return ((of, name, count, int(size)) for of, name, count, size in rows)


def _courses(session: Session, institution: str | None, found: dict[str, Files]) -> None:
    """The largest courses; what is somebody's own is counted, and not named."""
    inner = _named(Item, Item.blob, Item.container_id, institution).distinct().subquery()
    blob = and_(Blob.institution_id == inner.c.of, Blob.sha256 == inner.c.digest)
    container = and_(Container.institution_id == inner.c.of, Container.id == inner.c.name)
    size = func.sum(Blob.size)
    whose = (Container.id, Container.title, Container.owner_id, Container.kind)
    rows = session.execute(
        select(inner.c.of, *whose, func.count(), size)
        .join(Blob, blob)
        .join(Container, container)
        .group_by(inner.c.of, *whose)
        .order_by(size.desc(), Container.id)
    )
    rest: dict[str, Share] = {}
    for of, id_, title, owner, kind, count, total in rows:
        if owner is None and kind == "course" and len(found[of].courses) < MOST:
            found[of].courses.append(Share(title, count, int(total), id_))
            continue
        share = rest.setdefault(of, Share("", 0, 0))
        share.count, share.bytes = share.count + count, share.bytes + int(total)
    for of, share in rest.items():
        found[of].courses.append(share)

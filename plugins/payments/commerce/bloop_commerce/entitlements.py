"""Who may have what: an order's entitlement, whom it covers, and being let in or out.

"Let in" means enrolled in a course, or shown a single item of one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import select

from bloop_commerce.books import listed, parts
from bloop_commerce.standing import Span, Standing
from bloop_commerce.tables import COURSE, ITEM, Access, Cover, Entitlement, Order, Seat, now
from bloop_sdk import BloopError, Unit

Key: TypeAlias = tuple[str, str, str]
"""A user, what kind of thing it is (a course or an item), and its id."""

_GIVEN = select(Entitlement).where(Entitlement.order_id.in_(listed("orders")))
_COVERS = select(Cover).where(Cover.order_id.in_(listed("orders")))
_ACCESSES = select(Access).where(
    Access.user_id.in_(listed("users")),
    Access.kind.in_(listed("kinds")),
    Access.subject_id.in_(listed("subjects")),
)
_SPANS = select(Cover.user_id, Cover.kind, Cover.subject_id, Cover.spans).where(
    Cover.user_id.in_(listed("users")),
    Cover.kind.in_(listed("kinds")),
    Cover.subject_id.in_(listed("subjects")),
)


def apply(unit: Unit, stands: Sequence[tuple[Order, Standing]]) -> None:
    """Let orders give what their standings say."""
    ids = [order.id for order, _ in stands]
    known = {row.order_id: row for row in unit.session.scalars(_GIVEN, {"orders": ids})}
    given = [
        (order, row)
        for order, standing in stands
        if (row := _given(unit, order, standing, known.get(order.id))) is not None
    ]
    if given:
        unit.session.flush()
        cover(unit, given)


def _given(
    unit: Unit, order: Order, standing: Standing, row: Entitlement | None
) -> Entitlement | None:
    """What an order gives from now on, where that is something else than before."""
    spans = [to_text(span) for span in standing.spans]
    courses, items = list(standing.courses), list(standing.items)
    if row is None:
        if not spans:
            return None
        row = Entitlement(
            institution_id=unit.institution,
            order_id=order.id,
            source=order.kind,
            holder_id=order.buyer_id,
            courses=courses,
            items=items,
            spans=spans,
            seats=standing.seats,
        )
        unit.session.add(row)
        return row
    if (row.courses, row.items, row.spans, row.seats) == (courses, items, spans, standing.seats):
        return None
    row.courses, row.items, row.spans, row.seats = courses, items, spans, standing.seats
    row.version += 1
    row.changed_at = now()
    return row


def of_order(unit: Unit, order: str) -> Entitlement | None:
    """What an order gives, if it ever gave anything."""
    return unit.session.scalar(select(Entitlement).where(Entitlement.order_id == order))


def cover(unit: Unit, given: Sequence[tuple[Order, Entitlement]]) -> None:
    """Cover those whom entitlements are for, and nobody else any more."""
    before: dict[str, list[Cover]] = {order.id: [] for order, _ in given}
    for row in unit.session.scalars(_COVERS, {"orders": list(before)}):
        before[row.order_id].append(row)
    touched: set[Key] = set()
    for order, one in given:
        touched |= _covered(unit, order, one, before[order.id])
    unit.session.flush()
    let(unit, touched)


def _covered(unit: Unit, order: Order, given: Entitlement, rows: Sequence[Cover]) -> set[Key]:
    """Those for whom that changed something."""
    users = seated(unit, order.id)[: given.seats] if order.kind == "seats" else [order.buyer_id]
    things = [(COURSE, id_) for id_ in given.courses] + [(ITEM, id_) for id_ in given.items]
    wanted = {(user, *thing) for user in users for thing in things} if given.spans else set()
    touched = set()
    for row in rows:
        key = key_of(row)
        if key not in wanted:
            unit.session.delete(row)
            touched.add(key)
        elif row.spans != given.spans:
            row.spans = list(given.spans)
            touched.add(key)
    known = {key_of(row) for row in rows}
    for user, kind, subject in sorted(wanted - known):
        made = Cover(
            institution_id=unit.institution,
            order_id=order.id,
            user_id=user,
            kind=kind,
            subject_id=subject,
            spans=list(given.spans),
        )
        unit.session.add(made)
        touched.add((user, kind, subject))
    return touched


def seated(unit: Unit, order: str) -> list[str]:
    """Who has the seats of an order, in the order in which they got them."""
    some = select(Seat.user_id).where(Seat.order_id == order).order_by(Seat.assigned_at, Seat.id)
    return list(unit.session.scalars(some))


def let(unit: Unit, keys: Iterable[Key]) -> list[Access]:
    """Let users into courses and items, or out of them, by all that covers them at this moment."""
    moment, made = now(), []
    for part in parts(sorted(set(keys))):
        spans, rows = _covering(unit, part), _accesses(unit, part)
        for key in part:
            row = rows.get(key)
            if row is None:
                row = _shut(unit, key)
            made.append(row)
            _let(unit, row, spans.get(key, []), moment)
    unit.session.flush()
    return made


def _shut(unit: Unit, key: Key) -> Access:
    user, kind, subject = key
    row = Access(
        institution_id=unit.institution,
        user_id=user,
        kind=kind,
        subject_id=subject,
        is_open=False,
        version=0,
    )
    unit.session.add(row)
    return row


def _let(unit: Unit, row: Access, spans: Collection[Span], moment: datetime) -> None:
    is_open = is_covered(spans, moment)
    row.next_at = next_change(spans, moment)
    if is_open == row.is_open:
        return
    trouble = _tell(unit, row, is_open=is_open)
    if not trouble:
        row.is_open = is_open
        row.version += 1
        row.changed_at = moment
    row.trouble = trouble


def _accesses(unit: Unit, keys: Sequence[Key]) -> dict[Key, Access]:
    return {key_of(row): row for row in unit.session.scalars(_ACCESSES, _named(keys))}


def _named(keys: Sequence[Key]) -> dict[str, list[str]]:
    users, kinds, subjects = (sorted(set(each)) for each in zip(*keys, strict=True))
    return {"users": users, "kinds": kinds, "subjects": subjects}


def _tell(unit: Unit, row: Access, *, is_open: bool) -> str:
    """Have the hub let somebody in or out; why it does not, if so."""
    ways = (unit.grant, unit.revoke) if row.kind == ITEM else (unit.enrol, unit.unenrol)
    try:
        ways[0 if is_open else 1](row.subject_id, row.user_id)
    except BloopError as err:
        # A course or a person that is gone is no reason to lose the payment.
        return str(err)[:300]
    return ""


def key_of(row: Cover | Access) -> Key:
    """Whom a row is about, and what."""
    return row.user_id, row.kind, row.subject_id


def unfounded(unit: Unit, order: str) -> list[tuple[str, str]]:
    """Those of an order's users who are let into what it gives, and nothing covers them now."""
    found = []
    for cover_ in unit.session.scalars(select(Cover).where(Cover.order_id == order)):
        key = key_of(cover_)
        row = _accesses(unit, [key]).get(key)
        if row is None or not row.is_open or (row.next_at and row.next_at < now()):
            continue  # Whose time has just ended is let out by a job.
        spans = _covering(unit, [key])
        if not is_covered(spans.get(key, []), now()):
            found.append((cover_.user_id, cover_.subject_id))
    return found


def _covering(unit: Unit, keys: Sequence[Key]) -> dict[Key, list[Span]]:
    """The times in which users may have things, by all of their purchases and seats."""
    found: dict[Key, list[Span]] = {}
    for user, kind, subject, spans in unit.session.execute(_SPANS, _named(keys)):
        found.setdefault((user, kind, subject), []).extend(map(of_text, spans))
    return found


def is_covered(spans: Iterable[Span], moment: datetime) -> bool:
    """Whether one of the times holds a moment."""
    return any(span.holds(moment) for span in spans)


def next_change(spans: Collection[Span], moment: datetime) -> datetime | None:
    """When it is another answer next, at the earliest."""
    edges = {edge for span in spans for edge in (span.start, span.end) if edge is not None}
    return min((edge for edge in edges if edge > moment), default=None)


def lapse(unit: Unit, limit: int) -> int:
    """Let in and out those for whom a time has begun or ended; how many were looked at."""
    due = select(Access).where(Access.next_at <= now()).order_by(Access.next_at).limit(limit)
    return len(let(unit, [key_of(row) for row in unit.session.scalars(due)]))


def of_user(unit: Unit, user: str) -> Sequence[Access]:
    """What a user has or had access to by purchases."""
    mine = select(Access).where(Access.user_id == user)
    return unit.session.scalars(mine.order_by(Access.kind, Access.subject_id)).all()


def to_text(span: Span) -> str:
    """A span as it is kept: ISO 8601, open where it never ends."""
    return f"{span.start.isoformat()}/{span.end.isoformat() if span.end else '..'}"


def of_text(text: str) -> Span:
    """The span that was kept."""
    start, _, end = text.partition("/")
    return Span(datetime.fromisoformat(start), None if end == ".." else datetime.fromisoformat(end))

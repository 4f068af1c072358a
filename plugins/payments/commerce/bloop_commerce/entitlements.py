"""Who may have what: an order's entitlement, whom it covers, and being let in or out.

"Let in" means enrolled in a course, or shown a single item of one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import select

from bloop_commerce.standing import Span, Standing
from bloop_commerce.tables import COURSE, ITEM, Access, Cover, Entitlement, Order, Seat, now
from bloop_sdk import BloopError, Unit

Thing = tuple[str, str]
"""A course or an item: what it is, and its id."""


def apply(unit: Unit, order: Order, standing: Standing) -> bool:
    """Let an order give what its standing says; whether that is something else than before."""
    spans = [to_text(span) for span in standing.spans]
    courses, items = list(standing.courses), list(standing.items)
    row = of_order(unit, order.id)
    if row is None:
        if not spans:
            return False
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
    elif (row.courses, row.items, row.spans, row.seats) == (courses, items, spans, standing.seats):
        return False
    else:
        row.courses, row.items, row.spans, row.seats = courses, items, spans, standing.seats
        row.version += 1
        row.changed_at = now()
    unit.session.flush()
    cover(unit, order, row)
    return True


def of_order(unit: Unit, order: str) -> Entitlement | None:
    """What an order gives, if it ever gave anything."""
    return unit.session.scalar(select(Entitlement).where(Entitlement.order_id == order))


def cover(unit: Unit, order: Order, given: Entitlement) -> None:
    """Cover those whom an entitlement is for, and nobody else any more."""
    users = seated(unit, order.id)[: given.seats] if order.kind == "seats" else [order.buyer_id]
    things = [(COURSE, id_) for id_ in given.courses] + [(ITEM, id_) for id_ in given.items]
    wanted = {(user, *thing) for user in users for thing in things} if given.spans else set()
    rows = unit.session.scalars(select(Cover).where(Cover.order_id == order.id)).all()
    touched = set()
    for row in rows:
        key = (row.user_id, row.kind, row.subject_id)
        if key not in wanted:
            unit.session.delete(row)
            touched.add(key)
        elif row.spans != given.spans:
            row.spans = list(given.spans)
            touched.add(key)
    known = {(row.user_id, row.kind, row.subject_id) for row in rows}
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
    unit.session.flush()
    for user, kind, subject in sorted(touched):
        let(unit, user, (kind, subject))


def seated(unit: Unit, order: str) -> list[str]:
    """Who has the seats of an order, in the order in which they got them."""
    some = select(Seat.user_id).where(Seat.order_id == order).order_by(Seat.assigned_at, Seat.id)
    return list(unit.session.scalars(some))


def let(unit: Unit, user: str, thing: Thing) -> Access:
    """Let a user into a course or an item, or out, by all that covers them at this moment."""
    moment = now()
    spans = covering(unit, user, thing)
    row = _access(unit, user, thing)
    if row is None:
        row = Access(
            institution_id=unit.institution,
            user_id=user,
            kind=thing[0],
            subject_id=thing[1],
            is_open=False,
            version=0,
        )
        unit.session.add(row)
    is_open = is_covered(spans, moment)
    row.next_at = next_change(spans, moment)
    if is_open != row.is_open:
        trouble = _tell(unit, row, is_open=is_open)
        if not trouble:
            row.is_open = is_open
            row.version += 1
            row.changed_at = moment
        row.trouble = trouble
    unit.session.flush()
    return row


def _tell(unit: Unit, row: Access, *, is_open: bool) -> str:
    """Have the hub let somebody in or out; why it does not, if so."""
    ways = (unit.grant, unit.revoke) if row.kind == ITEM else (unit.enrol, unit.unenrol)
    try:
        ways[0 if is_open else 1](row.subject_id, row.user_id)
    except BloopError as err:
        # A course or a person that is gone is no reason to lose the payment.
        return str(err)[:300]
    return ""


def thing_of(row: Cover | Access) -> Thing:
    """What a row is about."""
    return row.kind, row.subject_id


def _access(unit: Unit, user: str, thing: Thing) -> Access | None:
    some = select(Access).where(Access.user_id == user)
    return unit.session.scalar(some.where(Access.kind == thing[0], Access.subject_id == thing[1]))


def unfounded(unit: Unit, order: str) -> list[tuple[str, str]]:
    """Those of an order's users who are let into what it gives, and nothing covers them now."""
    found = []
    for cover_ in unit.session.scalars(select(Cover).where(Cover.order_id == order)):
        user, thing = cover_.user_id, thing_of(cover_)
        row = _access(unit, user, thing)
        if row is None or not row.is_open or (row.next_at and row.next_at < now()):
            continue  # Whose time has just ended is let out by a job.
        if not is_covered(covering(unit, user, thing), now()):
            found.append((user, cover_.subject_id))
    return found


def covering(unit: Unit, user: str, thing: Thing) -> list[Span]:
    """The times in which a user may have something, by all of their purchases and seats."""
    some = select(Cover.spans).where(
        Cover.user_id == user, Cover.kind == thing[0], Cover.subject_id == thing[1]
    )
    return [of_text(span) for spans in unit.session.scalars(some) for span in spans]


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
    rows = unit.session.scalars(due).all()
    for row in rows:
        let(unit, row.user_id, thing_of(row))
    return len(rows)


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

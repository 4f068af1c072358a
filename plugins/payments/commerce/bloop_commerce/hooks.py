"""Calls of providers: kept as they came, then verified, then applied once.

A call is a hint of something that is so: what it proves or leads to are facts, and those may come
twice, late and in any order. One that is dropped is made up for by reconciliation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.orm import defer

from bloop_commerce import checkout, facts, orders
from bloop_commerce.books import listed, open_books
from bloop_commerce.config import config_of
from bloop_commerce.facts import AHEAD
from bloop_commerce.tables import Message, Order, now
from bloop_sdk import (
    AuthError,
    BloopError,
    CallContext,
    FatalError,
    JobContext,
    NotFoundError,
    RateLimitedError,
    RetriableError,
    Unit,
    WebhookRequest,
    WebRequest,
)
from bloop_sdk.providers.payments import PaymentFact, PaymentNews

PRIVATE = frozenset({"cookie", "authorization", "proxy-authorization"})
LONGEST_HEADER = 4000
MOST_WAITING = 500
"""Calls of one provider that nobody could look into yet: anybody may send such."""
MOST_REFUSED = 500
REFUSED_DAYS = 7
GIVEN_UP = timedelta(days=2)
"""A call that could not be looked into for so long is left to reconciliation."""


async def take(request: WebRequest, ctx: CallContext) -> dict[str, str]:
    """Hear a provider; anybody may call, and only what its provider verifies changes anything."""
    provider = request.path_params["provider"]
    if provider not in {one.plugin_id for one in await ctx.providers.offers("payments")}:
        raise NotFoundError("nobody takes payments by this name")
    # Of one that is not set up nothing can be verified, now or later.
    await ctx.providers.get("payments", provider)
    body = await request.body()
    kept = await ctx.transaction(keep, provider, request.headers, body)
    return {"state": await hear(ctx, kept)}


def keep(unit: Unit, provider: str, headers: Mapping[str, str], body: bytes) -> Message:
    """Keep a call as it came, but for what could let somebody in.

    Raises RateLimitedError where too many wait already: what it tells, reconciliation finds.
    """
    waiting = select(func.count()).where(Message.provider == provider, Message.state == "received")
    if (unit.session.scalar(waiting) or 0) >= MOST_WAITING:
        raise RateLimitedError("too many calls wait to be looked into", cure="call again later")
    public = {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in PRIVATE and len(value) <= LONGEST_HEADER
    }
    made = Message(
        institution_id=unit.institution,
        provider=provider,
        headers=public,
        body=body,
        digest=hashlib.sha256(body).hexdigest(),
        state="received",
    )
    unit.session.add(made)
    unit.session.flush()
    return made


@dataclass(frozen=True, slots=True)
class Heard:
    """A call that is genuine, and what it tells; None where its event was applied before."""

    id: str
    provider: str
    event_id: str
    told: Sequence[PaymentFact] | None

    @property
    def key(self) -> tuple[str, str]:
        """What an event is applied once by."""
        return self.provider, self.event_id[:255]


async def hear(ctx: CallContext, kept: Message) -> str:
    """Verify a call that was kept and apply what it tells; its state then.

    Raises AuthError for one that is not genuine, RetriableError where nobody can say now.
    """
    return await _applied(ctx, await _believed(ctx, kept))


async def hear_all(ctx: CallContext, ids: Sequence[str]) -> dict[str, str]:
    """Look into calls, and apply those that are genuine in one transaction; their states then.

    One that can't be applied keeps no other from it. Those of which nobody can say now wait on.
    """
    rows = await ctx.read(_some, ids)
    states = {row.id: row.state for row in rows}
    heard = []
    for row in rows:
        if row.state != "received":
            continue
        try:
            heard.append(await _believed(ctx, row))
        except RetriableError as err:
            states[row.id] = await ctx.transaction(_give_up, row.id, _words(err))
        except BloopError:
            states[row.id] = await ctx.read(_state, row.id)
    if not heard:
        return states
    try:
        return states | await ctx.transaction(_apply, heard)
    except BloopError:
        return states | {one.id: await _alone(ctx, one) for one in heard}


async def _alone(ctx: CallContext, heard: Heard) -> str:
    try:
        return await _applied(ctx, heard)
    except RetriableError as err:
        return await ctx.transaction(_give_up, heard.id, _words(err))
    except BloopError:
        return await ctx.read(_state, heard.id)


async def _believed(ctx: CallContext, row: Message) -> Heard:
    """Verify a call, and ask for what it only names; one that is refused is ended, and raises."""
    verified = False
    try:
        provider = await ctx.providers.get("payments", row.provider)
        news = await provider.verify_webhook(_request(row))
        _check_time(news, row)
        verified = True
        heard = Heard(row.id, row.provider, news.event_id, None)
        # Nobody is asked for what was told before.
        if news.fetch and await ctx.read(_applied_before, [heard]):
            return heard
        told = list(news.facts)
        for remote_id in dict.fromkeys(news.fetch):
            told += await _fetched(ctx, provider, row.provider, remote_id)
        return replace(heard, told=told)
    except RetriableError:
        raise
    except BloopError as err:
        is_ours = verified and not isinstance(err, AuthError)
        await ctx.transaction(_end, row.id, "failed" if is_ours else "refused", _words(err))
        raise


async def _applied(ctx: CallContext, heard: Heard) -> str:
    try:
        return (await ctx.transaction(_apply, [heard]))[heard.id]
    except RetriableError:
        raise
    except BloopError as err:
        await ctx.transaction(_end, heard.id, "failed", _words(err))
        raise


def _words(err: BloopError) -> str:
    return f"{err.code}: {err}"


def _request(row: Message) -> WebhookRequest:
    return WebhookRequest(
        headers={name: str(value) for name, value in row.headers.items()},
        body=row.body,
        received_at=row.received_at.timestamp(),
    )


def _check_time(news: PaymentNews, row: Message) -> None:
    """Raise AuthError for what has not happened yet, whoever signed it."""
    if news.occurred_at > row.received_at + AHEAD:
        raise AuthError(f"this is of the future: {news.occurred_at}", cure="set both clocks")


async def _fetched(
    ctx: CallContext, provider: Any, name: str, remote_id: str
) -> Sequence[PaymentFact]:
    """The facts of what a call names; what its buyer has agreed to is taken first.

    Who agrees and closes the window has bought it all the same.
    """
    found: Sequence[PaymentFact]
    try:
        order = await ctx.read(orders.unpaid, name, remote_id)
        if order is None:
            found = await provider.fetch(remote_id)
        else:
            found = await _settled(ctx, provider, order, remote_id)
    except NotFoundError:
        # It was told of something that is gone since.
        return ()
    return found


async def _settled(
    ctx: CallContext, provider: Any, order: Order, remote_id: str
) -> Sequence[PaymentFact]:
    found: Sequence[PaymentFact]
    try:
        found = await provider.settle(remote_id, checkout.key(order, "settle"))
    except NotFoundError:
        raise
    except FatalError as err:
        # That nothing can be taken hides nothing that is so.
        ctx.log.warning("not_settled", order=order.id, code=err.code)
        found = await provider.fetch(remote_id)
    return found


def _apply(unit: Unit, heard: Sequence[Heard]) -> dict[str, str]:
    """Apply events with their marks that they were, in one transaction; the calls' states."""
    open_books(unit)
    rows = {row.id: row for row in _some(unit, [one.id for one in heard], without_body=True)}
    before = _applied_before(unit, heard)
    told: dict[str, list[facts.Sound]] = {}
    for one in heard:
        row = rows.get(one.id)
        if row is None or row.state != "received":
            continue
        if one.told is None or one.key in before:
            _close(row, "duplicate")
            continue
        before.add(one.key)
        sound, wrong = facts.parted(one.told)
        told.setdefault(one.provider, []).extend(sound)
        row.event_id = one.event_id[:255]
        _close(row, "failed" if wrong else "applied", _words(wrong[0]) if wrong else "")
    for provider, some in told.items():
        orders.take(unit, provider, some)
    unit.session.flush()
    return {one.id: rows[one.id].state if one.id in rows else "gone" for one in heard}


def forget_bodies(unit: Unit) -> int:
    """Let go of the bodies of calls that failed, as somebody is erased: any may name them."""
    held = update(Message).where(Message.state == "failed", Message.body != b"")
    return len(unit.session.scalars(held.values(body=b"", headers={}).returning(Message.id)).all())


def _end(unit: Unit, id_: str, state: str, reason: str = "") -> str:
    row = _one(unit, id_)
    if row is None or row.state != "received":
        return row.state if row else "gone"
    _close(row, state, reason)
    if state == "refused":
        unit.session.flush()
        _forget_refused(unit)
    return state


def _close(row: Message, state: str, reason: str = "") -> None:
    row.state, row.reason = state, reason[:500]
    if state != "failed":
        # Anybody can call: what is not genuine takes no room. What the others told is among the
        # facts; they may hold names, and nobody needs them any more.
        row.body, row.headers = b"", {}


def _forget_refused(unit: Unit) -> None:
    """Keep the newest that were refused, to see what goes wrong."""
    refused = Message.state == "refused"
    some = select(Message.received_at).where(refused).order_by(Message.received_at.desc())
    oldest = unit.session.scalar(some.offset(MOST_REFUSED).limit(1))
    if oldest is not None:
        unit.session.execute(delete(Message).where(refused, Message.received_at <= oldest))


def _one(unit: Unit, id_: str) -> Message | None:
    return unit.session.scalar(select(Message).where(Message.id == id_))


def _state(unit: Unit, id_: str) -> str:
    row = _one(unit, id_)
    return row.state if row is not None else "gone"


def _some(unit: Unit, ids: Sequence[str], *, without_body: bool = False) -> Sequence[Message]:
    return unit.session.scalars(_STATES if without_body else _WHOLE, {"ids": ids}).all()


_WHOLE = (
    select(Message).where(Message.id.in_(listed("ids"))).order_by(Message.received_at, Message.id)
)
_STATES = _WHOLE.options(defer(Message.body), defer(Message.headers))
_APPLIED = select(Message.event_id).where(
    Message.provider == bindparam("provider"), Message.event_id.in_(listed("events"))
)


def _applied_before(unit: Unit, heard: Sequence[Heard]) -> set[tuple[str, str]]:
    """The keys of those events that were applied."""
    ids: dict[str, set[str]] = {}
    for one in heard:
        provider, event = one.key
        ids.setdefault(provider, set()).add(event)
    return {
        (provider, event)
        for provider, events in ids.items()
        for event in unit.session.scalars(_APPLIED, {"provider": provider, "events": list(events)})
        if event is not None
    }


def waiting(unit: Unit) -> Sequence[str]:
    """Calls that came a while ago, and nobody could look into."""
    past = now() - timedelta(minutes=1)
    some = select(Message.id).where(Message.state == "received", Message.received_at < past)
    return unit.session.scalars(some.order_by(Message.received_at).limit(200)).all()


async def hear_waiting(ctx: JobContext) -> int:
    """Look into calls once more, all of them at once; how many could be."""
    states = await hear_all(ctx, await ctx.read(waiting))
    return sum(state not in {"received", "gone"} for state in states.values())


def _give_up(unit: Unit, id_: str, reason: str) -> str:
    row = _one(unit, id_)
    if row is not None and row.received_at < now() - GIVEN_UP:
        return _end(unit, id_, "failed", reason)
    return _state(unit, id_)


async def tidy(ctx: JobContext, _payload: dict[str, Any]) -> dict[str, int]:
    """Let go of old calls."""
    return {"messages": await ctx.transaction(_forget, config_of(ctx).keep_days)}


def _forget(unit: Unit, days: int) -> int:
    idle = Message.state.in_(("refused", "duplicate"))
    old = delete(Message).where(
        or_(
            Message.received_at < now() - timedelta(days=days),
            idle & (Message.received_at < now() - timedelta(days=REFUSED_DAYS)),
        )
    )
    return len(unit.session.scalars(old.returning(Message.id)).all())

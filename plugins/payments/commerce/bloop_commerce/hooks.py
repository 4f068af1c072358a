"""Calls of providers: kept as they came, then verified, then applied once.

A call is a hint of something that is so: what it proves or leads to are facts, and those may come
twice, late and in any order. One that is dropped is made up for by reconciliation.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, update

from bloop_commerce import facts, orders
from bloop_commerce.books import open_books
from bloop_commerce.config import config_of
from bloop_commerce.facts import AHEAD
from bloop_commerce.tables import Message, now
from bloop_sdk import (
    AuthError,
    BloopError,
    CallContext,
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
    id_ = await ctx.transaction(keep, provider, request.headers, body)
    return {"state": await hear(ctx, id_)}


def keep(unit: Unit, provider: str, headers: Mapping[str, str], body: bytes) -> str:
    """Keep a call as it came, but for what could let somebody in.

    Raises RateLimitedError where too many wait already: what it tells, reconciliation finds.
    """
    waiting = select(func.count()).where(Message.provider == provider, Message.state == "received")
    if (unit.session.scalar(waiting) or 0) >= MOST_WAITING:
        raise RateLimitedError("too many calls wait to be looked into", cure="call again later")
    kept = {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in PRIVATE and len(value) <= LONGEST_HEADER
    }
    made = Message(
        institution_id=unit.institution,
        provider=provider,
        headers=kept,
        body=body,
        digest=hashlib.sha256(body).hexdigest(),
        state="received",
    )
    unit.session.add(made)
    unit.session.flush()
    return made.id


async def hear(ctx: CallContext, id_: str) -> str:
    """Verify a call that was kept and apply what it tells; its state then.

    Raises AuthError for one that is not genuine, RetriableError where nobody can say now.
    """
    row = await ctx.read(_one, id_)
    if row is None or row.state != "received":
        return row.state if row else "gone"
    verified = False
    try:
        provider = await ctx.providers.get("payments", row.provider)
        news = await provider.verify_webhook(_request(row))
        _check_time(news, row)
        verified = True
        # Nobody is asked for what was told before.
        if news.fetch and await ctx.read(_is_applied, row.provider, news.event_id):
            return await ctx.transaction(_end, id_, "duplicate")
        told = list(news.facts)
        for remote_id in dict.fromkeys(news.fetch):
            told += await _fetched(provider, remote_id)
        return await ctx.transaction(_apply, id_, news.event_id, told)
    except RetriableError:
        raise
    except BloopError as err:
        is_ours = verified and not isinstance(err, AuthError)
        await ctx.transaction(_end, id_, "failed" if is_ours else "refused", f"{err.code}: {err}")
        raise


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


async def _fetched(provider: Any, remote_id: str) -> Sequence[PaymentFact]:
    try:
        found: Sequence[PaymentFact] = await provider.fetch(remote_id)
    except NotFoundError:
        # It was told of something that is gone since.
        return ()
    return found


def _apply(unit: Unit, id_: str, event_id: str, told: Sequence[PaymentFact]) -> str:
    """Apply an event with its mark that it was, in one transaction."""
    open_books(unit)
    row = _one(unit, id_)
    if row is None or row.state != "received":
        return row.state if row else "gone"
    if _is_applied(unit, row.provider, event_id):
        return _end(unit, id_, "duplicate")
    sound, wrong = facts.parted(told)
    orders.learn(unit, row.provider, sound)
    row.event_id = event_id[:255]
    if wrong:
        row.state, row.reason = "failed", f"{wrong[0].code}: {wrong[0]}"[:500]
    else:
        # What it told is among the facts; it may hold names, and nobody needs it any more.
        row.state, row.body, row.headers = "applied", b"", {}
    return row.state


def forget_bodies(unit: Unit) -> int:
    """Let go of the bodies of calls that failed, as somebody is erased: any may name them."""
    held = update(Message).where(Message.state == "failed", Message.body != b"")
    return len(unit.session.scalars(held.values(body=b"", headers={}).returning(Message.id)).all())


def _end(unit: Unit, id_: str, state: str, reason: str = "") -> str:
    row = _one(unit, id_)
    if row is None or row.state != "received":
        return row.state if row else "gone"
    row.state, row.reason = state, reason[:500]
    if state in {"refused", "duplicate"}:
        # Anybody can call: what is not genuine takes no room, what came before is there already.
        row.body, row.headers = b"", {}
    if state == "refused":
        unit.session.flush()
        _forget_refused(unit)
    return state


def _forget_refused(unit: Unit) -> None:
    """Keep the newest that were refused, to see what goes wrong."""
    refused = Message.state == "refused"
    some = select(Message.received_at).where(refused).order_by(Message.received_at.desc())
    oldest = unit.session.scalar(some.offset(MOST_REFUSED).limit(1))
    if oldest is not None:
        unit.session.execute(delete(Message).where(refused, Message.received_at <= oldest))


def _one(unit: Unit, id_: str) -> Message | None:
    return unit.session.scalar(select(Message).where(Message.id == id_))


def _is_applied(unit: Unit, provider: str, event_id: str) -> bool:
    same = select(Message.id).where(
        Message.provider == provider, Message.event_id == event_id[:255]
    )
    return unit.session.scalar(same) is not None


def waiting(unit: Unit) -> Sequence[str]:
    """Calls that came a while ago, and nobody could look into."""
    past = now() - timedelta(minutes=1)
    some = select(Message.id).where(Message.state == "received", Message.received_at < past)
    return unit.session.scalars(some.order_by(Message.received_at).limit(200)).all()


async def hear_waiting(ctx: JobContext) -> int:
    """Look into calls once more; how many could be."""
    heard = 0
    for id_ in await ctx.read(waiting):
        try:
            await hear(ctx, id_)
            heard += 1
        except RetriableError as err:
            await ctx.transaction(_give_up, id_, f"{err.code}: {err}")
        except BloopError:
            heard += 1
    return heard


def _give_up(unit: Unit, id_: str, reason: str) -> None:
    row = _one(unit, id_)
    if row is not None and row.received_at < now() - GIVEN_UP:
        _end(unit, id_, "failed", reason)


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

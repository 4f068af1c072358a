"""Payments whose answers are lost, whose calls are forged, and whose secrets are kept."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from pydantic import SecretBytes, SecretStr

from bloop_sdk.errors import AuthError, BloopError, RetriableError
from bloop_sdk.providers.content import WebhookRequest
from bloop_sdk.providers.payments import Can, FactKind
from bloop_sdk.testing.faults import Cut, Fault, Garbled, Lost, Status
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.paying import (
    BUYER,
    TEAM,
    PaymentCase,
    Rig,
    Told,
    monthly,
    of_kind,
    only,
    order,
    refused,
    same,
    told,
)
from bloop_sdk.testing.suites.payments import PAYMENTS, captured, money_of

HOURS = 2 * 3600.0
TROUBLES: dict[str, Fault] = {
    "500 after it was done": Lost(500),
    "no answer after it was done": Lost(),
    "an answer that breaks off": Cut(0),
    "429": Status(429),
    "503": Status(503),
}
Call = Callable[[Rig], Awaitable[Told]]


@PAYMENTS.rule("webhook")
async def webhooks(case: PaymentCase) -> None:
    """A genuine call leads to what is fetched, and has the same id each time it comes."""
    rig = case.rig()
    checkout = await rig.provider().create_checkout(order(), "one")
    rig.offer("pay")(checkout)
    call = rig.account.webhook()
    news = await rig.provider().verify_webhook(call)
    hold(news.event_id, "verify_webhook() gives no event_id")
    hold(news.occurred_at.tzinfo is not None, "occurred_at has no time zone")
    found = told(news.facts)
    for name in news.fetch:
        found |= await rig.facts(name)
    hold(of_kind(found, FactKind.CAPTURED), "a call about a payment leads to no capture")
    same(found, await rig.facts(checkout.remote_id), "what a webhook leads to, and fetch()")
    again = await rig.provider().verify_webhook(call)
    hold(again.event_id == news.event_id, "the same call has another event_id")


@PAYMENTS.rule("webhook", "stranger")
async def forged_webhooks(case: PaymentCase) -> None:
    """Unsigned, changed, of hours ago or ahead, or another account's: AuthError."""
    rig = case.rig()
    checkout = await rig.provider().create_checkout(order(), "one")
    rig.offer("pay")(checkout)
    call = rig.account.webhook()
    changed = {
        "without headers": dataclasses.replace(call, headers={}),
        "of two hours ago": dataclasses.replace(call, received_at=call.received_at + HOURS),
        "of two hours ahead": dataclasses.replace(call, received_at=call.received_at - HOURS),
        "with one byte more": dataclasses.replace(call, body=call.body + b" "),
        "with other digits": dataclasses.replace(call, body=call.body.replace(b"1", b"2")),
        "without a body": dataclasses.replace(call, body=b""),
        "with a body that is no text": dataclasses.replace(call, body=b"\xff\xfe{"),
        "of another account": rig.offer("stranger")(),
    }
    for name in call.headers.keys() - {"Content-Type", "User-Agent"}:
        headers = {**call.headers, name: "t=1,v1=\N{SNOWMAN}"}
        changed[f"with an odd {name}"] = dataclasses.replace(call, headers=headers)
    for where, forged in changed.items():
        asked = rig.provider().verify_webhook(forged)
        await refused(asked, AuthError, f"a webhook {where}")


@PAYMENTS.rule()
async def no_webhooks(case: PaymentCase) -> None:
    """Where the spec has none, a webhook is AuthError, as everything is that proves nothing."""
    rig = case.rig()
    if not rig.provider().spec().webhooks:
        call = WebhookRequest(headers={}, body=b"{}", received_at=0.0)
        asked = rig.provider().verify_webhook(call)
        await refused(asked, AuthError, "a webhook where there are none")


async def _checks_out(rig: Rig) -> Told:
    checkout = await rig.provider().create_checkout(order(), "one")
    rig.names.add(checkout.remote_id)
    return {}


async def _settles(rig: Rig) -> Told:
    (name,) = rig.names
    return told(await rig.provider().settle(name, "one/settle"))


async def _ends(rig: Rig) -> Told:
    return told(await rig.provider().cancel(rig.subscription, "end", at_period_end=False))


async def _changes(rig: Rig) -> Told:
    return told(await rig.provider().change_plan(rig.subscription, TEAM, "change"))


async def _gives_back(rig: Rig) -> Told:
    capture = rig.capture
    assert capture is not None
    fact = await rig.provider().refund(capture.id, money_of(capture), "back")
    return told([fact, capture])


@contextlib.asynccontextmanager
async def _prepared(case: PaymentCase, what: str) -> AsyncIterator[Rig]:
    """A rig that is about to do something."""
    rig = case.rig()
    if what == "settle":
        checkout = await rig.provider().create_checkout(order(), "one")
        rig.names = {checkout.remote_id}
        rig.offer("pay")(checkout)
    if what == "refund":
        rig.capture = await captured(rig, order())
    if what in OF_SUBSCRIPTIONS:
        _, facts = await rig.paid(monthly())
        rig.subscription = only(facts, FactKind.SUBSCRIPTION, "subscribed").id
    yield rig


CALLS: dict[str, tuple[Can | None, Call]] = {
    "create_checkout": (None, _checks_out),
    "settle": (None, _settles),
    "refund": (Can.REFUND, _gives_back),
    "cancel": (Can.SUBSCRIBE, _ends),
    "change_plan": (Can.CHANGE_PLAN, _changes),
}
"""What moves money or ends something, and what a spec has to say for it."""

OF_SUBSCRIPTIONS = frozenset({"cancel", "change_plan"})


def _calls(case: PaymentCase) -> Iterator[tuple[str, Call]]:
    can = case.rig().provider().spec().can
    for name, (ability, call) in CALLS.items():
        if ability is None or ability in can:
            yield name, call


def _outcome(rig: Rig) -> list[int]:
    return sorted(money.amount for money in rig.account.moved())


@PAYMENTS.rule("moved", "pay")
async def lost_answers(case: PaymentCase) -> None:
    """Whatever answer is lost, the same call again does it once, and says the same."""
    for name, call in _calls(case):
        async with _prepared(case, name) as rig:
            before = len(rig.http.requests)
            expected = await call(rig)
            sent, moved = rig.http.requests[before:], _outcome(rig)
        for step, request in enumerate(sent, 1):
            # What only reads has done nothing that an answer could tell.
            troubles = ["503"] if request.method == "GET" else list(TROUBLES)
            for trouble in troubles:
                fault = TROUBLES[trouble]
                where = f"{name}(): {trouble}, from its request {step} of {len(sent)} on"
                async with _prepared(case, name) as rig:
                    await _troubled(rig, call, fault, step, where)
                    _alike(expected, await _again(rig, call, where), where)
                    hold(_outcome(rig) == moved, f"{where}: {_outcome(rig)} moved, not {moved}")
                    hold(len(rig.names) <= 1, f"{where}: {len(rig.names)} checkouts were made")


async def _troubled(rig: Rig, call: Call, fault: Fault, step: int, where: str) -> None:
    """A call that something lasting happens to; it may come to its end, or say: try again."""
    rig.http.add(fault, request=step, times=None)
    try:
        await call(rig)
    except RetriableError:
        pass
    except Exception as err:
        raise ContractError(
            f"{where}: {type(err).__name__}: {err}; let RetriableError leave the method"
        ) from err
    finally:
        rig.http.clear()


async def _again(rig: Rig, call: Call, where: str) -> Told:
    """The same call once more, with nothing in its way."""
    try:
        return await call(rig)
    except Exception as err:
        raise ContractError(f"{where}, then again: {type(err).__name__}: {err}") from err


def _alike(expected: Told, found: Told, where: str) -> None:
    kinds = [sorted(kind for kind, _ in one) for one in (expected, found)]
    hold(kinds[0] == kinds[1], f"{where}: {kinds[1]} is stated in the end, not {kinds[0]}")


@PAYMENTS.rule("moved", "pay")
async def killed_at_any_step(case: PaymentCase) -> None:
    """Killed before any request, the same call again does it once."""
    for name, call in _calls(case):
        async with _prepared(case, name) as rig:
            before = rig.steps.count
            expected = await call(rig)
            steps, moved = rig.steps.count - before, _outcome(rig)
        for step in range(1, steps + 1):
            async with _prepared(case, name) as rig:
                where = f"{name}(), killed before step {step}"
                rig.steps.plan(step, rig.steps.kill)
                try:
                    await call(rig)
                except BaseException:
                    # A bridge of a blocking SDK tells its thread that the request was broken off.
                    if not rig.steps.killed:
                        raise
                _alike(expected, await _again(rig, call, where), where)
                hold(_outcome(rig) == moved, f"{where}: {_outcome(rig)} moved, not {moved}")


@PAYMENTS.rule("pay")
async def garbled_answers(case: PaymentCase) -> None:
    """A page of HTML, or half a JSON, in place of an answer is no fact, and no crash."""
    rig = case.rig()
    checkout, facts = await rig.paid(order())
    bodies = (Garbled(), Garbled(None), Garbled(b"{}"), Garbled(b"[]"), Garbled(b"null"))
    for body in bodies:
        rig.http.add(body, times=None)
        where = f"fetch() that is answered {body.body!r}"
        await refused(rig.provider().fetch(checkout.remote_id), BloopError, where)
        rig.http.clear()
    same(facts, await rig.facts(checkout.remote_id), "fetched again")


class _Everything(logging.Handler):
    """What any logger says."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    handler, root = _Everything(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.said
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@PAYMENTS.rule()
async def secrecy(case: PaymentCase) -> None:
    """No secret of the settings, and nothing of who pays, is in a log, an error or a fact."""
    rig = case.rig()
    kept = {"the buyer's address": BUYER}
    said: list[tuple[str, str]] = []
    with _listening() as lines:
        for settings in ({}, dict(case.subject.bad or {})):
            provider = rig.provider(**settings)
            config = case.plugin.config({**rig.account.settings, **settings})
            for name, value in config:
                if isinstance(value, SecretStr | SecretBytes):
                    kept[f"the secret {name}"] = str(value.get_secret_value())
            for work in (
                provider.check(),
                provider.create_checkout(order(), "one"),
                provider.create_checkout(order(unit=100), "one"),
                provider.create_checkout(order(currency="XXX"), "none"),
                provider.fetch("no-such-checkout"),
                provider.verify_webhook(WebhookRequest(headers={}, body=b"{}", received_at=0.0)),
            ):
                try:
                    said.append(("an answer", repr(await work)))
                except BloopError as err:
                    said += _chain(err)
    said += [("a log line", f"{event} {fields}") for _, event, fields in rig.log.lines]
    said += [("a log line", line) for line in lines]
    for where, what in said:
        for name, secret in kept.items():
            hold(not secret or secret not in what, f"{where} holds {name}: {what[:200]!r}")


def _chain(err: BaseException) -> list[tuple[str, str]]:
    """An error as a log would hold it, with what led to it."""
    found: list[tuple[str, str]] = []
    now: BaseException | None = err
    while now is not None:
        found.append(("an error", f"{type(now).__name__}: {now}"))
        now = now.__cause__ or (None if now.__suppress_context__ else now.__context__)
    return found

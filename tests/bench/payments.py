"""Payments: from a webhook to access, many events in any order, and the ledger's balance.

`p50`, `p99` (ms): a provider's signed call is sent over HTTP to a hub as `bloop up` runs it; as
soon as it is answered, the buyer asks for the course that was refused to them until then. The clock
runs from the first byte of the call to the last of the course. `busy`: meanwhile eight connections
ask for other items, each as soon as its last answer came. `p99_busy_over_quiet` is of both.

`replay`: events a second. What happens to 1,250 orders (paid, its fee, a part back, a dispute and
its end) is told sixteen times, by four events that each come four times: 10^5 signed calls in
random order. They lie there as they came (that is not measured), 200 at a time, and the hub's own
job verifies and applies them. Another database takes each of the 6,250 facts once, by itself, as it
happened (`in order`): the benchmark ends where states, bookings, access or accounts differ.

`balance` (s): the trial balance of 10^6 lines, as the hub reads it (guarded, with the covering
index); `balance_vs_no_index`: what the same sums take by plain SQL without that index, and
without the hub's guards, over ours. A balance kept with each entry would be quicker, and one more
thing that could be wrong. `--quick` takes few of all.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from _databases import DIALECTS, Urls, databases
from _harness import Bench, Row
from _payments import (
    Told,
    context,
    environment,
    in_order,
    keep,
    learn,
    opened,
    outcome,
    place,
    shuffled,
    story,
    write_hub,
)
from _payments_lines import fill, without_index
from _till import signed
from read import BLOOP, free_port, load, served
from sqlalchemy import select

from bloop.accounts.models import User
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.content.service import create_container
from bloop.hub import Hub
from bloop.telemetry.logs import configure
from bloop_commerce import hooks, ledger
from bloop_commerce.tables import Order
from bloop_sdk import CallContext, Role

QUICK = "--quick" in sys.argv
ROUNDS, CALLS = (2, 20) if QUICK else (4, 150)
ORDERS, COPIES, BATCH, WAITING = (30 if QUICK else 1250), 16, 20, 200
LINES, BALANCES = (30_000, 3) if QUICK else (10**6, 7)


@dataclass(frozen=True, slots=True)
class Filled:
    """What the requests name: buyers by the provider's names of their orders."""

    institution: str
    open_course: str
    course: str
    tokens: dict[str, str]


async def fill_shop(hub: Hub, number: int) -> Filled:
    """A course that so many people have ordered, and one that is open to all."""

    def people() -> tuple[str, str, list[str], list[str]]:
        with hub.database.unit(system_call(hub.institution)) as unit:
            course, other = (
                create_container(unit, title="Waves", audience=audience, published=True).id
                for audience in ("enrolled", "open")
            )
            users = [
                User(institution_id=unit.institution, name=f"Lea {n}", role=Role.LEARNER)
                for n in range(number)
            ]
            unit.session.add_all(users)
            unit.session.flush()
            tokens = [start_session(unit, user).token for user in users]
            return course, other, [user.id for user in users], tokens

    course, other, users, tokens = await hub.database.run(people)
    names = await (await context(hub)).transaction(place, course, users)
    return Filled(hub.institution, other, course, dict(zip(names, tokens, strict=True)))


class Client:
    """A connection that stays."""

    def __init__(self, port: int) -> None:
        from http.client import HTTPConnection

        self._line = HTTPConnection("127.0.0.1", port)

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> int:
        """Send a request and read all of its answer; its status."""
        self._line.request(method, path, body or None, {"accept": "application/json"} | headers)
        answer = self._line.getresponse()
        answer.read()
        return answer.status


def let_in(port: int, filled: Filled, names: Sequence[str]) -> list[float]:
    """Milliseconds from a call to the course, one order after the other."""
    provider, took = Client(port), []
    hook = f"/in/{filled.institution}/commerce/hooks/till"
    course = f"/api/v1/containers/{filled.course}"
    for name in names:
        buyer = Client(port)
        asks = {"authorization": f"Bearer {filled.tokens[name]}"}
        assert buyer.ask("GET", course, asks) == 404
        headers, body = signed(f"ev-{name}", story(name, 0)[0])
        begin = time.perf_counter()
        assert provider.ask("POST", hook, headers, body) == 200
        assert buyer.ask("GET", course, asks) == 200
        took.append(1000 * (time.perf_counter() - begin))
    return took


@contextlib.contextmanager
def busy(port: int, filled: Filled) -> Iterator[None]:
    """Eight connections that ask for something else."""
    token = next(iter(filled.tokens.values()))
    asked = (f"/api/v1/containers/{filled.open_course}",)
    args = (port, asked, f"Authorization: Bearer {token}\r\n", sys.maxsize)
    other = get_context("fork").Process(target=load, args=args, daemon=True)
    other.start()
    try:
        time.sleep(0.5)
        yield
        assert other.is_alive(), "the other requests failed"
    finally:
        other.terminate()
        other.join()


def webhook_to_access(bench: Bench, folder: Path, dialect: str, urls: Urls) -> None:
    """Rounds that are quiet and busy in turn."""
    toml = write_hub(folder)

    async def prepare() -> Filled:
        async with opened(toml, urls) as hub:
            return await fill_shop(hub, 2 * ROUNDS * CALLS + 1)

    filled = run(prepare())
    names, port = iter([*filled.tokens][1:]), free_port()
    found: dict[str, list[list[float]]] = {"quiet": [], "busy": []}
    up = (BLOOP, "--config", toml, "up", "--port", str(port))
    with served(up, port, environment(folder, urls)):
        for _ in range(ROUNDS):
            for how, values in found.items():
                own = [next(names) for _ in range(CALLS)]
                with busy(port, filled) if how == "busy" else contextlib.nullcontext():
                    values.append(let_in(port, filled, own))
    rows = {}
    for how, rounds in found.items():
        for share in (50, 99):
            values = tuple(statistics.quantiles(one, n=100)[share - 1] for one in rounds)
            rows[how, share] = Row(f"webhook to access, {how}, {dialect}, p{share}", "ms", values)
            bench.rows.append(rows[how, share])
    bench.ratio(f"p99_busy_over_quiet_{dialect}", rows["busy", 99], rows["quiet", 99])


async def heard(ctx: CallContext, calls: Sequence[tuple[str, Told]]) -> float:
    """Seconds of a call, of those that the hub's own job looks into."""
    took = 0.0
    for start in range(0, len(calls), WAITING):
        some = calls[start : start + WAITING]
        await ctx.transaction(keep, some)
        begin = time.perf_counter()
        assert await hooks.hear_waiting(ctx) == len(some)  # type: ignore[arg-type]
        took += time.perf_counter() - begin
    return took / len(calls)


async def taken(ctx: CallContext, events: Sequence[Told]) -> float:
    """Seconds of an event, each learned by itself, in short transactions."""
    begin = time.perf_counter()
    for start in range(0, len(events), BATCH):
        await ctx.transaction(learn, events[start : start + BATCH])
    return (time.perf_counter() - begin) / len(events)


def replay(bench: Bench, folder: Path, make: Callable[[str], Urls]) -> None:
    """All events in any order and again, and once as they happened: they come to the same."""

    async def come(name: str, dialect: str, *, copies: int) -> tuple[float, dict[str, Any]]:
        async with opened(write_hub(folder / f"{name}-{dialect}"), make(dialect)) as hub:
            events = in_order([*(await fill_shop(hub, ORDERS)).tokens])
            ctx = await context(hub)
            seconds = await (heard(ctx, shuffled(events, copies)) if copies else taken(ctx, events))
            return seconds, await ctx.read(outcome)

    in_order_seconds, expected = run(come("in-order", "sqlite", copies=0))
    assert all(expected.values()), "nothing has come of the events"
    assert sum(account.amount for account in expected["accounts"]) == 0
    events = ORDERS * 5
    bench.rows.append(Row(f"in order, {events:,}, sqlite", "events/s", (1 / in_order_seconds,)))
    for dialect in DIALECTS:
        seconds, found = run(come("shuffled", dialect, copies=COPIES))
        for what, value in expected.items():
            assert found[what] == value, f"{dialect}: {what} depend on how events come"
        name = f"replay, {events * COPIES:,}, {dialect}"
        bench.rows.append(Row(name, "events/s", (1 / seconds,)))


def balance(bench: Bench, folder: Path, dialect: str, urls: Urls) -> None:
    """The trial balance of many lines, beside plain SQL."""

    async def measured() -> None:
        async with opened(write_hub(folder), urls) as hub:
            ctx = await context(hub)
            await ctx.transaction(place, "course", ["buyer"])
            order = await ctx.read(lambda unit: unit.session.scalars(select(Order.id)).one())
            await hub.database.run(fill, urls, hub.institution, order, LINES)
            with without_index(urls, hub.institution) as peer:
                told = {(one.account, one.currency): one.amount
                        for one in await ctx.read(ledger.trial_balance)}  # fmt: skip
                assert told == {(a, c): int(n) for a, c, n in await asyncio.to_thread(peer)}
                await rounds(ctx, peer)

    async def rounds(ctx: CallContext, peer: Callable[[], Any]) -> None:
        ours, theirs = [], []
        for _ in range(BALANCES):
            begin = time.perf_counter()
            await ctx.read(ledger.trial_balance)
            middle = time.perf_counter()
            await asyncio.to_thread(peer)
            ours.append(middle - begin)
            theirs.append(time.perf_counter() - middle)
        rows = (
            Row(f"without an index, {dialect}", "s", tuple(theirs)),
            Row(f"balance of {LINES:,} lines, {dialect}", "s", tuple(ours)),
        )
        bench.rows += rows
        bench.ratio(f"balance_vs_no_index_{dialect}", *rows)

    run(measured())


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end."""
    return asyncio.run(work)


def main() -> None:
    """Measure and print."""
    configure("warning", "text", sys.stderr)
    bench = Bench("payments", peers=("sqlalchemy", "psycopg", "uvicorn"))
    with (
        tempfile.TemporaryDirectory(prefix="bloop-payments-") as name,
        databases(Path(name)) as make,
    ):
        folder = Path(name)
        for dialect in DIALECTS:
            balance(bench, folder / f"lines-{dialect}", dialect, make(dialect))
            webhook_to_access(bench, folder / f"shop-{dialect}", dialect, make(dialect))
        replay(bench, folder, make)
    with contextlib.suppress(ValueError):
        sys.argv.remove("--quick")
    bench.finish()


if __name__ == "__main__":
    main()

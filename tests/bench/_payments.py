"""A hub that sells: commerce and the till (_till.py), orders, their events, and their outcome."""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from _databases import Urls
from _till import fact_of, signed
from sqlalchemy import insert, select

from bloop.hub import Hub
from bloop.hub.contexts import PluginCall, open_context
from bloop_commerce import catalogue, checkout, ledger, orders
from bloop_commerce.tables import Access, Entitlement, Entry, Line, Message, Order
from bloop_sdk import Call, CallContext, Principal, PrincipalKind, Role, Trace, Unit
from bloop_sdk.testing.distributions import write_plugin

HUB_TOML = """\
[hub]
data_dir = "state"

[rates]
reads = 1000000

[plugins.commerce]
enabled = true

[plugins.till]
enabled = true
"""
TRACE = Trace("1" * 32, "2" * 16)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PRICE = 4900
Told = dict[str, Any]


def write_hub(folder: Path) -> Path:
    """A hub.toml, and the till as pip would leave it; the path of the first."""
    site = folder / "site"
    site.mkdir(parents=True)
    code = Path(__file__).with_name("_till.py").read_text("utf-8")
    manifest = {"provides": {"payments": "bloop_till.plugin:TillProvider"}, "family": "payments"}
    write_plugin(site, "till", code=code, manifest=manifest)
    path = folder / "hub.toml"
    path.write_text(HUB_TOML)
    return path


def environment(folder: Path, urls: Urls) -> dict[str, str]:
    """What a hub's process finds: its database, and the till."""
    return {
        "BLOOP_STORE__URL": urls.app,
        "BLOOP_STORE__OWNER_URL": urls.owner,
        "PYTHONPATH": str(folder / "site"),
    }


@contextlib.asynccontextmanager
async def opened(path: Path, urls: Urls) -> AsyncIterator[Hub]:
    """The hub in this process, with its tables."""
    os.environ.update(environment(path.parent, urls))
    if (site := str(path.parent / "site")) not in sys.path:
        sys.path.insert(0, site)
    hub = Hub.open(path, "api")
    await hub.database.run(hub.tables.upgrade)
    await hub.start()
    await hub.loaded()
    states = {name: one.status for name, one in hub.kernel.plugins.items()}
    assert {states["commerce"].state, states["till"].state} == {"ready"}, states
    try:
        yield hub
    finally:
        await hub.stop()


async def context(hub: Hub) -> CallContext:
    """What commerce's code has for the hub itself."""
    principal = Principal(PrincipalKind.SYSTEM, "bench", Role.OPERATOR)
    call = Call(principal, hub.institution, TRACE)
    return await open_context(hub, PluginCall, "commerce", call)


def place(unit: Unit, course: str, buyers: Sequence[str]) -> list[str]:
    """An order of each buyer, as its checkout was started; the provider's names of them."""
    offer = {"title": "Waves", "courses": [course], "on_sale": True}
    product = catalogue.add(unit, catalogue.read_offer(offer))
    catalogue.set_price(unit, product.id, PRICE, "EUR")
    wanted, names = checkout.Wanted(product=product.id, currency="EUR"), []
    for buyer in buyers:
        order = checkout.place(unit, buyer, wanted, "till")
        names.append(f"co-{order.number}")
        orders.started(
            unit, order.id, remote_id=names[-1], url="", instructions="", expires_at=None
        )
    return names


def story(name: str, number: int) -> list[Told]:
    """What happens to an order, in the order of time: paid, its fee, a part back, and an end."""
    capture = f"cap-{name}"

    def told(kind: str, id_: str, hours: int, amount: int, **more: Any) -> Told:
        at = (LONG_AGO + timedelta(minutes=number, hours=hours)).isoformat()
        return {"kind": kind, "id": id_, "remote_id": name, "as_of": at, "amount": amount, **more}

    ends = ("dispute_won", "dispute_lost", "dispute_won")
    return [
        told("captured", capture, 0, PRICE),
        told("captured", capture, 1, PRICE, fee=167),
        told("refunded", f"re-{name}", 2, 1000, about=capture),
        told("disputed", f"dp-{name}", 3, PRICE - 1000, about=capture, fee=1500),
        told(ends[number % 3], f"dp-{name}", 4, PRICE - 1000, about=capture),
    ]


def in_order(names: Sequence[str]) -> list[Told]:
    """All events of some orders, as they happened."""
    return [told for number, name in enumerate(names) for told in story(name, number)]


EVENTS = 4
"""Names under which a provider tells the same: of a call and of its repetition it is one name."""


def shuffled(events: Sequence[Told], copies: int, seed: int = 9) -> list[tuple[str, Told]]:
    """Each fact some times, by events that are told again, all of them in random order."""
    sent = [
        (f"ev-{copy % EVENTS}-{number}", told)
        for copy in range(copies)
        for number, told in enumerate(events)
    ]
    random.Random(seed).shuffle(sent)  # nosec B311 - shuffles what is measured
    return sent


def keep(unit: Unit, calls: Sequence[tuple[str, Told]]) -> None:
    """Keep signed calls as if they had come while nobody could look into them."""
    past, rows = datetime.now(UTC) - timedelta(minutes=2), []
    for event, told in calls:
        headers, body = signed(event, told)
        row = {"provider": "till", "state": "received", "received_at": past, "headers": headers}
        rows.append(row | {"institution_id": unit.institution, "body": body, "digest": ""})
    unit.session.execute(insert(Message), rows)


def learn(unit: Unit, events: Sequence[Told]) -> None:
    """Take events one by one."""
    for told in events:
        orders.learn(unit, "till", [fact_of(told)])


def outcome(unit: Unit) -> dict[str, Any]:
    """All that facts come to: orders, what is booked of each fact, who is let in, the accounts."""
    session = unit.session
    stands = select(
        Order.number, Order.state, Order.captured, Order.refunded, Order.disputed, Order.faults
    )
    booked: dict[Any, int] = {}
    both = select(Entry.kind, Entry.fact_id, Line.account, Line.currency, Line.amount)
    for *key, amount in session.execute(both.join(Line, Line.entry_id == Entry.id)):
        booked[tuple(key)] = booked.get(tuple(key), 0) + amount
    given = select(Order.number, Entitlement.spans)
    # Who had something, and who never had, have nothing.
    joined = [row for row in session.execute(given.join(Order, Order.id == Entitlement.order_id))
              if row.spans]  # fmt: skip
    let_in = select(Order.number).join(Access, Access.user_id == Order.buyer_id)
    assert session.scalar(select(Access.id).where(Access.trouble != "").limit(1)) is None
    return {
        "orders": sorted(tuple(map(str, row)) for row in session.execute(stands)),
        "bookings": {key: amount for key, amount in booked.items() if amount},
        "spans": sorted((row.number, row.spans) for row in joined),
        "access": sorted(session.scalars(let_in.where(Access.is_open))),
        "accounts": ledger.trial_balance(unit),
    }

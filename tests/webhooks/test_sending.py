"""Deliveries to real receivers on this machine: signed, in order, tried again, given up."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from itertools import repeat

import pytest
from sqlalchemy import select

from bloop.net.guard import Guard
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.types import utcnow
from bloop.webhooks import queue, sending, service
from bloop.webhooks.models import WebhookEndpoint
from bloop.webhooks.schedule import Schedule
from tests.support.database import HOME, OTHER, make_call, make_system_call
from tests.webhooks.conftest import (
    ADMIN,
    add,
    deliveries,
    documented_verify,
    endpoint,
    happen,
    states,
    until,
)


async def test_an_event_arrives_signed_as_documented(database, keyring, sender, receiver):
    id_, secret = add(database, keyring, f"{receiver.url}/?q=1")
    (event_id,) = happen(database, 1)
    (delivery,) = await states(database, "delivered")
    ((path, headers, body),) = receiver.seen
    assert path == "/?q=1" and headers["webhook-id"] == event_id and "cookie" not in headers
    told = documented_verify()(secret, headers, body)
    assert (told["id"], told["type"], told["data"]) == (event_id, "t.happened", {"n": 1})
    assert told["specversion"] == "1.0" and told["subject"] == "a:1"
    assert (delivery.attempts, delivery.status, delivery.reason) == (1, 204, None)
    with pytest.raises(ValueError, match="signature"):
        documented_verify()(secret, headers, body + b" ")
    assert endpoint(database, id_).row_version == 1, "what is sent is no change by people"


async def test_only_topics_that_it_wants_reach_an_endpoint(database, keyring, sender, receiver):
    add(database, keyring, f"{receiver.url}/content", topics=("content.*",))
    add(database, keyring, f"{receiver.url}/one", topics=("user.created", "user.deleted"))
    happen(database, 1, topic="content.item.updated")
    happen(database, 2, topic="user.created")
    happen(database, 3, topic="users.created")
    await states(database, "delivered", "delivered")
    assert sorted(path for path, _, _ in receiver.seen) == ["/content", "/one"]


async def test_each_endpoint_has_its_own_order_and_pauses(database, keyring, sender, receiver):
    down = [True]
    receiver.answer = lambda number, path: (
        (500, {}, b"down") if path == "/bad" and down else (200, {}, b"")
    )
    bad, _ = add(database, keyring, f"{receiver.url}/bad")
    add(database, keyring, f"{receiver.url}/good")
    ids = happen(database, *range(30))
    await until(lambda: len(receiver.ids("/good")) == 30)
    assert receiver.ids("/good") == ids
    failing = await until(lambda: (one := endpoint(database, bad)).failures and one)
    assert receiver.ids("/bad") == ids[:1], "the others wait behind the first"
    pause = (failing.retry_at - failing.failing_since).total_seconds()
    assert 4.5 <= pause <= 5.5
    down.clear()
    in_unit(database, ADMIN, service.redeliver_failed, bad, utcnow())  # No pause any more.
    sender.wake()
    await until(lambda: len(receiver.ids("/bad")) == 31)
    assert receiver.ids("/bad")[1:] == ids
    healthy = await until(lambda: not (one := endpoint(database, bad)).failures and one)
    assert healthy.failing_since is None and healthy.retry_at is None


async def test_two_processes_send_each_event_once(database, keyring, make_sender, receiver):
    senders = [await make_sender(), await make_sender()]
    senders[1]._owner = "elsewhere:1:1"
    add(database, keyring, receiver.url)
    ids = []
    for number in range(20):
        ids += happen(database, number)
        for sender in senders:
            sender.wake()
    await states(database, *repeat("delivered", 20))
    assert receiver.ids() == ids


async def test_busy_endpoints_take_turns(database, keyring, make_sender, receiver, monkeypatch):
    monkeypatch.setattr("bloop.webhooks.sender.AT_ONCE", 1)
    monkeypatch.setattr("bloop.webhooks.sender.TURN_SECONDS", 0.01)
    for path in "abc":
        add(database, keyring, f"{receiver.url}/{path}")
    happen(database, *range(20))
    await make_sender()
    await states(database, *repeat("delivered", 60))
    paths = [path for path, _, _ in receiver.seen]
    firsts = [paths.index(path) for path in ("/a", "/b", "/c")]
    lasts = [len(paths) - paths[::-1].index(path) for path in ("/a", "/b", "/c")]
    assert max(firsts) < min(lasts)


async def test_who_lost_the_lease_writes_nothing(database, keyring, clock):
    id_, _ = add(database, keyring, "http://127.0.0.1:9/")
    happen(database, 1)
    everywhere = make_system_call()

    def claim(unit, owner, dead=()):
        return queue.claim(unit, [id_], dead, owner, clock(), 30.0)

    (first,) = in_unit(database, everywhere, claim, "a")
    assert in_unit(database, everywhere, claim, "b") == []
    clock.moved += timedelta(seconds=31)
    (second,) = in_unit(database, everywhere, claim, "b")
    (third,) = in_unit(database, everywhere, claim, "c", {"b"})

    def settle(unit, turn):
        seq = unit.session.scalar(select(queue.WebhookDelivery.seq))
        outcome = sending.Outcome(status=200)
        return queue.settle(unit, turn, seq, outcome, clock(), Schedule(), 30.0)

    for late in (first, second):
        assert not in_unit(database, ADMIN, settle, late)
        in_unit(database, ADMIN, lambda unit, t=late: queue.give_back(unit, t, emptied=True))
    (waiting,) = deliveries(database)
    assert (waiting.state, waiting.attempts) == ("waiting", 0)
    assert in_unit(database, ADMIN, settle, third)
    assert deliveries(database)[0].state == "delivered"


async def test_a_slow_receiver_costs_a_try(database, keyring, sender, receiver, monkeypatch):
    monkeypatch.setattr(sending, "TOTAL_SECONDS", 0.2)
    receiver.answer = lambda number, path: time.sleep(1) or (200, {}, b"")
    id_, _ = add(database, keyring, receiver.url)
    happen(database, 1)
    await until(lambda: endpoint(database, id_).failures == 1)
    (delivery,) = deliveries(database)
    assert (delivery.state, delivery.status) == ("waiting", None)
    assert delivery.reason.endswith("no whole answer in time")


async def test_redirects_are_not_followed(database, keyring, sender, receiver, other_receiver):
    receiver.answer = lambda number, path: (307, {"location": other_receiver.url}, b"")
    id_, _ = add(database, keyring, receiver.url)
    happen(database, 1)
    await until(lambda: endpoint(database, id_).failures == 1)
    assert deliveries(database)[0].reason.startswith("it answered 307: redirects are not followed")
    assert not other_receiver.seen


async def test_an_endless_answer_is_read_no_further_than_its_beginning(
    database, keyring, sender, receiver
):
    receiver.answer = lambda number, path: (200, {}, repeat(b"password=hunter2 \0more " * 100))
    add(database, keyring, receiver.url)
    happen(database, 1)
    (delivery,) = await states(database, "delivered")
    assert "hunter2" not in delivery.answer and "more" in delivery.answer
    assert len(delivery.answer) <= 1000


async def test_retry_after_is_waited_for(database, keyring, sender, receiver):
    receiver.answer = lambda number, path: (503, {"retry-after": "7200"}, b"")
    id_, _ = add(database, keyring, receiver.url)
    happen(database, 1)
    one = await until(lambda: (one := endpoint(database, id_)).failures and one)
    assert (one.retry_at - one.failing_since).total_seconds() == 7200


def said(database, topic):
    def read(unit):
        rows = select(OutboxEvent.payload).where(OutboxEvent.topic == topic)
        return unit.session.scalars(rows).all()

    return in_unit(database, ADMIN, read)


def audited(database, action):
    def read(unit):
        rows = select(AuditLine.resource).where(AuditLine.action == action)
        return unit.session.scalars(rows).all()

    return in_unit(database, ADMIN, read)


async def test_410_disables_and_says_so(database, keyring, sender, receiver):
    receiver.answer = lambda number, path: (410, {}, b"")
    id_, _ = add(database, keyring, receiver.url)
    happen(database, 1, 2)
    await states(database, "failed", "failed")
    one = endpoint(database, id_)
    assert not one.enabled and one.disabled_reason.startswith("it answered 410 Gone")
    assert len(receiver.seen) == 1
    ((notice),) = said(database, "webhook.disabled")
    assert notice["id"] == id_ and audited(database, "webhooks:disable") == [f"webhook:{id_}"]
    happen(database, 3)
    assert len(deliveries(database)) == 2, "nothing is kept for who wants nothing"


async def test_five_days_of_failures_disable(database, keyring, sender, receiver, clock):
    receiver.answer = lambda number, path: (500, {}, b"")
    id_, _ = add(database, keyring, receiver.url)
    happen(database, 1)
    happen(database, 2, topic="t.other")  # Of the same topic it would be tried in place of 1.
    pauses = []
    while (one := endpoint(database, id_)).enabled:
        if one.retry_at and one.retry_at > clock():
            pauses.append((one.retry_at - one.failing_since).total_seconds())
            clock.moved += one.retry_at - clock()
            failures = one.failures
            sender.wake()
            await until(
                lambda n=failures: (o := endpoint(database, id_)).failures > n or not o.enabled
            )
        else:
            await until(lambda: endpoint(database, id_).failures)
    assert one.disabled_reason.startswith("every try failed since")
    assert len(receiver.seen) == len(pauses) + 1
    # Pauses are spread by a tenth, so that the fifth day may hold one more.
    assert len(receiver.seen) in {12, 13}
    assert pauses[0] < 6 and pauses[-1] > 4 * 86400
    assert [found.state for found in deliveries(database)] == ["failed", "failed"]
    assert len(said(database, "webhook.disabled")) == 1
    changes = {"enabled": True}
    in_unit(database, ADMIN, service.change, sender.guard, id_, one.row_version, changes)
    receiver.answer = lambda number, path: (200, {}, b"")
    since = utcnow() - timedelta(hours=1)
    assert in_unit(database, ADMIN, service.redeliver_failed, id_, since) == 2
    sender.wake()
    await states(database, "delivered", "delivered")


async def test_one_event_that_is_always_refused_is_given_up(
    database, keyring, sender, receiver, clock
):
    id_, _ = add(database, keyring, receiver.url)
    first, second = happen(database, 1, 2)
    receiver.answer = lambda number, path: (
        (422, {}, b"no such thing") if receiver.ids()[-1] == first else (200, {}, b"")
    )
    for number in range(1, 4):
        sender.wake()
        await until(lambda n=number: endpoint(database, id_).failures == n)
        clock.moved += timedelta(hours=1)
    sender.wake()
    refused, other = await states(database, "failed", "delivered")
    assert (refused.attempts, refused.status, refused.answer) == (4, 422, "no such thing")
    assert receiver.ids() == [first, first, first, first, second]
    await until(lambda: endpoint(database, id_).failing_since is None)
    assert endpoint(database, id_).enabled
    elsewhere, _ = add(database, keyring, receiver.url)
    with pytest.raises(NotFoundError, match="has no delivery"):
        in_unit(database, ADMIN, service.redeliver, elsewhere, other.id)
    in_unit(database, ADMIN, service.redeliver, id_, other.id)
    sender.wake()
    await until(lambda: receiver.ids()[-2:] == [second, second])


async def test_one_event_at_which_a_receiver_breaks_does_not_hold_the_others(
    database, keyring, sender, receiver, clock
):
    down = True
    id_, _ = add(database, keyring, receiver.url)
    (first,) = happen(database, 1)
    (other,) = happen(database, 2, topic="t.other")
    behind, second = happen(database, 2, 3)  # One waits behind the other of its aggregate.
    receiver.answer = lambda number, path: (
        (500, {}, b"traceback") if down or receiver.ids()[-1] == first else (200, {}, b"")
    )
    for number in range(1, 5):
        sender.wake()
        await until(lambda n=number: endpoint(database, id_).failures == n)
        clock.moved += timedelta(days=1)
    assert receiver.ids() == [first, first, first, first, second], "it takes nothing at all"
    down = False
    sender.wake()
    gave_up, *_ = await states(database, "failed", *repeat("delivered", 3))
    assert (gave_up.attempts, gave_up.status) == (5, 500)
    assert receiver.ids()[5:] == [first, second, first, other, behind]
    assert endpoint(database, id_).enabled


async def test_a_status_counts_though_the_answer_breaks_off(database, keyring, sender, receiver):
    receiver.answer = lambda number, path: (200, {"content-length": "100"}, [b"thanks"])
    add(database, keyring, receiver.url)
    happen(database, 1)
    (delivery,) = await states(database, "delivered")
    assert (delivery.attempts, delivery.status) == (1, 200)


async def test_both_secrets_sign_while_they_overlap(database, keyring, sender, receiver, clock):
    id_, old = add(database, keyring, receiver.url)
    new = in_unit(database, ADMIN, service.rotate, keyring, id_, timedelta(hours=24))
    assert new != old
    happen(database, 1)
    await states(database, "delivered")
    verify = documented_verify()
    _, headers, body = receiver.seen[0]
    assert verify(new, headers, body) == verify(old, headers, body)
    clock.moved += timedelta(hours=25)
    happen(database, 2)
    await states(database, "delivered", "delivered")
    _, headers, body = receiver.seen[1]
    assert headers["webhook-signature"].count("v1,") == 1
    with pytest.raises(ValueError, match="timestamp"):
        verify(new, headers, body)  # It was sent a day from now.


async def test_a_key_of_another_hub_is_told_and_signs_nothing(
    database, keyring, make_sender, receiver
):
    id_, _ = add(database, keyring, receiver.url)

    def of_another_hub(unit):
        unit.get(WebhookEndpoint, id_).key_id = "0" * 16

    in_unit(database, ADMIN, of_another_hub)
    await make_sender()
    happen(database, 1)
    await until(lambda: endpoint(database, id_).failures == 1)
    assert "another key" in deliveries(database)[0].reason and not receiver.seen
    in_unit(database, ADMIN, service.rotate, keyring, id_, timedelta(hours=24))
    assert endpoint(database, id_).old_until is None


async def test_another_institutions_events_never_arrive(database, keyring, sender, receiver):
    add(database, keyring, f"{receiver.url}/home")
    add(database, keyring, f"{receiver.url}/other", call=make_call(OTHER))
    happen(database, 1)
    happen(database, 2, institution=OTHER)
    await until(lambda: len(receiver.seen) == 2)
    told = {path: json.loads(body)["institution"] for path, _, body in receiver.seen}
    assert told == {"/home": HOME, "/other": OTHER}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_internal_addresses_are_refused(database, keyring, make_sender, receiver, host):
    await make_sender(guard=Guard())
    url = receiver.url.replace("127.0.0.1", host)
    # It was allowed when it was made.
    id_, _ = add(database, keyring, url, guard=Guard(["127.0.0.1", "localhost"]))
    happen(database, 1)
    await until(lambda: endpoint(database, id_).failures == 1)
    assert "an internal address" in deliveries(database)[0].reason
    assert not receiver.seen


async def test_a_test_is_sent_at_once_and_logged(database, keyring, sender, receiver):
    id_, secret = add(database, keyring, receiver.url, topics=("content.*",))
    in_unit(database, ADMIN, service.change, sender.guard, id_, None, {"enabled": False})
    delivery, outcome = await sender.ping(ADMIN, id_)
    assert (outcome.status, outcome.reason) == (204, None)
    ((_, headers, body),) = receiver.seen
    assert documented_verify()(secret, headers, body)["type"] == "webhook.ping"
    (logged,) = deliveries(database)
    assert (logged.id, logged.state, logged.topic) == (delivery, "delivered", "webhook.ping")


async def test_what_is_over_is_removed_when_it_is_old(database, keyring, receiver):
    add(database, keyring, receiver.url)
    happen(database, 1, 2, 3)

    def end(unit):
        found = unit.session.scalars(select(queue.WebhookDelivery)).all()
        found[0].state, found[1].state = "delivered", "failed"
        found[0].created_at = found[2].created_at = utcnow() - timedelta(days=31)

    in_unit(database, ADMIN, end)
    before = utcnow() - timedelta(days=30)
    assert in_unit(database, make_system_call(), queue.trim, before) == 1
    assert [one.state for one in deliveries(database)] == ["failed", "waiting"]

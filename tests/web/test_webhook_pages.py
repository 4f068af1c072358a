"""The pages of webhooks, as people without JavaScript meet them."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from sqlalchemy import select

from bloop.accounts.sessions import system_call
from bloop.hub import Hub
from bloop.store.types import utcnow
from bloop.web import webhook_pages
from bloop.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.support.hub import add_institution
from tests.web.conftest import csrf_of


@pytest.fixture
async def hub(hub_toml):
    with hub_toml.open("a") as file:
        file.write('\n[net]\nallow = ["127.0.0.1"]\n')
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


class Receiver:
    """A system outside; ``status`` is what it answers."""

    def __init__(self):
        self.status, self.seen = 200, []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append(self.headers["webhook-id"])
                self.send_response(receiver.status)
                self.end_headers()
                self.wfile.write(b"<told>")

            def log_message(self, *args):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def outside():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def write(hub):
    """Writes an endpoint that is switched off, so that nothing is sent to it; gives its id."""

    def put(institution=None, **values):
        with hub.database.unit(system_call(institution or hub.institution)) as unit:
            made = WebhookEndpoint(
                institution_id=unit.institution,
                name="Our <CRM>",
                url="https://crm.example/hooks",
                topics=["content.*", "user.created"],
                key_id=hub.webhooks.keyring.of(unit).id,
                **{"enabled": False, "disabled_reason": "switched off by hand"} | values,
            )
            unit.session.add(made)
            unit.session.flush()
            return made.id

    return put


@pytest.fixture
def deliver(hub):
    """Writes what was sent to an endpoint; gives its id."""

    def put(endpoint, number=1, **values):
        with hub.database.unit(system_call(hub.institution)) as unit:
            made = WebhookDelivery(
                institution_id=unit.institution,
                endpoint_id=endpoint,
                event_id=f"event-{number}",
                topic="content.item.updated",
                body="{}",
                tried_at=utcnow(),
                **{"state": "delivered", "attempts": 1, "status": 200} | values,
            )
            unit.session.add(made)
            unit.session.flush()
            return made.id

    return put


def found(hub, model=WebhookEndpoint):
    """All rows of the first institution."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        return unit.session.scalars(select(model)).all()


def text_of(answer):
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.05)


async def test_a_webhook_is_added_and_its_secret_shown_this_once(hub, visit, outside):
    admin = await visit("admin")
    assert "No webhooks yet" in (await admin.get("/webhooks")).text
    form = await admin.get("/webhooks/new")
    assert "content.item.updated" in form.text
    given = {"csrf": csrf_of(form), "name": "Our <CRM>", "url": outside.url}
    made = await admin.post("/webhooks/new", data=given | {"topics": "content.*\nuser.created"})
    assert made.status_code == 200 and made.headers["cache-control"] == "no-store"
    secret = re.search(r"whsec_[\w+/=]+", made.text)[0]
    assert secret and "Our &lt;CRM&gt; was added" in made.text
    (row,) = found(hub)
    assert (row.name, row.topics) == ("Our <CRM>", ["content.*", "user.created"])
    for path in ("/webhooks", f"/webhooks/{row.id}"):
        page = await admin.get(path)
        assert "active" in text_of(page) and "whsec_" not in page.text
    german = await admin.get("/webhooks/new", headers={"accept-language": "de"})
    assert "<h1>Webhook hinzufügen</h1>" in german.text


@pytest.mark.parametrize(
    ("wrong", "given"),
    [
        ("name", {"name": " "}),
        ("url", {"url": "ftp://crm.example"}),
        ("url", {"url": "https://192.168.0.1/hooks"}),
        ("topics", {"topics": "Not a topic"}),
        ("topics", {"topics": ""}),
    ],
)
async def test_a_form_that_is_wrong_comes_back_and_says_where(hub, visit, wrong, given):
    admin = await visit("admin")
    form = {"csrf": csrf_of(await admin.get("/webhooks/new")), "name": "CRM <2>"}
    form |= {"url": "https://crm.example", "topics": "content.*"} | given
    answer = await admin.post("/webhooks/new", data=form)
    assert answer.status_code == 422
    assert f'aria-invalid="true" aria-describedby="wrong-{wrong}"' in answer.text
    assert answer.text.count("aria-invalid") == 1
    assert wrong == "name" or 'value="CRM &lt;2&gt;"' in answer.text
    assert found(hub) == []


async def test_a_test_tells_what_came_of_it_and_what_failed_is_sent_again(hub, visit, outside):
    admin = await visit("admin")
    form = {"csrf": csrf_of(await admin.get("/webhooks"))}
    given = {"name": "CRM", "url": outside.url, "topics": "t.never"}
    await admin.post("/webhooks/new", data=form | given)
    (row,) = found(hub)
    outside.status = 500
    tested = await admin.post(f"/webhooks/{row.id}/test", data=form)
    page = await admin.get(tested.headers["location"])
    said = text_of(page)
    assert "The test failed" in said and "answer 500" in said and "&lt;told&gt;" in said
    (delivery,) = found(hub, WebhookDelivery)
    assert delivery.state == "failed" and "Send again what failed" in said
    outside.status = 200
    one = form | {"delivery": delivery.id}
    again = await admin.post(f"/webhooks/{row.id}/redeliver", data=one)
    assert "1 message is sent again." in (await admin.get(again.headers["location"])).text
    await until(lambda: found(hub, WebhookDelivery)[0].state == "delivered")
    assert outside.seen == [delivery.event_id] * 2
    tested = await admin.post(f"/webhooks/{row.id}/test", data=form)
    assert "The test was delivered." in (await admin.get(tested.headers["location"])).text


async def test_all_that_failed_is_sent_again(hub, visit, write, deliver):
    # Far from being sent, so that the rows stay as the page has written them.
    later = utcnow() + timedelta(days=1)
    endpoint = write(
        enabled=True, disabled_reason=None, lease_owner="elsewhere:1:1", lease_until=later
    )
    deliver(endpoint, 1)
    deliver(endpoint, 2, state="failed", status=500, attempts=4, reason="it answered 500")
    deliver(endpoint, 3, state="failed", status=None, attempts=4, reason="no answer")
    admin = await visit("admin")
    page = await admin.get(f"/webhooks/{endpoint}")
    assert "it answered 500" in page.text and "no answer" in page.text
    again = await admin.post(f"/webhooks/{endpoint}/redeliver", data={"csrf": csrf_of(page)})
    assert again.headers["location"] == f"/webhooks/{endpoint}?again=2"
    states = [row.state for row in found(hub, WebhookDelivery)]
    assert sorted(states) == ["delivered", "waiting", "waiting"]


async def test_deliveries_come_in_pages(visit, write, deliver, monkeypatch):
    monkeypatch.setattr(webhook_pages, "DELIVERIES_AT_ONCE", 2)
    endpoint = write()
    made = [deliver(endpoint, number) for number in range(3)]
    admin = await visit("admin")

    def shown(answer):
        return re.findall(r'id="delivery-([^"]+)"', answer.text)

    first = await admin.get(f"/webhooks/{endpoint}")
    assert shown(first) == [made[2], made[1]]
    older = re.search(r'rel="next" href="([^"]+)"', first.text)[1]
    last = await admin.get(older)
    assert shown(last) == [made[0]] and "Newest" in last.text


async def test_one_that_was_given_up_says_why_and_is_switched_on_and_off(hub, visit, write):
    endpoint = write(disabled_reason="it answered 410 <Gone>")
    admin = await visit("admin")
    for path in ("/webhooks", f"/webhooks/{endpoint}"):
        page = await admin.get(path)
        assert "given up" in page.text and "it answered 410 &lt;Gone&gt;" in page.text
    form = {"csrf": csrf_of(page)}
    refused = await admin.post(f"/webhooks/{endpoint}/redeliver", data=form)
    assert refused.status_code == 409
    await admin.post(f"/webhooks/{endpoint}/enable", data=form)
    assert found(hub)[0].enabled
    question = await admin.get(f"/webhooks/{endpoint}/disable")
    assert "is not kept for it" in question.text and found(hub)[0].enabled
    await admin.post(f"/webhooks/{endpoint}/disable", data=form)
    assert not found(hub)[0].enabled
    assert "switched off" in text_of(await admin.get("/webhooks"))


async def test_one_that_fails_says_since_when(visit, write):
    write(
        enabled=True,
        disabled_reason=None,
        failing_since=utcnow(),
        failures=3,
        retry_at=utcnow() + timedelta(days=1),
    )
    assert "failing since" in text_of(await (await visit("admin")).get("/webhooks"))


@pytest.mark.parametrize(
    ("role", "status"),
    [(None, 401), ("learner", 403), ("educator", 403), ("admin", 200), ("operator", 200)],
)
async def test_each_role_meets_what_the_api_lets_it_do(hub, visit, write, role, status):
    endpoint = write(disabled_reason="it answered 410")
    visitor = await visit(role)
    home = await visitor.get("/")
    form = {"csrf": csrf_of(home)} if role else {}
    own = f"/webhooks/{endpoint}"
    for path in ("/webhooks", "/webhooks/new", own, f"{own}/disable"):
        assert (await visitor.get(path)).status_code == status, path
    if status != 200:
        for path in ("/webhooks/new", f"{own}/test", f"{own}/redeliver", f"{own}/disable"):
            assert (await visitor.post(path, data=form)).status_code == status, path
    answer = await visitor.post(f"{own}/enable", data=form)
    assert answer.status_code == (303 if status == 200 else status)
    assert found(hub)[0].enabled == (status == 200)


async def test_another_institutions_webhooks_are_not_there(hub, visit, write, deliver):
    endpoint = write()
    delivery = deliver(endpoint)
    away = await visit("operator", add_institution(hub, "away"))
    page = await away.get("/webhooks")
    assert "No webhooks yet" in page.text
    form = {"csrf": csrf_of(page), "delivery": delivery}
    own = f"/webhooks/{endpoint}"
    for path in (own, f"{own}/disable"):
        assert (await away.get(path)).status_code == 404, path
    for act in ("enable", "disable", "test", "redeliver"):
        assert (await away.post(f"{own}/{act}", data=form)).status_code == 404, act
    assert not found(hub)[0].enabled


async def test_nothing_changes_without_the_forms_token(hub, visit, write):
    endpoint = write()
    admin = await visit("admin")
    for path in ("new", f"{endpoint}/enable", f"{endpoint}/test", f"{endpoint}/redeliver"):
        assert (await admin.post(f"/webhooks/{path}")).status_code == 403
    assert not found(hub)[0].enabled

"""Webhooks of a running hub, from the API: a change in it reaches a receiver outside."""

from __future__ import annotations

import asyncio
import base64
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bloop.accounts.sessions import system_call
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION
from tests.support.hub import add_institution, log_in

WEBHOOKS = "/api/v1/webhooks"


@pytest.fixture
def config_path(hub_toml):
    """A hub that may reach this machine."""
    with hub_toml.open("a") as file:
        file.write('\n[net]\nallow = ["127.0.0.1"]\n')
    return hub_toml


@pytest.fixture
def outside():
    """A receiver that takes everything: its URL, and the ids and bodies that came."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append((self.headers["webhook-id"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    server.server_close()


async def say(hub, topic, institution=None):
    def write(unit):
        unit.outbox.append(topic, "a:1", {"n": 1})

    call = system_call(institution or hub.institution)
    await hub.database.run(in_unit, hub.database, call, write)


async def until(condition):
    async with asyncio.timeout(30):
        while not (found := await condition()):  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)
    return found


async def make(client, url, **more):
    body = {"name": "CRM", "url": url, "topics": ["t.*"]} | more
    made = await client.post(WEBHOOKS, json=body)
    assert made.status_code == 201, made.text
    return made.json()


def delivered(client, webhook, number):
    async def look():
        page = (await client.get(f"{WEBHOOKS}/{webhook}/deliveries")).json()
        return page if [one["state"] for one in page["items"]] == ["delivered"] * number else None

    return look


async def test_what_happens_in_the_hub_arrives_once_and_is_logged(hub, operator, outside):
    url, seen = outside
    made = await make(operator, url)
    away = add_institution(hub, "away")
    await say(hub, "t.happened")
    await say(hub, "u.happened")
    await say(hub, "t.happened", away)
    await say(hub, "t.again")
    page = await until(delivered(operator, made["id"], 2))
    assert [one["topic"] for one in page["items"]] == ["t.again", "t.happened"]
    assert [id_ for id_, _ in seen] == [one["event_id"] for one in page["items"]][::-1]
    part = (await operator.get(f"{WEBHOOKS}/{made['id']}/deliveries?limit=1")).json()
    rest = await operator.get(f"{WEBHOOKS}/{made['id']}/deliveries?before={part['next']}")
    assert [one["topic"] for one in rest.json()["items"]] == ["t.happened"]
    failed = await operator.get(f"{WEBHOOKS}/{made['id']}/deliveries?state=failed")
    assert failed.json() == {"items": [], "next": None}


async def test_one_is_shown_changed_and_removed_at_its_version(hub, operator, outside):
    url, _ = outside
    made = await make(operator, url)
    at = f"{WEBHOOKS}/{made['id']}"
    shown = await operator.get(at)
    assert shown.headers["etag"] == '"v1"' and shown.json()["topics"] == ["t.*"]
    assert (await operator.patch(at, json={"name": "New"})).status_code == 428
    stale = await operator.patch(at, json={"name": "New"}, headers={"if-match": '"v7"'})
    assert stale.status_code == 412
    off = {"name": "New", "enabled": False}
    changed = await operator.patch(at, json=off, headers={"if-match": '"v1"'})
    assert (changed.json()["name"], changed.json()["enabled"]) == ("New", False)
    assert changed.json()["disabled_reason"] == "switched off by hand"
    again = {"failed_since": "2026-01-01T00:00:00Z"}
    refused = await operator.post(f"{at}/redeliver", json=again)
    assert refused.status_code == 409 and "enable it" in refused.json()["cure"]
    assert (await operator.post(f"{at}/redeliver", json={})).status_code == 422
    tested = await operator.post(f"{at}/test")
    assert (tested.json()["delivered"], tested.json()["status"]) == (True, 200)
    gone = await operator.delete(at, headers={"if-match": changed.headers["etag"]})
    assert gone.status_code == 204 and (await operator.get(at)).status_code == 404
    assert (await operator.get(WEBHOOKS)).json() == {"items": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://169.254.169.254/latest"},
        {"url": "http://[::1]/"},
        {"url": "ftp://example.org"},
        {"url": "https://user:pass@example.org/"},
        {"topics": []},
        {"topics": ["content.**"]},
        {"topics": ["Content"]},
        {"name": ""},
    ],
)
async def test_what_makes_no_sense_is_refused(operator, wrong):
    body = {"name": "CRM", "url": "https://example.org", "topics": ["*"]} | wrong
    assert (await operator.post(WEBHOOKS, json=body)).status_code == 422
    assert (await operator.get(WEBHOOKS)).json() == {"items": []}


async def test_the_secret_is_shown_once_and_stands_nowhere(hub, operator, outside, capfd):
    url, _ = outside
    made = await make(operator, url)
    rotated = await operator.post(f"{WEBHOOKS}/{made['id']}/rotate", json={"overlap_hours": 1})
    assert rotated.headers["cache-control"] == "no-store"
    secrets = [made["secret"], rotated.json()["secret"]]
    assert len(set(secrets)) == 2 and all(one.startswith("whsec_") for one in secrets)
    await say(hub, "t.happened")
    await until(delivered(operator, made["id"], 1))
    places = [
        (await operator.get(WEBHOOKS)).content,
        (await operator.get(f"{WEBHOOKS}/{made['id']}")).content,
        (await operator.get(f"{WEBHOOKS}/{made['id']}/deliveries")).content,
        "".join(capfd.readouterr()).encode(),
        await hub.database.run(dumped, hub),
    ]
    assert made["id"].encode() in places[-1], "the dump holds what is stored"
    key = hub.webhooks.keyring.known.key
    for place in places:
        assert key not in place and key.hex().encode() not in place
        for secret in secrets:
            raw = base64.b64decode(secret.removeprefix("whsec_"))
            forms = (secret.removeprefix("whsec_").encode(), raw, raw.hex().encode())
            assert not any(form in place for form in forms)


def dumped(hub):
    """All that the database holds: the files of SQLite, the rows of PostgreSQL."""
    if hub.database.dialect == "sqlite":
        file = Path(hub.database.url.database)
        return b"".join(one.read_bytes() for one in file.parent.glob(f"{file.name}*"))
    found = []
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        tables = (
            "webhook_endpoint",
            "webhook_delivery",
            "audit_line",
            "outbox_event",
            "hub_secret",
        )
        for table in tables:
            rows = unit.session.connection().exec_driver_sql(f"SELECT t::text FROM {table} t")
            found += [row[0] for row in rows]
    return "\n".join(found).encode()


async def test_only_admins_of_the_institution_see_and_change_them(hub, operator, client, outside):
    made = await make(operator, outside[0])
    at = f"{WEBHOOKS}/{made['id']}"
    away = add_institution(hub, "away")

    async def as_(role, institution):
        session = await hub.database.run(log_in, hub, role, institution)
        return {"authorization": f"Bearer {session.token}", "if-match": "*"}

    educator = await as_("educator", hub.institution)
    assert (await client.get(WEBHOOKS, headers=educator)).status_code == 403
    assert (await client.delete(at, headers=educator)).status_code == 403
    assert (await client.get(at, headers=await as_("admin", hub.institution))).status_code == 200
    stranger = await as_("admin", away)
    assert (await client.get(WEBHOOKS, headers=stranger)).json() == {"items": []}
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/deliveries", None),
        ("PATCH", "", {"name": "Mine"}),
        ("DELETE", "", None),
        ("POST", "/rotate", {}),
        ("POST", "/test", None),
        ("POST", "/redeliver", {"failed_since": "2026-01-01T00:00:00Z"}),
    ):
        answer = await client.request(method, at + path, json=body, headers=stranger)
        assert answer.status_code == 404, (method, path)
    assert not outside[1]

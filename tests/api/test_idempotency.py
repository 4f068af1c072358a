"""A request that is sent again with its key has one effect, and the same answer."""

from __future__ import annotations

import asyncio
import io
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update
from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.accounts.service import issue_link
from bloop.accounts.sessions import system_call
from bloop.api import idempotency as edge_of_keys
from bloop.api.app import create_app
from bloop.content.models import Container
from bloop.content.service import create_container
from bloop.store import idempotency
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.idempotency import KeyState
from bloop.store.models import EVERY_INSTITUTION, IdempotencyKey, OutboxEvent
from bloop.store.types import utcnow
from tests.support.hub import add_institution, log_in

COURSES = "/api/v1/containers"
KEY = {"idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
TIDES = {"title": "Tides"}

probes = Router(prefix="/probe", tags=["tests"])


@probes.post("/secret", action="account:write")
async def secret(request: Request) -> Response:
    """Has an effect, and answers with a secret as ``how`` says."""
    hub = hub_of(request)
    token = await hub.database.run(in_unit, hub.database, call_of(request), issue_link)
    response = json_response({"token": token})
    how = request.query_params["how"]
    if how == "cookie":
        response.set_cookie("other", token)
    elif how == "page":
        response.headers["content-type"] = "text/html; charset=utf-8"
    else:
        response.headers["cache-control"] = how
    return response


@probes.post("/long", action="account:write")
async def long(request: Request) -> Response:
    """Answers with more than is kept."""
    await _course(request, "Long")
    return Response(b"x" * (edge_of_keys.KEPT_BYTES + 1))


@probes.post("/twice", action="account:write")
async def twice(request: Request) -> Response:
    """Makes two units of work; ``fail`` says which one fails."""
    fail = request.query_params.get("fail")
    for number in "12":
        if number == fail:
            raise InvalidError(f"unit {number} was refused")
        await _course(request, f"Course {number}")
    return json_response({"made": 2})


@probes.post("/gathered", action="account:write")
async def gathered(request: Request) -> Response:
    """Makes two units of work at once."""
    await asyncio.gather(_course(request, "Left"), _course(request, "Right"))
    return json_response({"made": 2})


@probes.post("/status", action="account:write")
async def status(request: Request) -> Response:
    """Has its effect and answers with a status."""
    await _course(request, "Status")
    return json_response({"status": "as asked"}, int(request.query_params["status"]))


async def _course(request: Request, title: str) -> None:
    database = hub_of(request).database
    await database.run(in_unit, database, call_of(request), create_container, title=title)


@pytest.fixture
def extra():
    return [probes]


def titles(hub) -> list[str]:
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        return sorted(unit.session.scalars(select(Container.title)))


def kept(hub) -> list[IdempotencyKey]:
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        return list(unit.session.scalars(select(IdempotencyKey)))


def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_the_same_again_is_given_the_same_answer(hub, operator):
    first = await operator.post(COURSES, json=TIDES, headers=KEY)
    again = await operator.post(COURSES, json=TIDES, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    for name in ("etag", "content-type", "content-length", "content-security-policy"):
        assert again.headers[name] == first.headers[name]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert titles(hub) == ["Tides"]
    with hub.database.reading(system_call(EVERY_INSTITUTION)) as unit:
        topics = select(func.count()).where(OutboxEvent.topic.like("content.container%"))
        assert unit.session.scalar(topics) == 1


async def test_a_key_may_be_quoted_as_the_draft_writes_it(hub, operator):
    await operator.post(COURSES, json=TIDES, headers={"idempotency-key": "k1"})
    again = await operator.post(COURSES, json=TIDES, headers={"idempotency-key": '"k1"'})
    assert again.headers["idempotent-replayed"] == "true" and titles(hub) == ["Tides"]


async def test_another_request_with_the_key_is_refused(hub, operator):
    await operator.post(COURSES, json=TIDES, headers=KEY)
    other = await operator.post(COURSES, json={"title": "Moons"}, headers=KEY)
    assert code_of(other) == (409, "idempotency_conflict") and other.json()["cure"]
    asked = await operator.post(f"{COURSES}?a=1", json=TIDES, headers=KEY)
    assert code_of(asked) == (409, "idempotency_conflict")
    assert titles(hub) == ["Tides"]


async def test_a_key_belongs_to_its_route_and_what_that_names(hub, operator):
    made = [
        (await operator.post(COURSES, json={"title": title}, headers={})).json()["id"]
        for title in ("A", "B")
    ]
    page = {"kind": "page", "title": "P"}
    items = [await operator.post(f"{COURSES}/{id_}/items", json=page, headers=KEY) for id_ in made]
    assert [item.status_code for item in items] == [201, 201]
    assert items[0].json()["container"] != items[1].json()["container"]


async def test_without_a_key_nothing_of_it_is_done_or_imported(hub):
    app = create_app(hub)
    token = (await hub.database.run(log_in, hub, "educator", hub.institution)).token
    async with _client(app, token) as client:
        for _ in range(2):
            assert (await client.post(COURSES, json=TIDES)).status_code == 201
        assert (await client.get(COURSES, headers=KEY)).status_code == 200
    assert titles(hub) == ["Tides", "Tides"] and kept(hub) == []
    assert "idempotency" not in vars(app.edge)


async def test_what_failed_before_its_effect_may_be_tried_again(hub, operator):
    refused = await operator.post(COURSES, json={"titel": "Tides"}, headers=KEY)
    assert refused.status_code == 422 and kept(hub) == []
    assert (await operator.post(COURSES, json=TIDES, headers=KEY)).status_code == 201
    id_ = (await operator.get(COURSES)).json()["items"][0]["id"]
    moons, path = {"title": "Moons"}, f"{COURSES}/{id_}"
    stale = await operator.patch(path, json=moons, headers=KEY | {"if-match": '"v9"'})
    assert stale.status_code == 412
    fresh = await operator.patch(path, json=moons, headers=KEY | {"if-match": '"v1"'})
    assert (fresh.status_code, fresh.headers["etag"]) == (200, '"v2"')
    # Its version has moved on by its own doing: the client who did not hear of it is not told 412.
    again = await operator.patch(path, json=moons, headers=KEY | {"if-match": '"v1"'})
    assert (again.status_code, again.headers["etag"]) == (200, '"v2"')
    gone = [await operator.delete(path, headers=KEY | {"if-match": '"v2"'}) for _ in range(2)]
    assert [(one.status_code, one.content) for one in gone] == [(204, b"")] * 2


async def test_the_same_key_of_others_is_another_key(hub, client):
    other = await asyncio.to_thread(add_institution, hub, "other")
    answers = []
    for institution in (hub.institution, hub.institution, other):
        session = await hub.database.run(log_in, hub, "educator", institution)
        bearer = {"authorization": f"Bearer {session.token}"}
        answers.append(await client.post(COURSES, json=TIDES, headers=KEY | bearer))
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 3
    assert not any("idempotent-replayed" in answer.headers for answer in answers)


async def test_guests_have_no_keys(hub, client):
    answer = await client.post("/x/nothing/here", headers=KEY)
    assert code_of(answer) == (422, "invalid")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "ä", "a\tb"])
async def test_a_key_is_short_and_printable(operator, key):
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    answer = await operator.post(COURSES, json=TIDES, headers=headers)
    assert code_of(answer) == (422, "invalid")


@pytest.mark.parametrize("how", ["cookie", "page", "no-store", "private, No-Store"])
async def test_an_answer_that_holds_a_secret_is_never_kept(hub, operator, how):
    first = await operator.post("/probe/secret", params={"how": how}, headers=KEY)
    token = first.json()["token"]
    again = await operator.post("/probe/secret", params={"how": how}, headers=KEY)
    assert code_of(again) == (409, "idempotency_answer_withheld")
    (row,) = kept(hub)
    assert (row.state, row.status, row.headers, row.body) == (KeyState.WITHHELD, None, None, None)
    assert token not in again.text
    fresh = await operator.post(
        "/probe/secret", params={"how": how}, headers={"idempotency-key": "n"}
    )
    assert fresh.json()["token"] != token


async def test_an_answer_that_is_too_long_goes_out_and_is_not_kept(hub, operator):
    first = await operator.post("/probe/long", headers=KEY)
    assert len(first.content) == edge_of_keys.KEPT_BYTES + 1
    again = await operator.post("/probe/long", headers=KEY)
    assert code_of(again) == (409, "idempotency_answer_withheld") and titles(hub) == ["Long"]


async def test_of_several_units_the_first_has_the_key(hub, operator):
    refused = await operator.post("/probe/twice?fail=1", headers=KEY)
    assert refused.status_code == 422 and kept(hub) == []
    half = await operator.post("/probe/twice?fail=2", headers=KEY)
    assert half.status_code == 422 and titles(hub) == ["Course 1"]
    again = await operator.post("/probe/twice?fail=2", headers=KEY)
    assert code_of(again) == (409, "idempotency_answer_lost") and titles(hub) == ["Course 1"]
    for _ in range(2):
        assert (await operator.post("/probe/twice", headers=KEY | {"x": "1"})).status_code == 409
    for _ in range(2):
        whole = await operator.post("/probe/twice", headers={"idempotency-key": "whole"})
        assert whole.json() == {"made": 2}
    assert titles(hub) == ["Course 1", "Course 1", "Course 2"]


async def test_units_of_one_request_at_once_are_no_twins(hub, operator):
    for _ in range(2):
        assert (await operator.post("/probe/gathered", headers=KEY)).json() == {"made": 2}
    assert titles(hub) == ["Left", "Right"]


@pytest.mark.parametrize(("given", "then"), [(404, 404), (500, 409), (503, 409)])
async def test_a_failure_after_the_effect_is_kept_only_where_it_is_an_answer(
    hub, operator, given, then
):
    path = f"/probe/status?status={given}"
    assert (await operator.post(path, headers=KEY)).status_code == given
    again = await operator.post(path, headers=KEY)
    assert again.status_code == then and titles(hub) == ["Status"]


async def test_twins_have_one_effect(hub, operator):
    answers = await asyncio.gather(
        *(operator.post(COURSES, json=TIDES, headers=KEY) for _ in range(12))
    )
    assert titles(hub) == ["Tides"]
    assert {answer.status_code for answer in answers} <= {201, 409}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in made) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "idempotency_in_progress"
            assert answer.headers["retry-after"] == "1"


async def test_a_twin_waits_a_little_and_is_then_told_to_come_again(hub, operator, monkeypatch):
    keep, committed, going_on = edge_of_keys._keep, asyncio.Event(), asyncio.Event()

    async def slow(*arguments):
        committed.set()
        await going_on.wait()
        await keep(*arguments)

    monkeypatch.setattr(edge_of_keys, "_keep", slow)
    monkeypatch.setattr(edge_of_keys, "WAIT_SECONDS", 0.2)
    first = asyncio.create_task(operator.post(COURSES, json=TIDES, headers=KEY))
    await committed.wait()
    told = await operator.post(COURSES, json=TIDES, headers=KEY)
    assert code_of(told) == (409, "idempotency_in_progress")
    assert told.headers["retry-after"] == "1"
    other = await operator.post(COURSES, json={"title": "Moons"}, headers=KEY)
    assert code_of(other) == (409, "idempotency_conflict")
    monkeypatch.setattr(edge_of_keys, "WAIT_SECONDS", 30)
    waiting = asyncio.create_task(operator.post(COURSES, json=TIDES, headers=KEY))
    await asyncio.sleep(0.1)
    going_on.set()
    assert (await waiting).content == (await first).content
    assert titles(hub) == ["Tides"]


async def test_an_answer_that_is_kept_just_after_it_was_looked_for_is_not_lost(
    hub, operator, monkeypatch
):
    keep, committed, read = edge_of_keys._keep, asyncio.Event(), asyncio.Event()

    async def slow(*arguments):
        committed.set()
        await read.wait()
        await keep(*arguments)

    monkeypatch.setattr(edge_of_keys, "_keep", slow)
    first = asyncio.create_task(operator.post(COURSES, json=TIDES, headers=KEY))
    await committed.wait()
    read_one = hub.database.read_one

    async def then_it_is_kept(statement, *arguments, **values):
        row = await read_one(statement, *arguments, **values)
        if statement is idempotency.KEY and not read.is_set() and row is not None:
            looked.append(row)
            if len(looked) == 2:  # The first look only tells that there is a key.
                read.set()
                await first
        return row

    looked = []
    monkeypatch.setattr(hub.database, "read_one", then_it_is_kept)
    twin = await operator.post(COURSES, json=TIDES, headers=KEY)
    assert (twin.status_code, twin.content) == (201, (await first).content)


async def test_where_the_answer_cant_be_kept_it_still_goes_out(hub, operator, monkeypatch):
    def refuse(*_arguments, **_values):
        raise InvalidError("no")

    monkeypatch.setattr(idempotency, "keep_answer", refuse)
    assert (await operator.post(COURSES, json=TIDES, headers=KEY)).status_code == 201
    again = await operator.post(COURSES, json=TIDES, headers=KEY)
    assert code_of(again) == (409, "idempotency_answer_lost") and titles(hub) == ["Tides"]


async def test_another_process_counts_as_at_work_for_a_minute(hub, operator, monkeypatch):
    monkeypatch.setattr(edge_of_keys, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(edge_of_keys, "this_process", lambda: "elsewhere:1:1")
    await operator.post(COURSES, json=TIDES, headers=KEY)
    monkeypatch.undo()
    monkeypatch.setattr(edge_of_keys, "WAIT_SECONDS", 0.0)
    await hub.database.run(_change, hub, state=KeyState.CLAIMED)
    told = await operator.post(COURSES, json=TIDES, headers=KEY)
    assert code_of(told) == (409, "idempotency_in_progress")
    await hub.database.run(_change, hub, created_at=utcnow() - timedelta(seconds=61))
    told = await operator.post(COURSES, json=TIDES, headers=KEY)
    assert code_of(told) == (409, "idempotency_answer_lost")


async def test_keys_are_forgotten_by_their_age(hub, operator):
    for key in ("old", "young"):
        await operator.post(COURSES, json=TIDES, headers={"idempotency-key": key})
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        oldest = select(IdempotencyKey.id).order_by(IdempotencyKey.created_at).limit(1)
        long_ago = utcnow() - timedelta(hours=25)
        unit.session.execute(
            update(IdempotencyKey)
            .where(IdempotencyKey.id == unit.session.scalar(oldest))
            .values(created_at=long_ago)
        )
    day = timedelta(hours=hub.config.value.limits.idempotency_hours)
    call = system_call(EVERY_INSTITUTION)
    assert day == timedelta(hours=24)
    assert await asyncio.to_thread(idempotency.trim, hub.database, call, day) == 1
    assert await asyncio.to_thread(idempotency.trim, hub.database, call, day) == 0
    young = await operator.post(COURSES, json=TIDES, headers={"idempotency-key": "young"})
    assert "idempotent-replayed" in young.headers
    old = await operator.post(COURSES, json=TIDES, headers={"idempotency-key": "old"})
    assert "idempotent-replayed" not in old.headers and len(titles(hub)) == 3


async def test_an_upload_is_told_by_its_bytes_and_not_by_its_boundary(hub, operator):
    id_ = (await operator.post(COURSES, json=TIDES)).json()["id"]
    path, data = f"{COURSES}/{id_}/files", b"\r\n--tides\r\n" * 200_000

    async def send(data, boundary, **options):
        form = httpx.Request(
            "POST",
            "http://x",
            files={"file": ("t.bin", io.BytesIO(data))},
            headers={"content-type": f"multipart/form-data; boundary={boundary}"},
        )
        body = form.read()

        async def pieces():
            for start in range(0, len(body), 65_521):
                yield body[start : start + 65_521]

        headers = KEY | {"content-type": form.headers["content-type"]}
        return await operator.post(path, content=pieces(), headers=headers, **options)

    first, again = await send(data, "one"), await send(data, "another-boundary")
    assert (first.status_code, again.status_code) == (201, 201), first.text
    assert again.headers["idempotent-replayed"] == "true" and again.content == first.content
    other = await send(data[:-1] + b"!", "one")
    assert code_of(other) == (409, "idempotency_conflict")
    items = (await operator.get(f"{COURSES}/{id_}/items")).json()["items"]
    assert len(items) == 1


def _change(hub, **values) -> None:
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        unit.session.execute(update(IdempotencyKey).values(**values))


def _client(app, token) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1:8080",
        headers={"authorization": f"Bearer {token}"},
    )

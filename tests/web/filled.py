"""A hub with something on every page, for those who look at all of them.

The sample course is read for concepts and answered by a learner; there are people, a group, jobs in
every state, a parked event, webhooks, keys, notes with their texts, a connection, a certificate.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pyotp
from sqlalchemy import select, update

from bloop.accounts.mfa import service as mfa
from bloop.accounts.mfa import totp
from bloop.accounts.models import User
from bloop.accounts.people import service as people
from bloop.accounts.people.invitations import invite
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.api.app import API, PAGES, create_edge, routes_of
from bloop.content.models import Container, Item
from bloop.content.notes.models import Conflict
from bloop.content.sync_models import SyncRun
from bloop.events import positions
from bloop.events.models import ParkedEvent
from bloop.graph.models import Concept
from bloop.graph.questions import parts_of
from bloop.hub import Hub
from bloop.hub.inferring import make_graph
from bloop.hub.storage.counting import count
from bloop.jobs import ledger
from bloop.jobs.models import OVER, Job
from bloop.learning.answers import Given, record
from bloop.learning.quizzes.questions import Manner, manner_of
from bloop.store.database import in_unit
from bloop.store.ids import new_id
from bloop.store.models import EVERY_INSTITUTION, OutboxEvent
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork
from bloop.web.routes import error_page
from bloop.webhooks.models import WebhookDelivery, WebhookEndpoint
from bloop_sdk import Role
from tests.web import filled_shop
from tests.web.filled_studio import fill_studio
from tests.web.filled_vitals import aside, vitals

HUB_TOML = (
    """\
[hub]
name = "Bloop"

[access]
guests = "read"

[log]
level = "error"

[plugins.cartridge]
enabled = true

[plugins.notion]
enabled = true

[plugins.markdown]
enabled = true
vaults = ["{folder}/vaults/{{institution}}"]

[plugins.studio]
enabled = true
"""
    + filled_shop.HUB_TOML
)
ANY = {"if-match": "*"}
Sent = Callable[..., Awaitable[Any]]
"""Sends method, path and body to the API as somebody; what it answers."""
URL = "http://127.0.0.1:8080"


async def fill_folder(folder: Path) -> Filled:
    """Fill the hub of a folder that has the sample course."""
    (folder / "hub.toml").write_text(HUB_TOML.format(folder=folder))
    hub = Hub.open(folder / "hub.toml", "api")
    await hub.start()
    try:
        await hub.loaded()
        return await fill(hub, folder)
    finally:
        await hub.stop()


@asynccontextmanager
async def quiet(folder: Path) -> AsyncIterator[Hub]:
    """The hub of a folder in this process, at work at nothing in the background.

    What is counted meanwhile is what a page asks for.
    """
    hub = Hub.open(folder / "hub.toml", "cli")
    await asyncio.to_thread(hub.load_plugins)
    try:
        yield hub
    finally:
        await hub.recommending.stop()
        await hub.database.close()


@dataclass
class Filled:
    """A filled hub: the ids that its pages are asked with, and a session for each role."""

    ids: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)

    def path_of(self, path: str) -> str:
        """A path of the inventory with its ids."""
        return re.sub(r"{([\w-]+)}", lambda found: self.ids[found[1]], path)


@dataclass
class Door:
    """The hub's door in this process, for whoever has logged in."""

    hub: Hub
    sessions: dict[str, str]

    @asynccontextmanager
    async def come(self, role: str | None, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client of a role, or a guest."""
        edge = create_edge(self.hub, error_page=error_page)
        edge.use(routes_of((*API, *PAGES)))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(edge), base_url=URL, headers=headers
        ) as client:
            if role is not None and "accept" in headers:
                client.cookies.set(self.hub.sessions.cookie, self.sessions[role])
            elif role is not None:
                client.headers["authorization"] = f"Bearer {self.sessions[role]}"
            yield client


async def fill(hub: Hub, folder: Path) -> Filled:
    """Fill a hub that has the sample course; ``folder`` is its own."""
    filled = Filled()
    call = system_call(hub.institution)

    async def write(step: Any) -> Any:
        return await hub.database.run(in_unit, hub.database, call, step)

    for step in (_sessions, _course, _jobs, _webhooks, _people):
        await write(lambda unit, step=step: step(unit, filled))
    await hub.database.run(in_unit, hub.database, system_call(EVERY_INSTITUTION), vitals)
    await hub.database.run(_parked, hub, filled)
    await make_graph(hub, call, filled.ids["course"], lambda *_: None)
    await write(lambda unit: _answers(unit, filled))
    door = Door(hub, filled.sessions)
    await _through_the_api(door, filled, folder)
    await fill_studio(hub, call, filled.ids)
    await _until_calm(hub)
    await write(lambda unit: _seen(unit, filled))
    await write(lambda unit: aside(unit, filled.ids["connection"]))
    await hub.database.run(count, hub)
    return filled


def _sessions(unit: UnitOfWork, filled: Filled) -> None:
    names = {"learner": "Nora Lund", "educator": "Ali Demir", "admin": "Mia Berg"}
    for role in ("learner", "educator", "admin", "operator"):
        user = User(institution_id=unit.institution, name=names.get(role, "Op"), role=role)
        unit.session.add(user)
        unit.session.flush()
        filled.ids[role] = user.id
        filled.sessions[role] = start_session(unit, user, second_factor=True).token


def _course(unit: UnitOfWork, filled: Filled) -> None:
    course = unit.session.scalars(select(Container)).one()
    filled.ids["course"] = course.id
    for kind in ("page", "quiz", "assignment", "discussion", "file", "link"):
        found = select(Item.id).where(Item.container_id == course.id, Item.kind == kind)
        one = unit.session.scalars(found.order_by(Item.id)).first()
        if one is not None:
            filled.ids[kind] = one


def _report(unit: UnitOfWork, course: str) -> dict[str, Any]:
    """What the job of an import says when it is done, of the run that brought the sample course."""
    run = unit.session.scalars(select(SyncRun)).one()
    return {
        "run": run.id,
        "connection": run.connection_id,
        "containers": [course],
        "first": True,
        "seen": 412,
        "written": 412,
        "unchanged": 0,
        "quarantined": 1,
        "deleted": 0,
        "conflicts": 0,
        "by_kind": {"page": 38, "quiz": 6, "file": 52, "assignment": 4},
        "problems": [{"ref": "quiz:q9", "code": "record_malformed", "reason": "it has no title"}],
        "gaps": [],
    }


def _jobs(unit: UnitOfWork, filled: Filled) -> None:
    """Jobs in every state; what runs is held by a machine that is not this one, so it stays."""
    now = utcnow()
    lost = {"message": "canvas.example.org does not answer", "cure": "try it again later"}
    jobs: list[dict[str, Any]] = [
        {"state": "succeeded", "result": _report(unit, filled.ids["course"])},
        {"state": "cancelled"},
        {"state": "failed", "error": lost, "progress_done": 120, "progress_total": 412},
        {"state": "waiting", "error": lost, "attempts": 2, "run_after": now + timedelta(hours=4)},
        {"state": "running", "progress_done": 1240, "progress_total": 3800},
    ]
    for number, values in enumerate(jobs):
        made = now - timedelta(minutes=3 * (len(jobs) - number))
        times = {"created_at": made, "started_at": made + timedelta(seconds=2)}
        if values["state"] in OVER:
            times["finished_at"] = made + timedelta(seconds=95)
        if values["state"] == "running":
            times["lease_until"] = now + timedelta(hours=1)
            values |= {"lease_owner": "elsewhere:1:1", "progress_message": "3. Resonance"}
        kind = "content.import" if number % 2 == 0 else "sample.sync"
        id_ = ledger.enqueue(unit, "sample.sync", {"name": "waves.imscc", "part": number})
        wanted = {"attempts": 1, "kind": kind, "turn": None} | times | values
        unit.session.execute(update(Job).where(Job.id == id_).values(wanted))
        filled.ids[f"job-{values['state']}"] = id_


def _people(unit: UnitOfWork, filled: Filled) -> None:
    """Some people and an invitation."""
    filled.ids["person"] = people.create(
        unit, name="Ada Lovelace", email="ada@example.org", role=Role.EDUCATOR
    )
    gone = people.create(unit, name="Özlem Straße", email=None, role=Role.LEARNER)
    people.remove(unit, gone, None)
    invitation = invite(unit, role=Role.LEARNER, email=None, hours=24 * 7, uses=30)
    filled.ids["invitation"] = invitation.token


def _parked(hub: Hub, filled: Filled) -> None:
    """Park an event for a consumer that is not there, with two behind it."""
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        positions.begin(unit, "bookmarks.follow_content", "bookmarks", 0)
    with hub.database.unit(system_call(hub.institution)) as unit:
        events = unit.session.scalars(select(OutboxEvent).order_by(OutboxEvent.seq).limit(3)).all()
        reason = "KeyError: 'url' (bloop_bookmarks/effects.py:31)"
        for number, event in enumerate(events):
            first = {"state": "parked", "tries": 8, "reason": reason}
            row = ParkedEvent(
                id=new_id(),
                institution_id=hub.institution,
                consumer="bookmarks.follow_content",
                seq=event.seq,
                event_id=event.id,
                topic=event.topic,
                aggregate=events[0].aggregate,
                **(first if number == 0 else {"state": "behind"}),
            )
            unit.session.add(row)
            filled.ids.setdefault("parked", row.id)


def _webhooks(unit: UnitOfWork, filled: Filled) -> None:
    """A webhook that is well and one that was given up."""
    # Nothing here tells of these, so that nothing is delivered meanwhile.
    shared = {"institution_id": unit.institution, "topics": ["files.*"], "key_id": "sample"}
    well = WebhookEndpoint(name="Data warehouse", url="https://dw.example.org/bloop", **shared)
    ill = WebhookEndpoint(
        name="Our CRM",
        url="https://crm.example.org/hooks/bloop",
        enabled=False,
        disabled_reason="no success in five days; the last: it answered 503",
        **shared,
    )
    unit.session.add_all([well, ill])
    unit.session.flush()
    filled.ids |= {"webhook": ill.id, "webhook-well": well.id}
    for number, status in enumerate((200, 200, 503)):
        good = status == 200
        delivery = WebhookDelivery(
            institution_id=unit.institution,
            endpoint_id=ill.id,
            event_id=f"sample-{number}",
            topic="content.item.updated",
            body="{}",
            state="delivered" if good else "failed",
            attempts=1 if good else 9,
            status=status,
            duration_ms=40 * (number + 1),
            reason=None if good else "it answered 503 Service Unavailable",
            tried_at=utcnow() - timedelta(hours=3 - number),
        )
        unit.session.add(delivery)


def _answers(unit: UnitOfWork, filled: Filled) -> None:
    """What a learner answered some days ago: the first half mostly right."""
    chosen = select(Item).where(Item.container_id == filled.ids["course"], Item.kind == "quiz")
    places = [
        (quiz, part)
        for quiz in unit.session.scalars(chosen)
        for part, question in zip(
            parts_of(quiz.data["questions"]), quiz.data["questions"], strict=True
        )
        if manner_of(question) is Manner.GRADED
    ]
    given = [
        Given(
            item=quiz.id,
            part=part,
            key=f"filled:{quiz.id}:{part}",
            score=float(2 * number < len(places) or number % 3 == 0),
            at=utcnow() - timedelta(days=9, minutes=len(places) - number),
        )
        for number, (quiz, part) in enumerate(places)
    ]
    record(unit, filled.ids["learner"], given)


async def _through_the_api(door: Door, filled: Filled, folder: Path) -> None:
    """What people did themselves."""
    ids, course = filled.ids, filled.ids["course"]
    vault = folder / "vaults" / door.hub.institution / "physics"
    vault.mkdir(parents=True, exist_ok=True)
    (vault / "Sound.md").write_text("# Sound\n\nA wave of pressure.\n")

    async with door.come("operator") as operator, door.come("learner") as learner:

        async def sent(who: httpx.AsyncClient, method: str, path: str, **body: Any) -> Any:
            path = path if path.startswith("/x/") else f"/api/v1{path}"
            answer = await who.request(method, path, json=body, headers=ANY)
            assert answer.status_code < 300, (path, answer.status_code, answer.text)
            return answer.json() if answer.content else None

        await _grouped(partial(sent, operator), ids)
        teacher = {"user": ids["educator"], "role": "educator"}
        await sent(operator, "POST", f"/containers/{course}/enrolments", **teacher)
        key = {"name": "Nightly export", "scopes": ["content:read"], "role": "learner"}
        ids["key"] = (await sent(operator, "POST", "/keys", **key))["id"]
        rule = {"items": [ids["page"]]}
        await sent(operator, "PUT", f"/containers/{course}/certificate-rule", **rule)
        vaults = {"plugin": "markdown", "name": "Physics", "settings": {"folder": str(vault)}}
        ids["connection"] = (await sent(operator, "POST", "/connections", **vaults))["id"]

        await sent(operator, "POST", f"/connections/{ids['connection']}/check")
        await sent(operator, "POST", f"/connections/{ids['connection']}/sync")
        await sent(operator, "PUT", "/own-connections", allowed=True)
        await sent(operator, "POST", "/audit/check")

        ids |= await _written(lambda *given, **body: sent(operator, *given, **body))
        own = {"name": "My laptop", "scopes": ["content:read"]}
        ids["own-key"] = (await sent(learner, "POST", "/account/keys", **own))["id"]
        await sent(learner, "PUT", f"/items/{ids['page']}/progress", done=True)
        await sent(learner, "PUT", f"/account/goals/container/{course}")
        given = await sent(learner, "POST", f"/containers/{course}/certificate")
        ids["certificate"] = given["code"]
        note = {"title": "Why does it echo?", "markdown": "A *wall* sends it back: $v = 2d/t$."}
        ids["note"] = (await sent(learner, "POST", f"/items/{ids['page']}/notes", **note))["id"]
        attempt = await sent(learner, "POST", f"/items/{ids['quiz']}/attempts")
        ids["attempt"] = attempt["id"]
        ids["question"] = quote(attempt["questions"][0]["part"], safe="")
        await _answered_quiz(partial(sent, operator), ids)
        await _graded(partial(sent, operator), partial(sent, learner), course)
        await _bought(partial(sent, operator), partial(sent, learner), ids)
        await _reviews(sent, learner, ids)


async def _grouped(sent: Sent, ids: dict[str, str]) -> None:
    """A group in the course, with the learner."""
    ids["group"] = (await sent("POST", "/groups", name="Class 9b"))["id"]
    members = [ids["learner"], ids["person"]]
    await sent("POST", f"/groups/{ids['group']}/members", users=members)
    await sent("POST", f"/containers/{ids['course']}/enrolments", group=ids["group"])


async def _bought(sell: Sent, buy: Sent, ids: dict[str, str]) -> None:
    """A shop, and what was bought in it."""

    async def seller(method: str, path: str, **body: Any) -> Any:
        return await sell(method, f"/x/commerce{path}", **body)

    async def buyer(method: str, path: str, **body: Any) -> Any:
        return await buy(method, f"/x/commerce{path}", **body)

    await filled_shop.fill_shop(seller, buyer, ids)


async def _answered_quiz(sent: Sent, ids: dict[str, str]) -> None:
    """A draft, and a quiz that somebody took, with an essay that waits to be graded."""
    draft = {"kind": "quiz", "title": "How loud is it?"}
    ids["quiz-draft"] = (await sent("POST", f"/containers/{ids['course']}/items", **draft))["id"]
    essay = {
        "kind": "essay",
        "html": "Why does it echo in a church after \\(t = \\frac{2d}{v}\\)?",
        "points": 4,
    }
    quiz = await sent("GET", f"/quizzes/{ids['quiz']}")
    await sent("PATCH", f"/quizzes/{ids['quiz']}", questions=[*quiz["questions"], essay])
    taken = await sent("POST", f"/items/{ids['quiz']}/attempts")
    ids["attempt-answered"] = taken["id"]
    for one in taken["questions"]:
        if given := _given(one):
            await sent("PUT", f"/attempts/{taken['id']}/answers/{one['place']}", answer=given)


async def _graded(teach: Sent, learn: Sent, course: str) -> None:
    """An essay that the learner wrote and somebody graded."""
    quiz = await teach("POST", f"/containers/{course}/items", kind="quiz", title="Echoes, in words")
    essay = {"kind": "essay", "html": "Why is a bathroom loud?", "points": 4}
    await teach("PATCH", f"/quizzes/{quiz['id']}", questions=[essay])
    await teach("POST", f"/quizzes/{quiz['id']}/publish")
    taken = await learn("POST", f"/items/{quiz['id']}/attempts")
    await learn("PUT", f"/attempts/{taken['id']}/answers/1", answer="Its tiles throw sound back.")
    words = "Good. Say also *how often* it comes back."
    path = f"/quizzes/{quiz['id']}/attempts/{taken['id']}/answers/1/grade"
    await teach("PUT", path, points=3, feedback=words)


def _given(question: dict[str, Any]) -> Any:
    """Some answer to a question, right or not."""
    if question["kind"] in {"choice", "true_false"}:
        return question["choices"][0]["id"]
    if question["kind"] == "multiple":
        return [question["choices"][0]["id"]]
    texts = {
        "blank": "echo",
        "numeric": "340",
        "essay": "Its walls are far away and hard.\n\nEach throws back a part of the wave.",
    }
    return texts.get(question["kind"])


async def _reviews(sent: Any, learner: httpx.AsyncClient, ids: dict[str, str]) -> None:
    """Where the learner was, and two questions that they answered again."""
    for name in ("page", "assignment"):
        await sent(learner, "PUT", f"/items/{ids[name]}/opened")
    path = "/api/v1/account/reviews"
    due = (await learner.get(path)).json()["questions"]
    for one in [one for one in due if one["question"]["kind"] == "choice"][:2]:
        told = {name: one[name] for name in ("key", "version", "item", "part")}
        told["answer"] = one["question"]["choices"][0]["id"]
        ids["review"] = (await sent(learner, "POST", "/account/reviews/answers", **told))["id"]
    ids["review-key"] = (await learner.get(path)).json()["questions"][0]["key"]


async def _written(sent: Any) -> dict[str, str]:
    """A course that is written here: a published page with a draft, a new one, one in the bin."""
    made = await sent("POST", "/containers", title="Acids and bases", language="en")
    here = f"/containers/{made['id']}"
    week = await sent("POST", f"{here}/nodes", title="Week 1: what pH measures")
    pages, places = [], []
    for title in ("What pH measures", "A red cabbage in the kitchen", "Titration"):
        text = f"# {title}\n\nThe pH is $-\\log[H^+]$: one step is a factor of ten."
        item = await sent("POST", f"{here}/items", kind="page", title=title, markdown=text)
        place = {"title": title, "item": item["id"], "parent": week["id"]}
        places.append((await sent("POST", f"{here}/nodes", **place))["id"])
        pages.append(item["id"])
    await sent("POST", f"/items/{pages[0]}/publish")
    draft = "# What pH measures\n\nThe pH is $-\\log[H^+]$: one step is a factor of 10.\n\nNew."
    await sent("PUT", f"/items/{pages[0]}/draft", markdown=draft)
    await sent("DELETE", f"/nodes/{places[2]}")
    return {"written": made["id"], "written-page": pages[0], "written-node": places[1]}


def _seen(unit: UnitOfWork, filled: Filled) -> None:
    """What else there is to be asked for: of what was read, and of second factors."""
    note = unit.session.scalars(select(Item).where(Item.title == "Sound")).one()
    conflict = Conflict(
        institution_id=unit.institution,
        connection_id=filled.ids["connection"],
        container_id=note.container_id,
        item_id=note.id,
        title="Sound",
        how="edited",
        actor=f"user:{filled.ids['educator']}",
    )
    unit.session.add(conflict)
    unit.session.flush()
    filled.ids |= {"note-connected": note.id, "conflict": conflict.id}
    work = unit.session.get_one(Item, (unit.institution, filled.ids["assignment"]))
    work.data = work.data | {"due_at": (utcnow() + timedelta(days=4)).isoformat()}
    mfa.begin_totp(unit, filled.ids["learner"], "Bloop")
    begun = totp.enrol(unit, unit.get(User, filled.ids["educator"]), "Bloop")
    unit.session.flush()
    assert totp.confirm(unit, filled.ids["educator"], pyotp.TOTP(begun.key).now()) is None
    filled.ids["institution"] = unit.institution
    known = select(Concept.id).where(Concept.into_id.is_(None)).order_by(Concept.confidence.desc())
    filled.ids["concept"] = unit.session.scalars(known.limit(1)).one()


async def _until_calm(hub: Hub) -> None:
    """Wait until what was asked for is done; what another machine runs stays."""
    call = system_call(hub.institution)

    def busy(unit: UnitOfWork) -> int:
        # A refund has a job that looks after it a minute later, whoever has done it.
        left = ("sample.sync", "content.import", "commerce.refund")
        open_ = Job.state.not_in(sorted(OVER)) & Job.kind.not_in(left)
        return len(unit.session.scalars(select(Job.id).where(open_)).all())

    async with asyncio.timeout(60):
        while await hub.database.run(in_unit, hub.database, call, busy):  # noqa: ASYNC110 - rows
            await asyncio.sleep(0.05)

"""The pages of who teaches a course, each beside its API."""

from __future__ import annotations

import csv
import io
import re
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from bloop.accounts.models import User
from bloop.accounts.people import groups
from bloop.accounts.service import start_session
from bloop.accounts.sessions import system_call
from bloop.content import service as content
from bloop.content.enrolling.service import enrol
from bloop.content.models import Item
from bloop.graph.service import add_concept, cover, link
from bloop.hub import Hub
from bloop.learning.answers import Given, record
from bloop.learning.progress.models import ItemProgress
from bloop.learning.quizzes.models import FINISHED, Attempt, QuizVersion
from bloop.store.ids import new_id
from bloop.store.types import utcnow
from bloop.web import plots

ESSAY = {
    "id": "why",
    "title": "",
    "kind": "essay",
    "html": "<p>Why?</p>",
    "choices": [],
    "points": 1.0,
}
HOSTILE = "<script>alert(1)</script>\x00" + "9" * 500


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def unit(hub):
    @contextmanager
    def opened():
        with hub.database.unit(system_call(hub.institution)) as unit:
            yield unit

    return opened


def add_user(unit, name, role="learner"):
    user = User(institution_id=unit.institution, name=name, role=role)
    unit.session.add(user)
    unit.session.flush()
    return user


def done(unit, user, course, item, days=0):
    at = utcnow() - timedelta(days=days)
    key = {"institution_id": unit.institution, "user_id": user, "item_id": item}
    unit.session.add(ItemProgress(**key, container_id=course, opened_at=at, done_at=at))


def fail(unit, user, quiz, times):
    for number in range(1, times + 1):
        key = {"institution_id": unit.institution, "user_id": user, "item_id": quiz}
        unit.session.add(
            Attempt(**key, hash="h", number=number, status=FINISHED, score=0.2, points=1)
        )


@pytest.fixture
async def group(hub, unit):
    """A course, what it covers, and its people: far, stuck at a quiz, long away, and not begun."""
    made = SimpleNamespace()
    with unit() as u:
        made.course = content.create_container(u, title="Chemistry", published=True).id
        made.other = content.create_container(u, title="Physics", published=True).id
        for name, kind in (("salts", "page"), ("bases", "page"), ("quiz", "quiz")):
            data = {"questions": [ESSAY]} if kind == "quiz" else {}
            item = content.create_item(
                u, made.course, kind=kind, title=name.title(), data=data, html="<p>x</p>"
            )
            content.publish(u, Item, item.id, None, lambda *_: None)
            setattr(made, name, item.id)
        made.salt, made.base = add_concept(u, "Salt"), add_concept(u, "Base")
        link(u, made.salt, made.base)
        cover(u, made.salts, made.salt, "teaches")
        cover(u, made.bases, made.base, "teaches")
        cover(u, made.quiz, made.salt, "assesses")
        u.session.add(
            QuizVersion(institution_id=u.institution, item_id=made.quiz, hash="h", data={})
        )
        names = {"ada": "Ada", "bob": "Bob", "cy": "Cy", "dee": "=cmd|' /C calc'!A0"}
        for key, name in names.items():
            setattr(made, key, add_user(u, name).id)
            enrol(u, made.course, user=getattr(made, key), role="learner")
        ed = add_user(u, "Ed")
        enrol(u, made.course, user=ed.id, role="educator")
        made.ed, made.token = ed.id, start_session(u, ed).token
        for item in (made.salts, made.bases, made.quiz):
            done(u, made.ada, made.course, item)
        fail(u, made.bob, made.quiz, 3)
        done(u, made.cy, made.course, made.salts, days=20)
        made.club = groups.create(u, name="Club")
        groups.add(u, made.club, [made.ada, made.bob])
    at = utcnow()
    with unit() as u:
        right = [Given(item=made.quiz, key=new_id(), score=1.0, at=at) for _ in range(4)]
        record(u, made.ada, right)
        wrong = [Given(item=made.quiz, key=new_id(), score=0.0, at=at) for _ in range(4)]
        record(u, made.bob, wrong)
    return made


@pytest.fixture
async def ed(hub, visit, group):
    """Who teaches the course, and is a learner in the institution."""
    client = await visit()
    client.cookies.set(hub.sessions.cookie, group.token, domain="127.0.0.1", path="/")
    return client


async def api(client, path, **options):
    answer = await client.get(f"/api/v1{path}", headers={"accept": "application/json"}, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def send(client, path, page, **fields):
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]
    return await client.post(path, data={"csrf": csrf} | fields)


async def text_of(client, path):
    shown = await client.get(path)
    assert shown.status_code == 200, shown.text
    return shown.text


async def test_who_teaches_sees_how_far_each_learner_is_as_the_api_tells_it(ed, visit, group):
    here, of_api = f"/courses/{group.course}/progress", f"/containers/{group.course}/learners"
    told = await api(ed, of_api)
    assert (told["learners"], told["lessons"], told["finished"], told["stuck"]) == (4, 3, 1, 2)
    by_id = {one["id"]: one for one in told["items"]}
    assert group.ed not in by_id, "who teaches learns not in it"
    ada, bob, cy, dee = (by_id[one] for one in (group.ada, group.bob, group.cy, group.dee))
    assert (ada["done"], ada["known"], ada["asked"], ada["stuck"]) == (3, 1, 1, None)
    assert bob["stuck"] == {"kind": "tries", "item": group.quiz, "title": "Quiz", "tries": 3}
    assert (cy["stuck"]["kind"], dee["stuck"], dee["seen_at"]) == ("away", None, None)
    spread = (await api(ed, f"/containers/{group.course}/mastery"))["items"]
    assert [(one["name"], one["known"], one["weak"], one["silent"]) for one in spread] == [
        ("Base", 0, 0, 4),
        ("Salt", 1, 1, 2),
    ]

    shown = await text_of(ed, here)
    assert f'href="{here}"' in (await ed.get(f"/courses/{group.course}")).text
    assert "4 learners: 1 done with all, 1 under way, 2 not begun." in shown
    assert "3 tries at Quiz, none passed" in shown and "2 lessons left" in shown
    assert "1 know it · 1 weak · 2 without an answer" in shown
    for one in told["items"]:
        assert f"{one['done']} of 3" in shown and f"{one['known']} of 2" in shown
    assert "style=" not in shown and "<script" not in shown

    order = (await api(ed, of_api, params={"sort": "-done"}))["items"]
    assert [one["id"] for one in order[:2]] == [group.ada, group.cy]
    page = (await ed.get(here, params={"sort": "-done"})).text
    table = page[page.index("<tbody>") :]
    assert table.index("Ada") < table.index("Cy") < table.index("Bob")
    assert 'aria-sort="descending"' in page
    stuck = (await ed.get(here, params={"only": "stuck"})).text
    assert "Ada" not in stuck[stuck.index("<tbody>") :]
    rest = await api(ed, of_api, params={"limit": 3})
    last = await api(ed, of_api, params={"limit": 3, "cursor": rest["next"]})
    assert (len(rest["items"]), len(last["items"]), last["next"]) == (3, 1, None)
    for query in ({"sort": HOSTILE}, {"only": "x"}, {"cursor": "bm9ib2R5"}):
        bad = await ed.get(f"/api/v1{of_api}", params=query)
        assert bad.status_code == 422
        assert (await ed.get(here, params=query)).status_code == 200

    await its_csv_is_safe(ed, of_api, told)
    await only_who_teaches_it_sees_it(ed, visit, group)


async def its_csv_is_safe(ed, of_api, told):
    table = await ed.get(f"/api/v1{of_api}.csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["id"] for row in rows] == [one["id"] for one in told["items"]]
    assert rows[0]["name"].startswith("'="), "no spreadsheet takes it for a formula"
    assert rows[2]["stuck_at"] == "Quiz"


async def only_who_teaches_it_sees_it(ed, visit, group):
    here, learner = f"/courses/{group.course}/progress", await visit("learner")
    for path in ("progress", "gaps", "recommendations", "certificate"):
        assert (await learner.get(f"/courses/{group.course}/{path}")).status_code == 403
        assert (await ed.get(f"/courses/{group.other}/{path}")).status_code == 403
    assert here not in (await learner.get(f"/courses/{group.course}")).text
    empty = await (await visit("educator")).get(f"/courses/{group.other}/progress")
    assert "Nobody learns here yet" in empty.text


async def test_gaps_are_counted_with_what_would_help_most(ed, visit, group):
    told = await api(ed, "/graph/gaps", params={"goal": group.base, "container": group.course})
    assert told["learners"] == 4
    counts = {one["name"]: (one["lacking"], one["ready"]) for one in told["items"]}
    assert counts == {"Base": (4, 1), "Salt": (3, 3)}
    assert [one["title"] for one in told["items"][1]["lessons"]] == ["Salts"]
    here = f"/courses/{group.course}/gaps"
    shown = await text_of(ed, f"{here}?goal=base")
    assert "4 of 4 lack it · 1 could learn it next" in shown
    assert "For 3 of 4 it is the next step" in shown
    assert shown.index("For 3 of 4") < shown.index("For 1 of 4")
    assert f'href="/lessons/{group.salts}"' in shown
    wrong = await ed.get(here, params={"goal": HOSTILE})
    assert wrong.status_code == 200 and "There is no concept of this name." in wrong.text
    assert "&lt;script&gt;alert(1)" in wrong.text and "<script" not in wrong.text
    assert (await ed.get("/api/v1/graph/gaps", params={"goal": group.base})).status_code == 403
    other = {"goal": group.base, "container": group.other}
    assert (await ed.get("/api/v1/graph/gaps", params=other)).status_code == 403

    teacher = await visit("educator")
    of_group = f"/people/groups/{group.club}/gaps"
    assert of_group in (await teacher.get("/people/groups")).text
    told = await api(teacher, "/graph/gaps", params={"goal": group.base, "group": group.club})
    shown = await text_of(teacher, f"{of_group}?goal={group.base}")
    for one in told["items"]:
        assert f"{one['lacking']} of 2 lack it" in shown
        assert not one["ready"] or f"{one['ready']} could learn it next" in shown
    assert (await teacher.get("/people/groups/none/gaps")).status_code == 404
    nobody = await teacher.get("/api/v1/graph/gaps", params={"goal": group.base, "group": "none"})
    assert nobody.status_code == 404


async def test_recommendations_are_overruled_undone_and_previewed(ed, group):
    here = f"/courses/{group.course}/recommendations"
    of_api = f"/containers/{group.course}/recommendations"
    empty = await ed.get(here)
    assert "Nothing is overruled in this course." in empty.text
    pinned = await send(ed, here, empty, item=group.bases, act="pin", user=group.dee)
    assert pinned.status_code == 303
    [rule] = (await api(ed, of_api))["items"]
    assert (rule["item"], rule["act"], rule["by"]) == (group.bases, "pin", "Ed")
    shown = await ed.get(pinned.headers["location"])
    assert "Ed, " in shown.text and "pinned" in shown.text
    told = await api(ed, f"{of_api}/preview", params={"user": group.dee})
    assert told["items"][0]["item"] == group.bases
    assert told["items"][0]["reason"]["text"] in shown.text
    placed = await send(ed, here, shown, item=group.bases, act="order", position="7")
    after = await ed.get(placed.headers["location"])
    assert "at place 7" in after.text
    back = re.search(r'name="act" value="pin"><input[^>]+value="0"', after.text)
    assert back, "undo says again what was said before"
    await send(ed, here, after, item=group.bases, act="pin", position="0")
    assert (await api(ed, of_api))["items"][0]["act"] == "pin"
    for _ in range(2):
        assert (await send(ed, here, after, item=group.bases, act="none")).status_code == 303
    assert (await api(ed, of_api))["items"] == []
    for fields, field in (
        ({"item": HOSTILE, "act": "pin"}, "item"),
        ({"item": group.bases, "act": HOSTILE}, "act"),
        ({"item": group.bases, "act": "order", "position": HOSTILE}, "position"),
        ({"item": group.bases, "act": "hide", "concept": "gone"}, "concept"),
    ):
        wrong = await send(ed, here, after, **fields)
        assert (wrong.status_code, f'id="wrong-{field}"' in wrong.text) == (422, True), fields
        assert "<script" not in wrong.text
    assert (await api(ed, of_api))["items"] == []
    stranger = f"/api/v1{of_api}/preview?user={group.ed}"
    assert (await ed.get(stranger)).status_code == 404, "who teaches learns not in it"


async def test_a_rule_of_certificates_is_tried_saved_changed_and_ended(hub, ed, visit, group):
    here, acts = f"/courses/{group.course}/certificate", f"/courses/{group.course}/certificate-rule"
    of_api = f"/containers/{group.course}/certificate-rule"
    empty = await ed.get(here)
    assert "This course gives no certificate." in empty.text
    rule = {"which": "some", "item": group.salts, "average": "", "version": "0"}
    tried = await send(ed, acts, empty, do="try", **rule)
    assert "2 of 4 learners would get it now" in tried.text
    headers = {"x-csrf-token": (await api(ed, "/account"))["csrf_token"]}
    asked = {"items": [group.salts], "average": 0.0}
    told = (await ed.post(f"/api/v1{of_api}/dry-run", json=asked, headers=headers)).json()
    assert (told["met"], told["learners"]) == (2, 4)
    assert [one["user"] for one in told["items"][:2]] == [group.ada, group.cy]
    assert (await ed.get(f"/api/v1{of_api}")).status_code == 404, "trying saves nothing"
    await what_is_wrong_is_told_at_its_field(ed, acts, empty, rule)
    saved = await send(ed, acts, empty, do="save", **(rule | {"average": "57,5 %"}))
    assert saved.status_code == 303
    assert await api(ed, of_api) == {
        "container": group.course,
        "items": [group.salts],
        "average": 0.575,
        "row_version": 1,
    }
    stale = await send(ed, acts, empty, do="save", **rule)
    assert stale.status_code == 409 and "Somebody else changed this" in stale.text
    await send(ed, acts, empty, do="save", **(rule | {"which": "all", "version": "1"}))

    with hub.database.unit(system_call(hub.institution)) as unit:
        token = start_session(unit, unit.get(User, group.ada)).token
    ada = await visit()
    ada.cookies.set(hub.sessions.cookie, token, domain="127.0.0.1", path="/")
    page = await ada.get(f"/courses/{group.course}")
    assert (await send(ada, here, page)).status_code == 303
    earned = (await api(ed, f"/containers/{group.course}/certificates"))["items"]
    assert [(one["user"], one["name"]) for one in earned] == [(group.ada, "Ada")]
    shown = await text_of(ed, here)
    assert earned[0]["number"] in shown and "Whoever has done all lessons gets it." in shown
    teacher = await visit("educator")
    [listed] = (await api(teacher, "/certificate-rules"))["items"]
    assert (listed["title"], listed["earned"]) == ("Chemistry", 1)
    assert "1 earned" in await text_of(teacher, "/certificate-rules")
    assert (await ed.get("/certificate-rules")).status_code == 403

    for _ in range(2):
        ended = await send(ed, f"{acts}/end", empty)
        assert ended.status_code == 303
    shown = (await ed.get(ended.headers["location"])).text
    assert "Those that were given stay." in shown and earned[0]["number"] in shown


async def what_is_wrong_is_told_at_its_field(ed, acts, empty, rule):
    for fields in ({"average": HOSTILE}, {"average": "nan"}, {"average": "-1"}, {"average": "1e9"}):
        wrong = await send(ed, acts, empty, do="save", **(rule | fields))
        assert (wrong.status_code, 'id="wrong-average"' in wrong.text) == (422, True), fields
        assert f'value="{rule["item"]}" checked' in wrong.text, "what was ticked stays so"
    wrong = await send(ed, acts, empty, do="save", which="some", version="0")
    assert "Tick one lesson at least." in wrong.text
    wrong = await send(ed, acts, empty, do="save", which="all", average="70", version=HOSTILE)
    assert wrong.status_code == 409 or "id=" in wrong.text


def test_plots_add_up_and_take_anything():
    bar = plots.stacked({"known": 1, "unsure": 0, "silent": 3})
    assert [(one.tone, one.x, one.width) for one in bar] == [
        ("known", 0.0, 25.0),
        ("silent", 25.0, 75.0),
    ]
    assert plots.stacked({"known": 0}) == plots.columns([]) == []
    high = plots.columns([0, 4, 2])
    assert [one.height for one in high] == [1.0, 24.0, 12.0]
    assert all(one.y + one.height == plots.HEIGHT for one in high)
    assert plots.tenths([0.0, 0.05, 0.95, 1.0]) == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]

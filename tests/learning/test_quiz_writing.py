"""Writing a quiz over pages that need no script, and over the API: the same commands."""

from __future__ import annotations

import re
from html import unescape

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Item
from bloop.hub import Hub
from tests.learning import quizzes as q

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)

API = {"accept": "application/json"}


@pytest.fixture
async def hub(hub_toml):
    hub = Hub.open(hub_toml, "api")
    await hub.database.run(hub.tables.prepare)
    with hub.database.unit(system_call(hub.institution)) as unit:
        hub.course = service.create_container(unit, title="Chemistry", published=True).id
    yield hub
    await hub.database.close()


def fields_of(page, form=0):
    """What a browser would send of a form, untouched."""
    forms = re.findall(r"<form class=\"fields.*?</form>", page, re.DOTALL)
    found = {}
    for tag in re.findall(r"<input [^>]*>", forms[form]):
        name = re.search(r' name="([^"]*)"', tag)
        value = re.search(r' value="([^"]*)"', tag)
        if name and (
            ('type="checkbox"' not in tag and 'type="radio"' not in tag) or " checked" in tag
        ):
            found[name[1]] = unescape(value[1] if value else "on")
    for name, text in re.findall(
        r'<textarea [^>]*name="([^"]+)"[^>]*>\n(.*?)</textarea>', forms[form], re.DOTALL
    ):
        found[name] = unescape(text)
    for name, options in re.findall(
        r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', forms[form], re.DOTALL
    ):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(
            r'value="([^"]*)"', options
        )
        found[name] = unescape(chosen[1])
    return found


async def post(browser, path, page, **fields):
    """Send a form with the tokens that its page holds."""
    shown = (await browser.get(page)).text
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', shown)
    version = re.findall(r'name="version" value="([^"]+)"', shown)
    given = {"csrf": token, **({"version": version[0]} if version else {}), **fields}
    return await browser.post(path, data=given)


async def written(browser, quiz, kind, **fields):
    """Write a question by its form."""
    page = f"/quizzes/{quiz}/question?kind={kind}"
    given = fields_of((await browser.get(page)).text)
    return await browser.post(f"/quizzes/{quiz}/question", data={**given, **fields})


async def questions_of(browser, quiz):
    return (await browser.get(f"/api/v1/quizzes/{quiz}", headers=API)).json()


async def test_a_quiz_is_written_published_and_taken(hub, visit):
    educator, learner = await visit("educator"), await visit("learner")
    made = await post(educator, f"/courses/{hub.course}/quizzes", f"/courses/{hub.course}")
    edit = made.headers["location"]
    quiz = edit.split("/")[2]
    assert "There is no question yet" in (await educator.get(edit)).text
    early = await post(educator, f"/quizzes/{quiz}/publish", edit, do="show")
    assert early.status_code == 422
    assert "no question that can be answered" in early.text

    settings = fields_of((await educator.get(edit)).text)
    saved = await educator.post(
        edit,
        data=settings
        | {
            "title": "Salts",
            "markdown": "Mind $x_1$.",
            "attempts": "2",
            "pass_mark": "75",
            "due_at": "2030-01-31T18:00",
        },
    )
    assert saved.status_code == 303, saved.text
    for kind, fields in (
        (
            "choice",
            {"html": "Which is *salt*?", "c1_text": "NaCl", "c1_weight": "100", "c2_text": "KCl"},
        ),
        ("multiple", {"html": "Primes", "c1_text": "2", "c1_weight": "100", "c2_text": "4"}),
        ("true_false", {"html": "Is $2^2 = 4$?", "right": "2"}),
        ("blank", {"html": "A dish", "c1_text": "a*b*c", "c2_text": "Chips", "c2_weight": "50"}),
        ("numeric", {"html": "How much?", "c1_text": "0,3", "c1_tolerance": "0.1"}),
        (
            "matching",
            {"html": "Capitals", "c1_group": "France", "c1_text": "Paris", "c2_text": "Oslo"},
        ),
        ("blanks", {"html": "A [c] thing", "c1_group": "c", "c1_text": "red"}),
        ("essay", {"html": "Why?", "points": "4"}),
    ):
        answer = await written(educator, quiz, kind, **fields)
        assert answer.status_code == 303, (kind, answer.text)
    stored = await questions_of(educator, quiz)
    assert stored["problems"] == []
    assert (stored["pass_mark"], stored["points"], stored["attempts"]) == (0.75, 11.0, 2)
    assert stored["html"] == '<p>Mind <span class="math">\\(x_1\\)</span>.</p>\n'
    by_kind = {one["kind"]: one for one in stored["questions"]}
    assert by_kind["choice"]["html"] == "Which is <em>salt</em>?"
    assert [one["weight"] for one in by_kind["true_false"]["choices"]] == [0.0, 100.0]
    assert by_kind["blank"]["choices"][0]["html"] == "a*b*c"
    [number] = by_kind["numeric"]["choices"]
    assert (number["low"], number["high"]) == (0.2, 0.4)

    assert (await learner.get(f"/lessons/{quiz}")).status_code == 404
    assert (await learner.get(edit)).status_code == 403
    shown = await post(educator, f"/quizzes/{quiz}/publish", edit, do="show")
    assert shown.status_code == 303
    assert 'id="take"' in (await learner.get(f"/lessons/{quiz}")).text


@pytest.fixture
def quiz(hub):
    """A published quiz of all kinds."""
    questions = [q.CHOICE, q.MULTIPLE, q.MATCHING, q.BLANKS, q.NUMERIC, q.FORMULA, q.ESSAY]
    with hub.database.unit(system_call(hub.institution)) as unit:
        data = {"questions": questions}
        item = service.create_item(unit, hub.course, kind="quiz", title="Salts", data=data)
        service.publish(unit, Item, item.id, None, lambda *_: None)
        return item.id


async def test_a_form_that_nobody_touched_changes_nothing(hub, quiz, visit):
    educator = await visit("educator")
    before = await questions_of(educator, quiz)
    for one in before["questions"]:
        if one["kind"] == "formula":
            assert (
                await educator.get(f"/quizzes/{quiz}/question?part={one['id']}")
            ).status_code == 404
            continue
        form = fields_of((await educator.get(f"/quizzes/{quiz}/question?part={one['id']}")).text)
        assert (await educator.post(f"/quizzes/{quiz}/question", data=form)).status_code == 303
    settings = fields_of((await educator.get(f"/quizzes/{quiz}/edit")).text)
    assert (await educator.post(f"/quizzes/{quiz}/edit", data=settings)).status_code == 303
    after = await questions_of(educator, quiz)
    assert after["questions"] == before["questions"]

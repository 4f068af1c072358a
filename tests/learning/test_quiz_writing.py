"""Writing a quiz over pages that need no script, and over the API: the same commands."""

from __future__ import annotations

import re
from html import unescape

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.enrolling.service import enrol
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
    questions = [q.CHOICE, q.BLANK, q.MATCHING, q.BLANKS, q.NUMERIC, q.FORMULA, q.ESSAY]
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


async def test_two_tabs_are_told_of_each_other_and_keep_what_was_typed(hub, quiz, visit):
    educator = await visit("educator")
    page = f"/quizzes/{quiz}/question?part=salt"
    first, other = [fields_of((await educator.get(page)).text) for _ in "ab"]
    beside = fields_of((await educator.get(f"/quizzes/{quiz}/question?part=dish")).text)
    path = f"/quizzes/{quiz}/question"
    assert (await educator.post(path, data=first | {"html": "Which is it?"})).status_code == 303
    # Another question is another matter.
    assert (await educator.post(path, data=beside | {"html": "A meal"})).status_code == 303
    late = await educator.post(path, data=other | {"html": "Mine <i>too</i>"})
    assert late.status_code == 409
    assert "Somebody has changed this question" in late.text
    assert "Which is it?" in late.text
    again = fields_of(late.text)
    assert again["html"] == "Mine <i>too</i>"
    assert (await educator.post(path, data=again)).status_code == 303
    assert (await questions_of(educator, quiz))["questions"][0]["html"] == "Mine <i>too</i>"

    edit = f"/quizzes/{quiz}/edit"
    stale = re.findall(r'name="version" value="([^"]+)"', (await educator.get(edit)).text)[0]
    gone = fields_of((await educator.get(page)).text)
    arrange = f"/quizzes/{quiz}/questions"
    assert (await post(educator, arrange, edit, part="salt", do="down")).status_code == 303
    assert (
        await post(educator, arrange, edit, part="salt", do="down", version=stale)
    ).status_code == 409
    deleted = await post(educator, arrange, edit, part="salt", do="delete")
    assert "Undo" in (await educator.get(deleted.headers["location"])).text
    lost = await educator.post(path, data=gone | {"html": "Not lost"})
    assert lost.status_code == 409
    assert "saving adds it as a new one" in lost.text
    assert (await educator.post(path, data=fields_of(lost.text))).status_code == 303
    found = [one["html"] for one in (await questions_of(educator, quiz))["questions"]]
    assert found.count("Not lost") == 1
    assert "Mine <i>too</i>" not in found
    assert (await post(educator, f"/quizzes/{quiz}/undo", edit)).status_code == 303
    assert len((await questions_of(educator, quiz))["questions"]) == len(found) - 1


async def test_what_is_wrong_is_named_and_nothing_typed_is_lost(hub, quiz, visit):
    educator = await visit("educator")
    bad = await written(educator, quiz, "numeric", html="How much?", c1_text="1,000", points="x")
    assert bad.status_code == 422
    assert "This is no number." in bad.text
    bad = await written(educator, quiz, "numeric", html="How much?", c1_text="1,000")
    assert (bad.status_code, fields_of(bad.text)["c1_text"]) == (422, "1,000")
    assert "can be read in two ways" in bad.text
    none = await written(educator, quiz, "choice", html="Which?", c1_text="A", c2_text="B")
    assert none.status_code == 422
    assert "Question 8 has no right answer" in none.text
    assert fields_of(none.text)["c2_text"] == "B"
    more = await written(educator, quiz, "choice", html="Which?", c1_text="A", more="1")
    assert 'name="c7_text"' in more.text
    assert fields_of(more.text)["c1_text"] == "A"
    settings = fields_of((await educator.get(f"/quizzes/{quiz}/edit")).text)
    for name, value in (
        ("attempts", "0"),
        ("attempts", "1.5"),
        ("pass_mark", "110"),
        ("title", ""),
    ):
        bad = await educator.post(f"/quizzes/{quiz}/edit", data=settings | {name: value})
        assert bad.status_code == 422, name
        assert fields_of(bad.text)[name] == value
    now = await questions_of(educator, quiz)
    assert len(now["questions"]) == 7
    token = re.findall(r'name="csrf" value="([^"]+)"', bad.text)[0]
    headers = {**API, "x-csrf-token": token, "if-match": f'"v{now["row_version"]}"'}
    broken = [{**now["questions"][0], "choices": []}]
    api = f"/api/v1/quizzes/{quiz}"
    refused = await educator.patch(api, json={"questions": broken}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "incomplete")
    assert "Question 1 has no right answer" in refused.text
    stale = headers | {"if-match": '"v1"'}
    assert (await educator.patch(api, json={"title": "x"}, headers=stale)).status_code == 412
    taken = await educator.patch(api, json={"shuffle": True}, headers=headers)
    assert (taken.status_code, taken.json()["shuffle"]) == (200, True)
    assert taken.json()["questions"] == now["questions"]


async def test_a_preview_grades_as_an_attempt_and_keeps_nothing(hub, quiz, visit):
    educator, learner = await visit("educator"), await visit("learner")
    page = f"/quizzes/{quiz}/preview"
    assert (await learner.get(page)).status_code == 403
    assert "Nothing that you answer here is kept" in (await educator.get(page)).text
    told = await post(educator, f"{page}/questions/1", page, answer="a")
    assert told.status_code == 200
    assert 'class="verdict right"' in told.text
    assert (await post(educator, f"{page}/questions/1", page, answer="")).status_code == 422
    assert (await educator.get(f"/api/v1/items/{quiz}/attempts", headers=API)).json()["items"] == []
    assert (await educator.get(f"{page}/questions/1/text")).status_code == 200


async def test_an_essay_is_graded_on_its_page_and_the_learner_reads_it(hub, quiz, visit):
    educator, learner, other = [await visit(one) for one in ("educator", "learner", "learner")]
    begun = await post(learner, f"/lessons/{quiz}/attempts", f"/lessons/{quiz}")
    attempt = begun.headers["location"]
    await post(learner, f"{attempt}/questions/1", attempt, answer="c")
    sent = await post(learner, f"{attempt}/questions/7", attempt, answer="Long <b>ago</b>")
    assert sent.status_code == 303
    page = f"/quizzes/{quiz}/answers"
    listed = (await educator.get(page)).text
    assert "1 answer to grade" in listed
    assert "H2O" in listed
    assert "0% had it right" in listed
    [seen] = re.findall(rf'href="({page}/[^"]+)"', listed)
    for stranger in (learner, other):
        for path in (page, seen):
            assert (await stranger.get(path)).status_code == 403
        assert (
            await post(stranger, seen, f"/lessons/{quiz}", place="7", points="1")
        ).status_code == 403
    shown = (await educator.get(seen)).text
    assert "Long &lt;b&gt;ago&lt;/b&gt;" in shown
    was = re.findall(
        r'name="place" value="7"><input type="hidden" name="was" value="([^"]+)"', shown
    )[0]
    bad = await post(educator, seen, seen, place="7", points="9", feedback="Too much", was=was)
    assert bad.status_code == 422
    assert "Too much</textarea>" in bad.text
    given = {"place": "7", "points": "0.5", "feedback": "Say *why*.", "was": was}
    assert (await post(educator, seen, seen, **given)).status_code == 303
    assert (await post(educator, seen, seen, **given)).status_code == 409
    mine = (await learner.get(f"{attempt}?question=7")).text
    assert "Partly right" in mine
    api = f"/api/v1/quizzes/{quiz}/attempts/{seen.rpartition('/')[2]}"
    found = (await educator.get(api, headers=API)).json()
    [essay] = [one["answered"] for one in found["questions"] if one["place"] == 7]
    assert (essay["score"], essay["comment"]) == (0.5, "<p>Say <em>why</em>.</p>\n")
    assert (await learner.get(api, headers=API)).status_code == 403
    stats = (await educator.get(f"/api/v1/quizzes/{quiz}/answers", headers=API)).json()["items"]
    assert stats[0]["common"] == [{"response": "c", "count": 1}]
    token = re.findall(r'name="csrf" value="([^"]+)"', shown)[0]
    grade = f"{api}/answers/1/grade"
    headers = {**API, "x-csrf-token": token}
    overruled = await educator.put(grade, json={"points": 1}, headers=headers)
    assert overruled.json()["questions"][0]["answered"]["verdict"] == "right"


async def test_whoever_teaches_the_course_writes_and_grades_in_it_alone(hub, quiz, visit):
    teacher = await visit("learner")
    edit = f"/quizzes/{quiz}/edit"
    assert (await teacher.get(edit)).status_code == 403
    assert (await post(teacher, f"/quizzes/{quiz}/publish", "/account/sessions")).status_code == 403
    me = (await teacher.get("/api/v1/account", headers=API)).json()
    with hub.database.unit(system_call(hub.institution)) as unit:
        enrol(unit, hub.course, user=me["id"], role="educator")
    assert (await teacher.get(edit)).status_code == 200
    assert (await teacher.get(f"/quizzes/{quiz}/answers")).status_code == 200
    assert (await written(teacher, quiz, "essay", html="Why?")).status_code == 303
    # Concepts are the institution's: they are shown, and who links them is said.
    question = (await teacher.get(f"/quizzes/{quiz}/question?part=salt")).text
    assert 'id="concepts"' in question
    assert "its educators link them" in question
    assert f"/quizzes/{quiz}/concepts" not in question


async def test_questions_are_pasted_and_what_cannot_be_read_stays_in_the_form(hub, quiz, visit):
    educator = await visit("educator")
    page, api = f"/quizzes/{quiz}/paste", f"/api/v1/quizzes/{quiz}"
    before = (await educator.get(api, headers=API)).json()["questions"]
    bad = await post(educator, page, page, text="One? {=a\n\nTwo? {T}")
    assert bad.status_code == 422
    assert "Line 1: The answers are not closed with a brace." in bad.text
    assert "One? {=a" in bad.text
    good = "Two? {T}\n\n<script>x</script><b>Three</b>? {=a ~b}"
    sent = await post(educator, page, page, text=good)
    assert sent.headers["location"] == f"/quizzes/{quiz}/edit?said=added#questions"
    now = (await educator.get(api, headers=API)).json()["questions"]
    assert now[: len(before)] == before
    assert [one["kind"] for one in now[len(before) :]] == ["true_false", "choice"]
    assert "script" not in now[-1]["html"]
    token = re.findall(r'name="csrf" value="([^"]+)"', (await educator.get(page)).text)[0]
    headers = {**API, "x-csrf-token": token, "if-match": "*"}
    # What is published stays complete.
    body = {"text": "Which? {~a ~b}"}
    refused = await educator.post(f"{api}/questions", json=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "incomplete")

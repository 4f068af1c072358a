"""Search in the hub's own database: what is found, by whom, and how soon it is not any more."""

from __future__ import annotations

import pytest

from bloop.content import placing, service
from bloop.content.models import Container, Item, Node
from bloop.content.search.models import SearchDocument
from bloop.store.errors import InvalidError
from tests.content.library import Library
from tests.support.database import OTHER, make_call


@pytest.fixture
def library(database, call):
    return Library(database, call)


def marked(text, marks):
    return [text[start:end] for start, end in marks]


async def test_words_of_titles_and_texts_are_found_titles_first(library):
    course = library.course()
    library.page(course, "Respiration", "<p>It undoes what photosynthesis does.</p>")
    library.page(course, "Photosynthesis", "<p>Light becomes sugar.</p>")
    library.page(course, "Roots", "<p>They drink.</p>")
    library.index()
    found = await library.find("photosynthesis")
    assert [one["title"] for one in found["items"]] == ["Photosynthesis", "Respiration"]
    first, second = found["items"]
    assert marked(first["title"], first["title_marks"]) == ["Photosynthesis"]
    assert marked(second["excerpt"], second["excerpt_marks"]) == ["photosynthesis"]
    assert second["course"] == "Biology"
    assert found["next"] is None
    assert found["corrected"] is None


async def test_all_words_have_to_be_there(library):
    course = library.course()
    library.page(course, "Cells", "<p>A membrane holds them together.</p>")
    library.page(course, "Walls", "<p>Plants have them around their cells.</p>")
    library.index()
    assert await library.titles("cells membrane") == ["Cells"]
    assert await library.titles("membrane plants") == []
    library.page(course, "हिन्दी भाषा", "<p>தமிழ் Kräfte</p>")
    library.index()
    for word in ("हिन्दी", "भाषा", "தமிழ்", "Kra\u0308fte"):  # With vowels that are marks.
        assert await library.titles(word) == ["हिन्दी भाषा"], word


async def test_what_is_no_word_finds_nothing_and_breaks_nothing(library):
    library.page(library.course(), "Cells", "<p>NEAR the nucleus, or NOT.</p>")
    library.index()
    for text in ("", "  *", '"', "':* &", "title:", "-", "\x00", "(", "{title} : ^"):
        assert not (await library.find(text))["items"], text
    for text in ("cells NEAR nucleus", 'cells AND "nucleus', "cells ' NOT", "nucleus & cells | "):
        assert await library.titles(text.replace("AND", "")) == ["Cells"], text


async def test_a_word_may_be_given_by_its_beginning(library):
    library.page(library.course(), "Mitochondria", "<p>They breathe.</p>")
    library.index()
    found = (await library.find("mitoch"))["items"]
    assert marked(found[0]["title"], found[0]["title_marks"]) == ["Mitochondria"]
    assert await library.titles("mitoch*") == ["Mitochondria"]


async def test_a_mistyped_word_finds_what_was_meant_and_says_so(library):
    library.page(library.course(), "Photosynthesis", "<p>Light becomes sugar.</p>")
    library.index()
    found = await library.find("photosnythesis")
    assert [one["title"] for one in found["items"]] == ["Photosynthesis"]
    assert found["corrected"] == "photosynthesis"
    assert marked(found["items"][0]["title"], found["items"][0]["title_marks"]) == [
        "Photosynthesis"
    ]
    assert (await library.find("xylophone"))["corrected"] is None


async def test_what_is_meant_is_never_told_of_what_may_not_be_seen(library):
    course = library.course()
    library.page(course, "Expulsion", "<p>of a pupil</p>", published=False)
    there = make_call(OTHER)
    library.page(library.course(call=there), "Expulsion", "<p>of a pupil</p>", call=there)
    library.index()
    found = await library.find("expulsoin")
    assert found == {"items": [], "next": None, "corrected": None}
    assert (await library.find("expulsoin", drafts=True))["corrected"] == "expulsion"


async def test_diacritics_and_case_make_no_difference(library, database):
    library.page(library.course(language="de"), "Kräfte", "<p>Die Straße ist glatt.</p>")
    library.index()
    assert await library.titles("KRÄFTE") == ["Kräfte"]
    if database.dialect == "sqlite":
        found = (await library.find("krafte"))["items"]
        assert marked(found[0]["title"], found[0]["title_marks"]) == ["Kräfte"]
    assert await library.titles("straße") == ["Kräfte"]


@pytest.mark.parametrize("database_urls", ["postgresql"], indirect=True)
async def test_other_forms_of_a_word_are_found_in_the_language_of_the_text(library):
    library.page(library.course(language="de"), "Zellen", "<p>Sie teilten sich.</p>")
    library.page(library.course(), "Cells", "<p>They were dividing.</p>")
    library.index()
    assert await library.titles("teilen", language="de") == ["Zellen"]
    found = (await library.find("divided"))["items"]
    assert [one["title"] for one in found] == ["Cells"]
    assert marked(found[0]["excerpt"], found[0]["excerpt_marks"]) == ["dividing"]


async def test_kind_course_and_language_narrow(library):
    biology, chemistry = library.course(), library.course("Chemie", language="de-AT")
    library.page(biology, "Water", "<p>H2O</p>")
    library.page(biology, "Water quiz", kind="discussion")
    library.page(chemistry, "Water auf Deutsch", "<p>H2O</p>")
    library.index()
    assert len(await library.titles("water")) == 3
    assert await library.titles("water", kind="discussion") == ["Water quiz"]
    assert await library.titles("water", course=chemistry) == ["Water auf Deutsch"]
    assert await library.titles("water", language="DE") == ["Water auf Deutsch"]
    assert await library.titles("water", language="de-AT") == ["Water auf Deutsch"]
    assert await library.titles("water", language="d") == []
    assert await library.titles("chemie", kind="course") == ["Chemie"]


async def test_a_page_follows_the_other_without_gaps_or_repeats(library):
    course = library.course()
    wanted = {f"Leaf {number}" for number in range(7)}
    for title in wanted:
        library.page(course, title)
    library.index()
    seen, cursor = [], ""
    while cursor is not None:
        found = await library.find("leaf", limit=3, cursor=cursor)
        seen += [one["title"] for one in found["items"]]
        cursor = found["next"]
    assert len(seen) == 7
    assert set(seen) == wanted
    with pytest.raises(InvalidError, match="cursor"):
        await library.find("leaf", cursor="bm9wZQ==")


async def test_questions_are_found_and_their_answers_are_not(library, database, call):
    course = library.course()
    question = {
        "id": "q1",
        "kind": "blank",
        "title": "",
        "html": "<p>Who discovered penicillin?</p>",
        "points": 1.0,
        "choices": [{"id": "a", "html": "Fleming", "weight": 1.0, "group": None}],
        "feedback_html": "<p>In Paddington.</p>",
    }
    library.page(course, "Medicine", kind="quiz", data={"questions": [question]})
    library.index()
    assert await library.titles("penicillin") == ["Medicine"]
    assert await library.titles("fleming", drafts=True) == []
    assert await library.titles("paddington", drafts=True) == []


# -- who may see what


def change(library, model, id_, **values):
    """Change a row without an event, as if the index had not come to it yet."""
    with library.database.unit(library.call) as unit:
        row = unit.get(model, id_)
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (Item, {"published": False}),
        (Item, {"concealed": True}),
        (Item, {"state": "missing"}),
        (Container, {"published": False}),
        (Container, {"state": "pending"}),
    ],
    ids=["unpublished", "concealed", "missing", "course unpublished", "course pending"],
)
async def test_what_is_hidden_is_not_found_however_far_the_index_is(library, model, values):
    course = library.course()
    lesson = library.page(course, "Secret", "<p>plans</p>")
    library.index()
    assert await library.titles("secret") == ["Secret"]
    change(library, model, lesson if model is Item else course, **values)
    nothing = {"items": [], "next": None, "corrected": None}
    for text in ("secret", "plans", "secr", "secrte"):
        assert await library.find(text) == nothing
    assert await library.titles("secret", drafts=True) == ["Secret"]


async def test_what_was_edited_is_shown_as_it_is_now(library):
    lesson = library.page(library.course(), "Old name", "<p>the old words</p>")
    library.index()
    change(library, Item, lesson, title="New name", html="<p>the new ones</p>")
    (found,) = (await library.find("words"))["items"]
    assert found["title"] == "New name"
    assert found["excerpt"] == ""


async def test_what_is_trashed_leaves_the_index(library, database):
    course = library.course()
    lesson = library.page(course, "Secret", "<p>plans</p>")
    library.index()
    with database.unit(library.call) as unit:
        service.trash(unit, Item, lesson, None)
    library.index()
    with database.reading(library.call) as unit:
        assert unit.session.query(SearchDocument).count() == 1
    assert await library.titles("secret", drafts=True) == []
    with database.unit(library.call) as unit:
        service.restore(unit, Item, lesson, None)
    library.index()
    assert await library.titles("secret") == ["Secret"]


async def test_what_stands_below_a_hidden_module_is_not_found(library, database):
    course = library.course()
    lesson = library.page(course, "Exam", "<p>questions</p>")
    with database.unit(library.call) as unit:
        hidden = placing.create_node(unit, course, title="Later", published=False)
        placing.create_node(unit, course, title="Exam", item=lesson, parent=hidden.id)
        module = hidden.id
    library.index()
    assert await library.titles("exam") == []
    library.publish(Node, module)
    assert await library.titles("exam") == ["Exam"]


async def test_another_institution_finds_nothing_of_it(library):
    library.page(library.course(), "Photosynthesis", "<p>Light</p>")
    there = make_call(OTHER)
    library.page(library.course("Theirs", call=there), "Respiration", call=there)
    library.index()
    for text in ("photosynthesis", "photosnythesis", "photo", OTHER, OTHER.replace("-", "")):
        assert not (await library.find(text, call=there, drafts=True))["items"]
    assert await library.titles("respiration", call=there) == ["Respiration"]


async def test_a_course_that_speaks_another_language_takes_its_items_along(library, database):
    course = library.course(language="en")
    library.page(course, "Wasser")
    library.index()
    with database.unit(library.call) as unit:
        service.update_container(unit, course, None, {"language": "de"})
    library.index()
    assert await library.titles("wasser", language="de") == ["Wasser"]
    assert await library.titles("wasser", language="en") == []

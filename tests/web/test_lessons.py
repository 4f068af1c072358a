from __future__ import annotations

from gettext import NullTranslations

import pytest
from markupsafe import Markup

from bloop.web.lessons import Words, attachments, web_address


@pytest.fixture
def words():
    return Words("en", NullTranslations())


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "", "//x"]
)
def test_only_addresses_of_the_web_are_linked(url):
    assert web_address(url) is None
    assert web_address("https://example.org/a") == "https://example.org/a"


def test_facts_count_in_words(words):
    data = {"points": 1.0, "time_limit": 30.0, "attempts": 2, "due_at": "2026-03-01T08:30:00Z",
            "questions": [{"kind": "choice"}, {"kind": "text"}]}  # fmt: skip
    assert words.facts("quiz", data) == [
        "1 point", "1 question", "30 minutes", "2 attempts", "due 1 March 2026, 08:30 UTC",
    ]  # fmt: skip
    assert words.facts("page", {}) == []
    assert words.points(2.5) == "2.5 points"


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (12_345_678, "12 MB")]
)
def test_sizes_are_told_in_the_unit_that_people_use(words, size, said):
    assert words.file({"name": "x", "size": size})["size"] == said


def test_a_file_of_unknown_type_and_size_is_only_named(words):
    assert words.file({"name": "x"}) == {
        "name": "x", "shown_as": "", "size": "", "media_type": "",
    }  # fmt: skip
    assert words.file({"media_type": "audio/ogg; codecs=opus"})["shown_as"] == "audio"


def test_it_says_from_when_on_learners_see_a_text(words):
    ahead = {"shown_from": "2999-03-01T08:30:00Z"}
    said = "Learners see its text from 1 March 2999, 08:30 UTC on."
    assert words.shown_later(ahead) == said
    for data in ({}, {"shown_from": None}, {"shown_from": "2001-03-01T08:30:00Z"}):
        assert words.shown_later(data) == ""


def question(kind, *choices, **more):
    return {"questions": [{"kind": kind, "html": "?", "points": 1.0, "choices": choices, **more}]}


def test_a_number_is_accepted_within_its_bounds(words):
    data = question("numeric", {"html": "", "low": 1.5, "high": 2.0, "weight": 100.0},
                    {"html": "", "low": 3.0, "high": 3.0, "weight": 100.0})  # fmt: skip
    assert words.questions(data, Markup)[0]["accepted"] == ["1.5 – 2", "3"]


def test_pairs_are_known_to_who_may_know_them_only(words):
    known = question("matching", {"html": "Rome", "group": "Italy", "weight": 50.0},
                     {"html": "Oslo", "group": None, "weight": 0.0})  # fmt: skip
    assert words.questions(known, Markup)[0]["pairs"] == [("Italy", "Rome")]
    shown = question("matching", {"html": "Oslo"}, {"html": "Rome"}, groups=["Italy"])
    (made,) = words.questions(shown, Markup)
    assert (made["pairs"], made["pool"]) == ([("Italy", None)], ["Oslo", "Rome"])


def test_texts_between_questions_have_no_number(words):
    data = {"questions": [{"kind": kind, "html": ""} for kind in ("choice", "text", "essay")]}
    assert [one["number"] for one in words.questions(data, Markup)] == [1, None, 2]


def test_attachments_lead_to_their_files():
    data = {"attachments": [{"kind": "file", "remote_id": 'a b/"x".png'}]}
    assert attachments(data, "c") == [{"name": '"x".png', "href": "/files/c/a%20b/%22x%22.png"}]

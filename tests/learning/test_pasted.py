"""Questions in plain text: what GIFT and Aiken say, and the line of what they do not."""

from __future__ import annotations

import re

import pytest

from bloop.learning.quizzes.pasted import WRONG, questions_in
from bloop.learning.quizzes.problems import problems_of
from bloop.store.errors import InvalidError

GIFT = r"""// A comment, and what the hub has no place for.
$CATEGORY: top/chemistry

::Salt:: What is
table salt? {
  =NaCl #Well done.

  ~%50%a chloride # Which one?
  ~H\=O
  ####Common salt.
}

::Primes::[html]<b>Which are prime?</b> {~%50%2 ~%50%3 ~%-100%4}

Sound is slower in air than in water \{really\}. {TRUE#No: look again.#Yes.}

Two plus {=two =%50%2\:00} is four.

How fast is sound, in m/s? {#343:5 #Near enough.}

From one to two? {#1..2}

When? {#=1822:0 =%50%1822:2 ~#Earlier or later.}

[markdown]*Match* them. {=France -> Paris =<i>Italy</i> -> Rome = -> Oslo}

Why is 1 < 2? {}

Read this first.\nThen go on.
"""


def test_each_kind_of_gift_is_read():
    found = questions_in("\ufeff" + GIFT.replace("\n", "\r\n"))
    kinds = ["choice", "multiple", "true_false", "blank", "numeric", "numeric", "numeric"]
    assert [one["kind"] for one in found] == [*kinds, "matching", "essay", "text"]
    salt, primes, sound, two, fast, between, when, match, why, text = found
    assert problems_of([{**one, "id": "x"} for one in found]) == []

    assert (salt["title"], salt["html"]) == ("Salt", "What is<br>table salt?")
    assert salt["feedback_html"] == "Common salt."
    assert [(it["html"], it["weight"], it["feedback_html"]) for it in salt["choices"]] == [
        ("NaCl", 100.0, "Well done."),
        ("a chloride", 50.0, "Which one?"),
        ("H=O", 0.0, ""),
    ]
    assert primes["html"] == "<b>Which are prime?</b>"
    assert [it["weight"] for it in primes["choices"]] == [50.0, 50.0, -100.0]
    assert sound["html"].endswith("{really}.")
    assert [(it["html"], it["weight"], it["feedback_html"]) for it in sound["choices"]] == [
        ("True", 100.0, "Yes."),
        ("False", 0.0, "No: look again."),
    ]
    assert two["html"] == "Two plus _____ is four."
    assert [(it["html"], it["weight"]) for it in two["choices"]] == [("two", 100.0), ("2:00", 50.0)]
    assert [(it["low"], it["high"]) for it in fast["choices"]] == [(338.0, 348.0)]
    assert fast["choices"][0]["feedback_html"] == "Near enough."
    assert [(it["low"], it["high"]) for it in between["choices"]] == [(1.0, 2.0)]
    assert [(it["low"], it["weight"]) for it in when["choices"]] == [
        (1822.0, 100.0),
        (1820.0, 50.0),
    ]
    assert when["incorrect_html"] == "Earlier or later."
    assert match["html"] == "<p><em>Match</em> them.</p>"
    assert [it["weight"] for it in match["choices"]] == [100.0, 100.0, 0.0]
    assert match["choices"][2]["group"] is None
    assert why["html"] == "Why is 1 &lt; 2?"
    assert (text["html"], text["points"]) == ("Read this first.<br>Then go on.", 0.0)


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ("One? {T}\n\nTwo? {=a ~b\n\nThree? {=c}", "open", 3),
        ("One }", "closed", 1),
        ("// x\nOne {=a}\nand {=b}", "groups", 3),
        ("One? {\nyes}", "sign", 2),
        ("One? {#\n=1\n=many}", "number", 3),
        ("One? {\n=a\n~%150%b}", "share", 3),
        ("One?\nA. a\nB. b\nANSWER: C", "letter", 4),
        ("One?\nA. a\nwhat\nANSWER: A", "aiken", 3),
        ("One?\nA. a\nANSWER: A\n\nTwo?\nA. b", "aiken", 6),
        ("// nothing", "empty", 0),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(text, name, line):
    where = f"line {line}: " if line else ""
    with pytest.raises(InvalidError, match=re.escape(where + WRONG[name])) as refused:
        questions_in(text)
    assert refused.value.field == "text"


def test_aiken_is_read():
    text = "What is\nsalt?\nA) KCl\nB. Na & Cl\nANSWER: B\n\nTrue?\nA. yes\nB. no\nANSWER: a\n"
    salt, other = questions_in(text)
    assert (salt["kind"], salt["html"]) == ("choice", "What is<br>salt?")
    assert [(it["html"], it["weight"]) for it in salt["choices"]] == [
        ("KCl", 0.0),
        ("Na &amp; Cl", 100.0),
    ]
    assert other["choices"][0]["weight"] == 100.0


@pytest.mark.parametrize(
    ("html", "problems"),
    [
        ('<audio controls src="/files/1"></audio>', 0),
        ('<video src="/files/1"></video>', 0),
        ("<p> </p>", 1),
    ],
)
def test_a_question_may_be_heard_or_watched_alone(html, problems):
    question = {"id": "x", "kind": "essay", "html": html, "points": 1.0, "choices": []}
    assert len(problems_of([question])) == problems

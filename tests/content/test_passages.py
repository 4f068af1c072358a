"""Passages of a lesson are found again after it was edited, and what a note says of its lesson."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.content.notes.passages import LessonText, Quote, nearest
from bloop.content.notes.wording import About, clock, composed, ms_of, title_of_note, words_of
from bloop.content.texts import html_of_markdown

LESSON = (
    "<p>A buffer keeps the pH of a solution nearly constant when small amounts of acid are added. "
    "It is made of a weak acid and its conjugate base.</p>"
    "<h2>Why</h2><p>The weak acid takes up what is added. The equilibrium moves until the ratio "
    "is what it was before, and so the pH hardly changes at all.</p>"
    r"<p>The formula \(pH = pK_a + \log r\) says so. The weak acid is in excess.</p>"
)
SENTENCE = "The equilibrium moves until the ratio is what it was before"


def quote_of(html, exact, nth=0):
    """A quote as a browser would give it."""
    words = LessonText(html).words
    at = -1
    for _ in range(nth + 1):
        at = words.index(exact, at + 1)
    before, after = words[:at], words[at + len(exact) :]
    return Quote(exact, before[-32:], after[:32], len("".join(before.split())))


def found(html, quote):
    passage = LessonText(html).find(quote)
    return passage.state, passage.quote.exact


def test_a_passage_is_found_where_it_stood():
    quote = quote_of(LESSON, SENTENCE)
    passage = LessonText(LESSON).find(quote)
    assert passage.state == "same"
    assert (passage.quote.exact, passage.quote.position) == (SENTENCE, quote.position)


def test_blanks_tags_and_what_stands_before_it_do_not_matter():
    quote = quote_of(LESSON, SENTENCE)
    moved = "<h1>New</h1><p>Much more text.</p>" + LESSON.replace(
        SENTENCE, "The  <em>equilibrium</em>\nmoves until <b>the</b> ratio is what it was before"
    )
    assert found(moved, quote) == ("same", SENTENCE)


@pytest.mark.parametrize("nth", [0, 1])
def test_of_the_same_words_twice_those_are_found_that_were_marked(nth):
    html = "<p>first: see the table below now.</p><p>second: see the table below then.</p>"
    quote = quote_of(html, "see the table below", nth)
    shifted = f"<p>{'x ' * 40}</p>{html}"
    passage = LessonText(shifted).find(quote)
    assert passage.state == "same"
    assert passage.quote.prefix.endswith(["first: ", "second: "][nth])


def test_a_passage_that_reads_a_little_otherwise_is_found_as_changed():
    quote = quote_of(LESSON, SENTENCE)
    edited = LESSON.replace(SENTENCE, "The equilibrium shifts until this ratio is as it was before")
    assert found(edited, quote) == (
        "changed",
        "The equilibrium shifts until this ratio is as it was before",
    )


def test_one_that_was_written_anew_is_what_stands_between_its_neighbours():
    quote = quote_of(LESSON, SENTENCE)
    edited = LESSON.replace(SENTENCE, "Le Chatelier explains this quickly")
    state, words = found(edited, quote)
    assert (state, words) == ("changed", "Le Chatelier explains this quickly")


def test_one_that_is_gone_is_kept_as_it_was():
    quote = quote_of(LESSON, SENTENCE)
    passage = LessonText("<p>Something else altogether.</p>").find(quote)
    assert (passage.state, passage.quote) == ("gone", quote)
    assert LessonText("").find(quote).state == "gone"


def test_a_short_quote_is_not_mistaken_for_the_same_word_elsewhere():
    quote = quote_of(LESSON, "ratio")
    assert found(LESSON, quote) == ("same", "ratio")
    assert found("<p>Another lesson, about the golden ratio of painters.</p>", quote)[0] == "gone"


def test_a_formula_is_its_latex():
    words = LessonText(LESSON).words
    assert r"The formula $pH = pK_a + \log r$ says so." in words
    quote = Quote(r"formula $pH=pK_a+\log r$ says")
    assert found(LESSON, quote) == ("same", r"formula $pH = pK_a + \log r$ says")


def test_scripts_without_blanks_are_found_as_well():
    html = "<p>缓冲溶液能够抵抗外加少量强酸或强碱的影响，使溶液的酸碱度基本保持不变。</p>"
    quote = quote_of(html, "抵抗外加少量强酸或强碱的影响")
    assert found(html, quote)[0] == "same"
    edited = html.replace("外加少量", "外来的少量")
    assert found(edited, quote) == ("changed", "抵抗外来的少量强酸或强碱的影响")


@given(st.text("abc", min_size=1, max_size=8), st.text("abc", max_size=14))
def test_the_nearest_part_has_the_least_edit_distance(pattern, text):
    errors, start, end = nearest(pattern, text)
    assert distance(pattern, text[start:end]) == errors
    assert errors == min(
        distance(pattern, text[i:j]) for i in range(len(text) + 1) for j in range(i, len(text) + 1)
    )


def distance(one, other):
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, row = row, [i]
        for j, with_ in enumerate(other, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != with_)))
    return row[-1]


@given(st.text(max_size=200), st.text(max_size=40))
def test_no_text_and_no_quote_break_it(text, exact):
    passage = LessonText(f"<p>{text.replace('<', '')}</p>".replace("\x00", "")).find(Quote(exact))
    assert passage.state in {"same", "changed", "gone"}


# -- what a note says of its lesson

URL = "https://hub.example/lessons/l1"


def test_a_note_begins_with_what_makes_it_understandable_elsewhere():
    about = About("l1", "Acids [1]", URL, "a *weak* acid\n\nand $pK_a$")
    markdown = composed(about, "Ask about it.\n\n> mine")
    assert markdown == (
        f"> a \\*weak\\* acid\n> and $pK_a$\n\n[Acids \\[1\\]]({URL})\n\nAsk about it.\n\n> mine\n"
    )
    assert words_of(markdown, "l1", quoted=True) == "Ask about it.\n\n> mine"
    html = html_of_markdown(markdown)
    assert "a *weak* acid" in html
    assert f'href="{URL}"' in html


def test_hostile_words_of_a_lesson_stay_words():
    about = About("l1", "<script>alert(1)</script>", URL, "# no heading\n<b onclick=x>\n- [x] task")
    html = html_of_markdown(composed(about, ""))
    assert "<script" not in html
    assert "onclick=" not in html.replace("&lt;b onclick=x&gt;", "")
    assert "<h1" not in html
    assert "<li" not in html


def test_a_moment_leads_to_its_time():
    markdown = composed(About("l1", "Film", URL, moment_ms=83_500), "Here!")
    assert markdown == f"[1:23]({URL}#t=83) [Film]({URL})\n\nHere!\n"
    assert words_of(markdown, "l1", quoted=False) == "Here!"


def test_own_words_are_found_where_the_beginning_was_edited_away():
    assert words_of("Only words.\n", "l1", quoted=True) == "Only words."
    assert words_of("> quote\n\nwords\n", "l1", quoted=True) == "words"


def test_a_note_is_called_by_its_first_words():
    about = About("l1", "Film", URL, "what was marked", None)
    assert title_of_note(about, "## Remember *this*\nmore") == "Remember this"
    assert title_of_note(about, "") == "what was marked"
    assert title_of_note(About("l1", "Film", URL, moment_ms=3_723_000), "") == "Film 1:02:03"
    assert title_of_note(About("l1", "Film", URL), "word " * 40) == f"{'word ' * 15}word…"


def test_times_are_read_as_they_are_shown():
    assert [clock(ms_of(one)) for one in ("0:05", "1:23", "1:02:03")] == ["0:05", "1:23", "1:02:03"]
    assert ms_of("83.5") == 83_500
    assert [ms_of(one) for one in ("", "x", "1:2:3:4", "-1")] == [None] * 4

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bloop_sdk.storyboard.words import find_word, words
from bloop_studio.readable import readable
from bloop_studio.spoken import plain_formula, speak

FOLDER = Path(__file__).parent / "read_aloud"
"""A file for each language: a line as it is written, and indented below it as it is said."""


def _cases() -> list[tuple[str, str, str]]:
    cases = []
    for file in sorted(FOLDER.glob("*.txt")):
        lines = file.read_text(encoding="utf-8").splitlines()
        pairs = zip(lines[::2], lines[1::2], strict=True)
        cases += [(file.stem, written, said.strip()) for written, said in pairs]
    return cases


CASES = _cases()


@pytest.mark.parametrize(
    ("language", "written", "said"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_lines_are_said_as_people_of_the_language_say_them(language, written, said):
    assert speak(written, language).text == said


def test_every_language_has_every_template():
    for language in ("de", "fr", "es", "it", "pt", "nl"):
        for written in (one for _, one, _ in CASES if one.startswith("$")):
            said = speak(written, f"{language}-XX").text
            assert said and "{" not in said and "\\" not in said


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        ("x^2", "x²"),
        (r"\frac{a+b}{c}", "(a + b)/c"),
        (r"\sqrt{x+1}", "√(x + 1)"),
        (r"x_i^2 \le \alpha", "xᵢ² ≤ α"),
        (r"\sum_{i=1}^{n} i", "∑ᵢ₌₁ⁿ i"),
        (r"e^{i\pi}", "e^(iπ)"),
        (r"\vec{v}", "v⃗"),
        (r"f'(x)=-1", "f′(x) = −1"),
        (r"\sin x\in\mathbb{R}", "sin x ∈ ℝ"),
        (r"\frac{a", r"\frac{a"),
    ],
)
def test_formulas_in_plain_characters(latex, plain):
    assert plain_formula(latex) == plain


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("In `__init__`, `**kwargs` and `a[i](x)`", "In __init__, **kwargs and a[i](x)"),
        ("2 ** 3 is 2**3, **not** 6", "2 ** 3 is 2**3, not 6"),
        ("`$a` and `$b`, but $x^2$ and $`$", "$a and $b, but x² and `"),
        ("version 2 **3 items**", "version 2 3 items"),
    ],
)
def test_code_is_shown_as_it_is_written(written, shown):
    assert readable(written).text == shown


def test_an_institutions_words_go_first_and_keep_their_case():
    lexicon = {"bloop": "blue-p", "IT": "I T", "sql": "S Q L", "z.b.": "nope"}
    said = speak("Bloop: it is IT, not SQL; bloops", "en", lexicon)
    assert said.text == "blue-p: it is I T, not S Q L; bloops"
    assert speak("bloop", "xx", lexicon).text == "blue-p"


def test_a_written_word_leads_to_its_spoken_stretch_and_back():
    text = "Since $x^2$ grew 25% in May 17, 2024, SQL is 🙂 gone"
    spoken = speak(text, "en")

    def said(word: str) -> str | None:
        stretch = spoken.said(*find_word(text, word))
        return stretch and spoken.text[slice(*stretch)]

    assert said("x") == "x squared"
    assert said("25") == "twenty-five percent"
    assert said("2024") == "May seventeenth, twenty twenty-four"
    assert said("SQL is") == "sequel is"
    assert said("gone") == "gone"
    assert said("🙂") is None
    at = spoken.text.index("percent")
    assert text[slice(*spoken.written(at, at + 1))] == "25%"


SAMPLES = """
    tree größer $x^2$ $5 25% 3.14 1,000 e.g. → 🙂 ** `a_b` https://a.b/c?d f(x) camelCase XIV Louis
    1999 14:30 10–20 km - °C [x](y) ' … 木 हिन्दी \\( $ & # ½ me@a.b C++ ( ) . 1. B. z.
"""
PIECES = st.sampled_from(SAMPLES.split())
LINES = st.lists(st.tuples(PIECES, st.sampled_from([" ", "", ", ", "\n"])), max_size=9).map(
    lambda some: "".join(a + b for a, b in some)
) | st.text(max_size=40)


@settings(max_examples=250, deadline=None)
@given(LINES, st.sampled_from(["en", "de", "fr", "es", "it", "pt", "nl", "ja"]))
@example("a 🙂 , b", "en")
def test_every_word_of_either_text_lies_in_a_span(text, language):
    spoken = speak(text, language)
    ends = (0, 0)
    for span in spoken.spans:
        assert ends[0] <= span.start <= span.end <= len(text)
        assert ends[1] <= span.said_start <= span.said_end <= len(spoken.text)
        ends = (span.end, span.said_end)
    for word in words(text):
        assert any(s.start <= word.start and word.end <= s.end for s in spoken.spans) or any(
            s.start < word.end and word.start < s.end for s in spoken.spans
        )
    for word in words(spoken.text):
        assert spoken.written(word.start, word.end) is not None
    assert speak(text, language) == spoken


SIGNS = r"""
    x 2 + - | ( ) [ ] \{ \} , ' = \alpha \sum \int \lim \to \sin \log \mid \dots ! d \partial \%
    \max \mathbb{R} \text{if} : T & \\ $ ^ _ {}
"""
SHAPES = r"""
    {%s}^{%s} %s_{%s} {%s}_{%s}^2 \frac{%s}{%s} \sqrt[%s]{%s} \binom{%s}{%s} \left(%s\right)%s
    \left.%s\right|_{%s} \vec{%s}%s \hat{%s}%s %s%s \begin{pmatrix}%s&%s\end{pmatrix} |%s|%s
    \begin{cases}%s\\%s\end{cases} \underbrace{%s}_{%s} \overline{%s}%s f(%s)^{%s} \{%s\}%s
"""
ATOMS, FORMS = st.sampled_from(SIGNS.split()), st.sampled_from(SHAPES.split())
LATEX = st.recursive(
    ATOMS, lambda some: st.tuples(FORMS, some, some).map(lambda one: one[0] % one[1:]), max_leaves=8
)


@settings(max_examples=100, deadline=None)
@given(LATEX | st.text("\\{}^_$x1+frac sqrt&lim()|", max_size=30), st.sampled_from(["en", "de"]))
@example("{}^1", "en")
def test_no_formula_breaks_the_reader(latex, language):
    assert isinstance(speak(f"${latex}$", language).text, str)
    assert isinstance(plain_formula(latex), str)


@pytest.mark.parametrize("language", ["en", "de", "tlh"])
def test_money_is_said_and_read_as_money_with_a_backslash_or_without(language):
    written, plain = r"Between \$5 and \$6, so $x$.", "Between $5 and $6, so $x$."
    assert speak(written, language).text == speak(plain, language).text
    assert readable(written).text == readable(plain).text == "Between $5 and $6, so x."

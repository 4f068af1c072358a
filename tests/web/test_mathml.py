import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from bloop.web.mathml import MAX_FORMULA, mathml, with_mathml
from bloop.web.quizzes import Formulas


def test_inline_and_display_formulas_become_mathml():
    made = with_mathml(r"<p>So \(v = \lambda f\), and</p><p>\[f_1 = \frac{1}{2L}\sqrt{T/\mu}\]</p>")
    assert made.count("<math ") == 2
    assert 'display="inline"' in made
    assert 'display="block"' in made
    assert "<mi>λ</mi>" in made
    assert r"\(" not in made


def test_text_without_formulas_is_the_same_object():
    source = "<p>Nothing to do: (a) and [b].</p>"
    assert with_mathml(source) is source


def test_escaped_relations_are_read_as_relations():
    assert "<mo>&lt;</mo>" in with_mathml(r"<p>\(a &lt; b\)</p>")


@pytest.mark.parametrize("element", ["pre", "code"])
def test_formulas_in_code_stay_as_they_are(element):
    source = rf"<p>x</p><{element}>print(r'\(x\)')</{element}>"
    assert with_mathml(source) == source


def test_formulas_after_code_are_made():
    assert "<math" in with_mathml(r"<code>\(x\)</code> and \(y\)")


def test_an_attribute_with_a_greater_sign_does_not_end_its_tag():
    source = r'<img alt="a > \(b\)" src="x.svg">'
    assert with_mathml(source) == source


def test_a_formula_that_does_not_parse_is_shown_as_written():
    assert with_mathml(r"<p>\(\frac{\)</p>") == (
        r'<p><span class="tex-error">\(\frac{\)</span></p>'
    )


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(x)}{x}",
        r"\class{a}{x}",
        r"\text{</math><script>}",
        r"\mbox{&lt;script&gt;}",
    ],
)
def test_a_formula_brings_no_markup_of_its_own(latex):
    made = with_mathml(f"<p>\\({latex.replace('<', '&lt;').replace('>', '&gt;')}\\)</p>")
    assert set(re.findall(r"</?([a-z]+)", made)) <= {
        "p", "math", "mrow", "mi", "mo", "mn", "mtext", "mstyle", "span", "mpadded",
    }  # fmt: skip
    assert " href=" not in re.sub(r'alttext="[^"]*"', "", made)
    assert " style=" not in re.sub(r'alttext="[^"]*"', "", made)


PIECES = [*r"\{}^_&<>abc123$#%~ ", r"\frac", r"\text{", r"\begin{matrix}"]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_formula_is_made_or_left(latex):
    made = mathml(latex, display="inline")
    assert made is None or ET.fromstring(made).tag.endswith("math")


def test_what_is_empty_too_long_or_too_deep_is_left():
    assert mathml("", display="inline") is None
    assert mathml("x" * (MAX_FORMULA + 1), display="inline") is None
    assert mathml("{" * 1900 + "}" * 1900, display="inline") is None


def test_a_line_of_a_list_has_its_formulas_and_never_half_of_one():
    formulas = Formulas()
    shown = escape(formulas.line(r"Is \(x < y^2\) or \[z\]? <b>", 120))
    assert shown.count("<math") == 2
    assert 'display="block"' not in shown
    assert shown.endswith(" &lt;b&gt;")
    cut = escape(formulas.line(r"What is \(\frac{a}{b}\) of all of it, then?", 12))
    assert "</math>" in cut
    assert cut.endswith(" …")
    assert escape(formulas.line("word " * 9, 12)) == "word word…"
    assert not formulas.line("")
    few = Formulas(1)
    assert "<math" in escape(few.line(r"\(a\)"))
    assert escape(few.line(r"\(b\)")) == r"\(b\)"

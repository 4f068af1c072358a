"""Formulas through LaTeX, on machines that have it."""

from __future__ import annotations

import shutil

import pytest

from bloop_manim.drawing import tex
from bloop_manim.drawing.latex import FormulaError, to_typst
from bloop_manim.drawing.text import rich
from bloop_manim.drawing.typeset import formula, lead
from bloop_manim.versions import PROGRAMS, SWITCH, latex_here

HERE = all(shutil.which(one) for one in PROGRAMS)
BEYOND = r"\sideset{_1^2}{_3^4}\prod_{k \in K} x_k"


@pytest.fixture(autouse=True)
def wanted(monkeypatch):
    """As in a worker; what was found is forgotten afterwards."""
    monkeypatch.setenv(SWITCH, "on")
    tex.present.cache_clear()
    formula.cache_clear()
    rich.cache_clear()
    yield
    tex.present.cache_clear()
    formula.cache_clear()
    rich.cache_clear()


@pytest.mark.skipif(not HERE, reason="no LaTeX on this machine")
def test_what_typst_can_not_take_is_set_by_latex():
    with pytest.raises(FormulaError):
        to_typst(BEYOND)
    assert latex_here().startswith("pdfTeX")
    shown, inline = formula(BEYOND, display=True), formula(BEYOND, display=False)
    assert 1.5 < shown.width < 4
    assert shown.below > inline.above
    assert lead(BEYOND) is None
    assert len(rich(f"So ${BEYOND}$.").atoms) == 1
    # Of one size with what Typst sets, and on the same line.
    ours, theirs = formula("X", display=False), formula(r"\dashrightarrow X", display=False)
    assert abs(ours.above - theirs.above) < 0.03
    assert abs(theirs.ink[..., 1].min()) < 0.03


@pytest.mark.skipif(not HERE, reason="no LaTeX on this machine")
def test_a_formula_that_latex_refuses_is_told_with_its_reason():
    with pytest.raises(FormulaError, match=r"nonsense is not known here; LaTeX: Undefined control"):
        formula(r"\nonsense x", display=True)


@pytest.mark.skipif(not HERE, reason="no LaTeX on this machine")
def test_tex_reads_and_writes_nothing_but_its_own(tmp_path):
    """What the list of words leaves to it, were there a way around the list."""
    secret = tmp_path / "secret.tex"
    secret.write_text("x")
    for body in (
        rf"$\input {secret} $",
        rf"\immediate\openout5={tmp_path}/out.tex \immediate\write5{{x}}\immediate\closeout5 $x$",
    ):
        with pytest.raises(FormulaError):
            tex.drawn(body)
    tex.drawn(rf"\immediate\write18{{touch {tmp_path}/ran}}$x$")
    svg = tex.drawn(r"\special{dvisvgm:raw <image href='file:///etc/passwd'/>}$x$")
    assert not [one for one in svg.iter() if one.tag.endswith("image")]
    assert [one.name for one in tmp_path.iterdir()] == ["secret.tex"]


@pytest.mark.parametrize(
    "latex",
    [
        r"\input{/etc/passwd}",
        r"\openin5=x",
        r"\def\x{\x\x}\x",
        r"\loop\iftrue\repeat",
        r"^^5cinput x",
        r"\csname input\endcsname x",
        r"x$ text $y",
        r"\end{document}",
        r"\end {document}",
        r"\special{ps: x}",
        r"\begin{filecontents}{x}",
        r"\write18{ls}",
        r"\catcode`\!=0",
        # An environment is a command of its name, and TeX puts names together.
        r"\begin{input}{/etc/passwd}\end{input}",
        r"\begin{in\empty put}",
        r"\InputIfFileExists{/etc/passwd}{}{}",
        r"\IfFileExists{/etc/passwd}{1}{2}",
    ],
)
def test_a_formula_that_is_a_program_is_not_given_to_latex(latex):
    with pytest.raises(FormulaError, match="in a formula"):
        tex.safe(latex)


@pytest.mark.parametrize(
    "latex",
    [
        r"\boxtimes",
        r"\defeq",
        r"\lettered",
        r"\readable",
        "a % b\nc",
        r"\forall x",
        r"\begin{aligned}x\end {aligned}",
    ],
)
def test_words_that_only_begin_like_those_of_programs_are_given_to_it(latex):
    assert tex.safe(latex) == latex


def test_without_latex_or_with_it_switched_off_there_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv(SWITCH, "")
    assert not tex.present()
    monkeypatch.setenv(SWITCH, "on")
    monkeypatch.setenv("PATH", str(tmp_path))
    tex.present.cache_clear()
    assert not tex.present()
    with pytest.raises(FormulaError, match=r"sideset is not known here$"):
        formula(BEYOND, display=True)

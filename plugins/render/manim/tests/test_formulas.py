"""LaTeX's mathematics: what is set, what is refused, and that nothing of it runs."""

from __future__ import annotations

import pytest

from bloop_manim.drawing.latex import FormulaError, to_typst
from bloop_manim.drawing.text import rich
from bloop_manim.drawing.typeset import formula, lead

TRANSLATED = {
    r"\frac{a}{b}": "frac(a, b)",
    r"\tfrac12": "frac(1, 2)",
    r"x^{10}_{i,j}": r"attach(x, t: 10, b: i \, j)",
    r"f''(x)": r"attach(f, t: ′ ′) \( x \)",
    r"\sqrt[3]{x}": "root(3, x)",
    r"\sum_{k=1}^n k": "attach(∑, t: n, b: k = 1) k",
    r"\int_0^1 x\,dx": "attach(∫, t: 1, b: 0) x thin d x",
    r"\lim_{x \to 0} f": 'attach(op("lim", limits: #true), b: x → 0) f',
    r"\left(\frac12\right]": r"lr(\( frac(1, 2) \])",
    r"\left.x\right|_0": r"attach(lr( x \|), b: 0)",
    r"\left\{ x \middle| y \right\}": r"lr(\{ x mid(\|) y \})",
    r"|x|": r'class("normal", \|) x class("normal", \|)',
    r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}": 'mat(delim: "(", 1, 2; 3, 4)',
    r"\begin{cases} x & \text{if } y \\ 0 \end{cases}": 'cases(x & "if " y, 0)',
    r"\begin{aligned} a &= b \\ &= c \end{aligned}": r'a & = b \ "" & = c',
    r"\alpha\varepsilon\Omega": "α ε Ω",
    r"\vec{v} \cdot \hat n": "accent(v, arrow) ⋅ accent(n, hat)",
    r"\overline{AB}": "overline(A B)",
    r"\mathbb{R}^n": "attach(bb(R), t: n)",
    r"\mathbf{v}": "bold(upright(v))",
    r"\operatorname{rank}(A)": r'op("rank") \( A \)',
    r"a \equiv b \pmod{n}": r'a ≡ b quad \( op("mod") thin n \)',
    r"x \not= y \notin Z": "x ≠ y ∉ Z",
    r"\binom{n}{k}": "binom(n, k)",
    r"\overbrace{a+b}^{n}": "attach(limits(overbrace(a + b)), t: n)",
    r"\color{red} x \textcolor{blue}{y}": "x y",
    r"3{,}14 \% 3.14.": r'3 "," 14 \% 3.14 .',
    r"\text{für $x$}": '"für " x',
    r"a/b": r"a \/ b",
    "Größe": 'G r "ö" "ß" e',
}
REFUSED = {
    r"\frac{a": "",
    r"x_": "nothing after _",
    r"\left( x": r"\left without",
    r"x \right)": r"\right without",
    r"\input{/etc/passwd}": r"\input is not known",
    r"\def\x{\x\x}\x": r"\def is not known",
    r"\begin{tikzpicture}\end{tikzpicture}": "tikzpicture",
    "{" * 60 + "x" + "}" * 60: "nested too deeply",
    "{}": "empty",
}
FOREIGN = r"\text{速度} = v"
HOSTILE = (
    '#read("/etc/passwd")',
    '"#import \\"@preview/x:1.0.0\\": *',
    r'\text{"); #panic("x}',
    r'\operatorname{a")#eval("1+1")}',
    "$ #eval $",
    "a // b /* c",
    "@preview `raw` <label> ~ \\\\",
    r"\text{\\\"}",
    "x; y, z) #{1} ]",
)


@pytest.mark.parametrize(("latex", "typst"), TRANSLATED.items())
def test_latex_is_translated_and_set(latex, typst):
    assert to_typst(latex).typst == typst
    assert len(formula(latex, display=True).ink)
    assert formula(latex, display=False).width > 0


@pytest.mark.parametrize(("latex", "reason"), REFUSED.items())
def test_what_is_not_known_is_refused_with_its_place(latex, reason):
    with pytest.raises(FormulaError) as caught:
        to_typst(latex)
    assert reason in str(caught.value)
    assert 0 <= caught.value.place <= len(latex)


def test_letters_that_the_face_of_formulas_has_not_are_refused():
    with pytest.raises(FormulaError, match="速"):
        formula(FOREIGN, display=True)


@pytest.mark.parametrize("latex", HOSTILE)
def test_nothing_of_a_formula_runs(latex):
    try:
        typst = to_typst(latex).typst
        formula(latex, display=True)
    except FormulaError:
        return
    written = typst
    for ours in ("#true", "#none", "#box", "#0pt", "#("):
        written = written.replace(ours, "")
    outside = "".join(
        piece for n, piece in enumerate(written.replace('\\"', "").split('"')) if n % 2 == 0
    )
    assert "#" not in outside.replace("\\#", "")


def test_a_formula_in_a_text_stands_on_its_line():
    small = formula("x", display=False)
    high = formula(r"\frac{a}{b}", display=False)
    assert abs(small.ink[..., 1].min()) < 0.02
    assert high.above > small.above
    assert high.below > 0.2


def test_what_stands_before_the_first_relation_is_measured():
    assert lead("= 2x") == 0
    assert 0.5 < lead("f = x") < 1.2
    assert lead("x + y") is None


def test_a_dollar_may_be_meant_as_one():
    assert rich(r"it costs \$5").text == "it costs $5"
    assert rich("only $5").text == "only $5"
    assert (rich("between $5 and $6").text, rich("between $5 and $6").atoms) == (
        "between $5 and $6", ())  # fmt: skip
    assert len(rich(r"a 2$\times$3 grid of \(x\)").atoms) == 2
    assert len(rich("$x$ and $y$").atoms) == 2
    assert rich(r"$\nonsense$").troubles[0].code == "formula"

"""MathML as LaTeX, as far as OneNote's formulas go (presentation elements of MathML 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Convert = Callable[[Any], str]

_LETTERS = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        str.split(
            "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho "
            "sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi "
            "Omega"
        ),
        strict=True,
    )
)
_SIGNS = {
    "∑": "sum", "∏": "prod", "∫": "int", "∮": "oint", "∞": "infty", "±": "pm", "∓": "mp",
    "×": "times", "÷": "div", "⋅": "cdot", "·": "cdot", "≤": "le", "≥": "ge", "≠": "ne",
    "≈": "approx", "≡": "equiv", "→": "to", "←": "leftarrow", "⇒": "Rightarrow",
    "⇔": "Leftrightarrow",
    "∈": "in", "∉": "notin", "⊂": "subset", "⊆": "subseteq", "∪": "cup", "∩": "cap",
    "∅": "emptyset",
    "∀": "forall", "∃": "exists", "∂": "partial", "∇": "nabla", "√": "surd", "∝": "propto",
    "…": "dots", "⋯": "cdots", "¬": "neg", "∧": "land", "∨": "lor", "∘": "circ", "′": "prime",
    "ℝ": "mathbb{R}", "ℕ": "mathbb{N}", "ℤ": "mathbb{Z}", "ℚ": "mathbb{Q}", "ℂ": "mathbb{C}",
}  # fmt: skip
_ESCAPED = {"{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&", "_": r"\_", "$": r"\$"}
_SILENT = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b\ufeff"))
_ACCENTS = {"^": "hat", "¯": "bar", "‾": "bar", "→": "vec", "~": "tilde", "˙": "dot", "̂": "hat"}
_NAMES = frozenset(
    str.split("sin cos tan cot sec csc log ln exp lim max min sup inf det gcd arg dim")
)


def latex(math: Any) -> str:
    """A ``math`` element's formula; its own TeX where it carries one."""
    for one in math.iter():
        if _name(one) == "annotation" and "tex" in (one.get("encoding") or "").lower():
            return (one.text or "").strip()
    return _row(math).strip()


def _name(element: Any) -> str:
    tag = element.tag
    if not isinstance(tag, str):
        return ""
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def _children(element: Any) -> list[Any]:
    return [one for one in element if _name(one)]


def _row(element: Any) -> str:
    return "".join(map(_one, _children(element))) or _symbols(element.text or "")


def _one(element: Any) -> str:
    convert = _CONVERT.get(_name(element))
    return convert(element) if convert else _row(element)


def _symbols(text: str) -> str:
    found = []
    for char in text.translate(_SILENT).strip():
        word = _LETTERS.get(char) or _SIGNS.get(char)
        found.append(f"\\{word} " if word else _ESCAPED.get(char, char))
    return "".join(found)


def _identifier(element: Any) -> str:
    text = (element.text or "").translate(_SILENT).strip()
    if text in _NAMES:
        return f"\\{text} "
    if len(text) > 1 and text.isalpha():
        return f"\\mathrm{{{text}}}"
    return _symbols(text)


def _words(element: Any) -> str:
    text = element.text_content() if hasattr(element, "text_content") else element.text or ""
    return f"\\text{{{text}}}" if text.strip() else " "


def _parts(element: Any, count: int) -> list[str]:
    found = [_one(one) for one in _children(element)][:count]
    return found + [""] * (count - len(found))


def _script(marks: str) -> Convert:
    def convert(element: Any) -> str:
        base, *scripts = _parts(element, len(marks) + 1)
        found = "".join(
            f"{mark}{{{one.strip()}}}" for mark, one in zip(marks, scripts, strict=True)
        )
        base = base.strip()
        return f"{base if len(base) == 1 or base.startswith(chr(92)) else f'{{{base}}}'}{found}"

    return convert


def _over(element: Any) -> str:
    base, mark = _parts(element, 2)
    accent = _ACCENTS.get(mark.strip()) or ("vec" if mark.strip() == "\\to" else None)
    return f"\\{accent}{{{base}}}" if accent else _script("^")(element)


def _fraction(element: Any) -> str:
    above, below = _parts(element, 2)
    return f"\\frac{{{above}}}{{{below}}}"


def _root(element: Any) -> str:
    base, degree = _parts(element, 2)
    return f"\\sqrt[{degree}]{{{base}}}"


def _fenced(element: Any) -> str:
    opening = _ESCAPED.get(element.get("open", "("), element.get("open", "("))
    closing = _ESCAPED.get(element.get("close", ")"), element.get("close", ")"))
    inner = (element.get("separators", ",") or "")[:1].join(map(_one, _children(element)))
    return f"\\left{opening or '.'}{inner}\\right{closing or '.'}"


def _table(element: Any) -> str:
    lines = (" & ".join(_row(cell) for cell in _children(row)) for row in _children(element))
    return "\\begin{matrix}" + " \\\\ ".join(lines) + "\\end{matrix}"


_CONVERT: dict[str, Convert] = {
    "mi": _identifier,
    "mn": lambda one: _symbols(one.text or ""),
    "mo": lambda one: _symbols(one.text or ""),
    "ms": _words,
    "mtext": _words,
    "mspace": lambda _one: " ",
    "msup": _script("^"),
    "msub": _script("_"),
    "msubsup": _script("_^"),
    "munder": _script("_"),
    "munderover": _script("_^"),
    "mover": _over,
    "mfrac": _fraction,
    "msqrt": lambda one: f"\\sqrt{{{_row(one)}}}",
    "mroot": _root,
    "mfenced": _fenced,
    "mtable": _table,
    "annotation": lambda _one: "",
    "annotation-xml": lambda _one: "",
}

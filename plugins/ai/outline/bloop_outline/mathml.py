"""MathML as LaTeX: what formulas of lessons hold, and no more."""

from __future__ import annotations

from lxml.etree import _Element as Element

from bloop_outline.blocks import names

DEEPEST = 40
_OPERATORS = {
    "×": r"\times ", "÷": r"\div ", "±": r"\pm ", "·": r"\cdot ", "⋅": r"\cdot ", "−": "-",
    "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "→": r"\to ", "⇒": r"\Rightarrow ",
    "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "∞": r"\infty ", "∈": r"\in ", "∂": r"\partial ",
    "∪": r"\cup ", "∩": r"\cap ", "∀": r"\forall ", "∃": r"\exists ", "√": r"\surd ",
    "{": r"\{", "}": r"\}", "%": r"\%", "#": r"\#", "&": r"\&", "$": "", "\\": r"\backslash ",
    "\u2061": "", "\u2062": "", "\u2063": "", "\u2064": "",
}  # fmt: skip
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi",
    "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta",
    "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
_FUNCTIONS = names("sin cos tan log ln exp lim min max det gcd arcsin arccos arctan")


def latex_of(math: Element) -> str:
    """LaTeX of a ``<math>`` element: its own annotation, or what its elements say."""
    for annotation in math.iter("annotation"):
        if "tex" in (annotation.get("encoding") or "").lower() and annotation.text:
            return str(annotation.text)
    if alternative := math.get("alttext"):
        return str(alternative)
    return _children(math, 0)


def _children(element: Element, depth: int) -> str:
    if depth > DEEPEST:
        return ""
    return "".join(_one(child, depth + 1) for child in element)


def _one(element: Element, depth: int) -> str:
    tag = element.tag
    if not isinstance(tag, str) or tag.startswith("annotation"):
        return ""
    text = (element.text or "").strip()
    if tag == "mi":
        return _name(text)
    if tag in {"mn", "mo", "ms"}:
        return "".join(_OPERATORS.get(sign, sign) for sign in text)
    if tag == "mtext":
        return rf"\text{{{text}}}" if text and not set(text) & set("{}$\\") else ""
    template, count = _SHAPES.get(tag, ("", 0))
    if count and len(element) >= count:
        return template.format(*(f"{{{_one(child, depth)}}}" for child in element[:count]))
    if tag == "msqrt":
        return rf"\sqrt{{{_children(element, depth)}}}"
    if tag == "mfenced":
        return rf"\left({','.join(_one(child, depth) for child in element)}\right)"
    if tag == "mtable":
        rows = [" & ".join(_children(cell, depth) for cell in row) for row in element]
        return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"
    return _children(element, depth)


_SHAPES = {
    "mfrac": (r"\frac{}{}", 2),
    "msup": ("{}^{}", 2),
    "msub": ("{}_{}", 2),
    "msubsup": ("{}_{}^{}", 3),
    "munder": ("{}_{}", 2),
    "mover": ("{}^{}", 2),
    "munderover": ("{}_{}^{}", 3),
    "mroot": (r"\sqrt[{1}]{0}", 2),
}


def _name(text: str) -> str:
    if text in _FUNCTIONS:
        return rf"\{text} "
    signs = "".join(rf"\{_GREEK[s]} " if s in _GREEK else _OPERATORS.get(s, s) for s in text)
    return rf"\mathrm{{{signs}}}" if len(text) > 1 and text.isalpha() else signs

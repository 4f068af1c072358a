"""Formulas in plain characters, for captions: ``x^2`` as x²."""

from __future__ import annotations

import re

from bloop_studio.spoken.tree import Node, parsed

_UP = dict(
    zip(
        "0123456789+−=()niabcdefghjklmoprstuvwxyzTAB",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᴬᴮ",
        strict=True,
    )
)
_DOWN = dict(
    zip("0123456789+−=()aeoxhklmnpstijruv", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜᵢⱼᵣᵤᵥ", strict=True)
)
_ACCENTS = {
    "→": "\u20d7", "^": "\u0302", "ˆ": "\u0302", "¯": "\u0304", "‾": "\u0305", "―": "\u0305",
    "~": "\u0303", "˜": "\u0303", "˙": "\u0307", "¨": "\u0308",
}  # fmt: skip
_AROUND = frozenset("−=≠≈≡<>≤≥⩽⩾→⟶←↔↦⇒⟹⇔⟺∈∉⊂⊆⊃⊇∪∩∧∨+±×·∣∝∼")
_PRIMES = frozenset("′″‴∘⊤*")


def plain_formula(latex: str) -> str:
    """What can be written in a line of plain text; the LaTeX itself where it is no formula."""
    tree = parsed(latex)
    return latex if tree is None else " ".join(_plain(tree).split()).replace(" ,", ",")


def _plain(node: Node) -> str:
    if node.kind in {"sub", "sup", "subsup"}:
        return _scripted(node)
    match node.kind, node.children:
        case "row", children:
            return _row(children)
        case "frac", (above, below):
            return f"{_grouped(above)}/{_grouped(below)}"
        case "binomial", (above, below):
            return f"({_plain(above)} {_plain(below)})"
        case "sqrt", (inside,):
            return f"√{_grouped(inside)}"
        case "root", (inside, degree):
            return f"{_script(degree, _UP, '')}√{_grouped(inside)}"
        case "over", (base, accent):
            return _plain(base) + _ACCENTS.get(accent.text, "")
        case "fenced", (inside,):
            return f"{node.text[:1]}{_plain(inside)}{node.text[1:]}"
        case "table", rows:
            return "; ".join(" ".join(_plain(cell) for cell in row.children) for row in rows)
    return node.text


def _scripted(node: Node) -> str:
    base, *scripts = node.children
    below = _script(scripts[0], _DOWN, "_") if node.kind != "sup" else ""
    return _plain(base) + below + (_script(scripts[-1], _UP, "^") if node.kind != "sub" else "")


def _row(nodes: tuple[Node, ...]) -> str:
    out: list[str] = []
    before = Node("sign")
    for node in nodes:
        said = _plain(node)
        binary = node.kind == "sign" and before.kind != "sign" and node.text in _AROUND
        # After a bracket or another sign, a minus belongs to what follows.
        if binary or node.kind == "text" or _head(node) in _BIG or len(_head(node)) > 1:
            said = f" {said} "
        elif node.text in {",", ";", ":"}:
            said = f"{said} "
        out.append(said)
        before = node
    return "".join(out)


_BIG = frozenset("∑∏∫∬∭∮⋃⋂")


def _head(node: Node) -> str:
    while node.children and node.kind in {"sub", "sup", "subsup"}:
        node = node.children[0]
    return node.text if node.kind in {"name", "sign"} else ""


def _grouped(node: Node) -> str:
    said = " ".join(_plain(node).split())
    return said if re.fullmatch(r"\w+|\d+[.,]\d+|[^\W\d]\W?", said) else f"({said})"


def _script(node: Node, signs: dict[str, str], mark: str) -> str:
    said = " ".join(_plain(node).split())
    if said and all(one in _PRIMES for one in said) and signs is _UP:
        return said.replace("∘", "°").replace("⊤", "ᵀ")
    small = "".join(signs.get(one, " ") for one in said.replace(" ", ""))
    if small and " " not in small:
        return small
    return f"{mark}{said}" if len(said) == 1 else f"{mark}({said})"

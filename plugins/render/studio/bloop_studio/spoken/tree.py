"""A formula as a tree: LaTeX read by latex2mathml, and its MathML made plain."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from xml.etree.ElementTree import Element

LONGEST = 2000
OPEN = {"(": ")", "[": "]", "{": "}", "⌊": "⌋", "⌈": "⌉", "⟨": "⟩"}
BARS = frozenset("|‖∣∥")
_CLOSE = {closing: opening for opening, closing in OPEN.items()}
_SCRIPTS = {
    "msub": "sub", "munder": "sub", "msup": "sup", "mover": "over", "msubsup": "subsup",
    "munderover": "subsup",
}  # fmt: skip
_SAME = str.maketrans({"-": "−", "∕": "/", "‐": "−", "ʹ": "′"})
_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_THIN = re.compile(r"(?<=\d)\\[,;:](?=\d{3})")
_KEPT = frozenset("ℝℕℤℚℂℏ′″‴…⋯⋮∬∭")
_IGNORED = frozenset({"&", "\u2061", "\u2062", "\u2063", ""})


@dataclass(frozen=True, slots=True)
class Node:
    """``kind``: ``number name sign text row frac sqrt root sub sup subsup over table fenced``.

    ``text`` is the name, sign or number; of ``fenced``, its opening sign. Children are the base
    first, then what is below it, then what is above. A table's are rows of cells.
    """

    kind: str
    text: str = ""
    children: tuple[Node, ...] = ()

    def plain(self) -> str:
        """All names, signs and numbers in it."""
        return self.text + "".join(one.plain() for one in self.children)


@lru_cache(maxsize=1024)
def parsed(latex: str) -> Node | None:
    """The formula's tree; None where it is no formula."""
    from latex2mathml.converter import convert_to_element

    latex = _THIN.sub("", _COMMA.sub(".", latex))
    if not latex.strip() or len(latex) > LONGEST:
        return None
    try:
        return _row(convert_to_element(latex))
    except Exception:  # noqa: BLE001 - a parser of formulas may raise anything
        return None


def _row(element: Element) -> Node:
    nodes = list(_flat(element))
    return _wrapped(_fenced(nodes))


def _wrapped(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Node("row", "", tuple(nodes))


def _flat(element: Element) -> Iterator[Node]:
    """The nodes of a row, those of rows within it in its place."""
    for child in element:
        if child.tag in {"mrow", "mstyle", "math", "mpadded", "menclose"}:
            yield from _flat(child)
        elif child.tag == "mspace":
            if child.get("linebreak") == "newline":
                yield Node("sign", ";")
        else:
            node = _node(child)
            if node.kind in {"row", "fenced", "frac"} or node.children or node.text:
                yield node


def _node(element: Element) -> Node:
    text = html.unescape(element.text or "").translate(_SAME).strip("\\")
    if element.tag == "mtext":
        return Node("text", " ".join(text.split()))
    if element.tag == "mn":
        return Node("number", text)
    if element.tag in {"mi", "mo"}:
        if text not in _KEPT:
            text = unicodedata.normalize("NFKC", text).translate(_SAME)
        letters = text.isalpha() and text not in _KEPT
        return Node("", "") if text in _IGNORED else Node("name" if letters else "sign", text)
    if element.tag == "mfrac":
        kind = "binomial" if element.get("linethickness") == "0" else "frac"
        return Node(kind, "", _children(element, 2))
    if element.tag == "msqrt":
        return Node("sqrt", "", (_row(element),))
    if element.tag == "mroot":
        return Node("root", "", _children(element, 2))
    if element.tag in _SCRIPTS:
        return _script(element)
    if element.tag == "mtable":
        rows = [Node("row", "", tuple(_row(cell) for cell in row)) for row in element]
        return Node("table", "", tuple(rows))
    return _row(element)


def _children(element: Element, count: int) -> tuple[Node, ...]:
    found = [_inner(child) for child in element]
    if len(found) != count:
        raise ValueError(f"{element.tag} has {len(found)} parts")
    return tuple(found)


def _inner(element: Element) -> Node:
    return _row(element) if element.tag in {"mrow", "mstyle"} else _node(element)


def _script(element: Element) -> Node:
    kind = _SCRIPTS[element.tag]
    children = _children(element, 3 if kind == "subsup" else 2)
    if kind == "over" and children[1].text not in _ACCENTS:
        kind = "sup"
    if kind == "sub" and children[1].text in {"⏟", "_", "―"}:
        return children[0]
    return Node(kind, "", children)


_ACCENTS = frozenset(
    {"→", "^", "¯", "‾", "―", "~", "˙", "¨", "⏞", "ˆ", "˜", "ˉ", "\u0304", " ̄", " ̈", " ̇"}
)


def _fenced(nodes: Sequence[Node]) -> list[Node]:
    """Parentheses that belong together become one node, with their exponents around it."""
    out: list[Node] = []
    at = 0
    while at < len(nodes):
        end = _closing(nodes, at)
        if end is None:
            out.append(nodes[at])
            at += 1
            continue
        inside = _wrapped(_fenced(nodes[at + 1 : end]))
        last = nodes[end]
        pair = Node("fenced", nodes[at].text + _bare(last), (inside,))
        # In (a+b)^2 the exponent hangs on the closing sign.
        scripted = last.kind in {"sub", "sup", "subsup"}
        out.append(Node(last.kind, "", (pair, *last.children[1:])) if scripted else pair)
        at = end + 1
    return _without_doubles(out)


def _without_doubles(nodes: list[Node]) -> list[Node]:
    """latex2mathml puts parentheses around a binomial itself."""
    out: list[Node] = []
    for node in nodes:
        lone = node.children[0] if node.kind == "fenced" else None
        out.append(lone if lone is not None and lone.kind == "binomial" else node)
    return out


def _bare(node: Node) -> str:
    """The sign itself, without what hangs on it."""
    if node.kind in {"sub", "sup", "subsup"}:
        return _bare(node.children[0])
    return node.text if node.kind == "sign" else ""


def _closing(nodes: Sequence[Node], at: int) -> int | None:
    opening = nodes[at].text if nodes[at].kind == "sign" else ""
    if opening in BARS:
        # Behind a value it is "given" or "divides"; elsewhere it opens.
        before = nodes[at - 1] if at else Node("sign")
        if before.kind not in {"sign", "number"} and len(before.text) < 2:
            return None
        ends = (n for n in range(at + 2, len(nodes)) if _bare(nodes[n]) == opening)
        return next(ends, None)
    if opening not in OPEN:
        return None
    depth = 0
    for number in range(at, len(nodes)):
        sign = _bare(nodes[number])
        if sign in OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
            if depth == 0:
                return number
    return None

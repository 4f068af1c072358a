"""Formulas read aloud: rules over their trees, words from a language's tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bloop_studio.spoken.numbers import say_number
from bloop_studio.spoken.tables import Tables
from bloop_studio.spoken.tree import BARS, Node, parsed

_BIG = {
    "∑": "sum", "∏": "product", "∫": "integral", "∬": "integral", "∭": "integral",
    "∮": "integral", "⋃": "union", "⋂": "intersection",
}  # fmt: skip
_BOUNDED = frozenset({"max", "min", "sup", "inf", "argmax", "argmin", "Pr"})
_CALLED = frozenset("fghFGHPpEOTLVφψΦΓδuvyq")
"""Names before a parenthesis that are functions; others are taken as factors."""
_ACCENTS = {
    "→": "vector", "^": "hat", "ˆ": "hat", "¯": "bar", "‾": "bar", "―": "bar", "ˉ": "bar",
    "~": "tilde", "˜": "tilde", "˙": "dot", "¨": "ddot", " ̄": "bar", " ̈": "ddot", " ̇": "dot",
}  # fmt: skip
_POWERS = {
    "2": "squared", "3": "cubed", "−1": "inverse", "⊤": "transposed", "T": "transposed",
    "*": "star", "∗": "star", "⋆": "star", "∘": "degrees", "″": "prime2", "‴": "prime3",
}  # fmt: skip
_MOST_CELLS = 6


def read_formula(latex: str, tables: Tables) -> str:
    """``x^2`` as "x squared"; what is no formula is said to be one."""
    tree = parsed(latex)
    said = "" if tree is None else _tidy(_Reader(tables).say(tree))
    return said or tables.formula["formula"]


def _tidy(text: str) -> str:
    return re.sub(r"[,;]+(?=[,;])", "", re.sub(r"\s+([,;])", r"\1", " ".join(text.split())))


class _Reader:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._words = tables.formula
        self._kinds: dict[str, Callable[[Node], str]] = {
            "number": lambda node: say_number(node.text, tables),
            "name": lambda node: self._name(node.text),
            "sign": lambda node: self._sign(node.text),
            "text": lambda node: node.text,
            "row": lambda node: self._row(node.children),
            "sqrt": lambda node: self._fill("sqrt", node.children[0]),
            "root": lambda node: self._root(*node.children),
            "frac": lambda node: self._fraction(*node.children),
            "binomial": lambda node: self._fill("binomial", *node.children),
            "sub": self._scripted,
            "sup": self._scripted,
            "subsup": self._scripted,
            "over": self._accented,
            "table": self._table,
            "fenced": self._fenced,
        }

    def say(self, node: Node) -> str:
        return self._kinds[node.kind](node) if node.kind in self._kinds else ""

    def _fill(self, key: str, *parts: Node | str) -> str:
        said = (one if isinstance(one, str) else self.say(one) for one in parts)
        return self._words[key].format(*said)

    def _accented(self, node: Node) -> str:
        base, accent = node.children
        return self._fill(_ACCENTS.get(accent.text, "bar"), base)

    def _name(self, name: str) -> str:
        if name in self._tables.functions:
            return self._tables.functions[name]
        if name in self._tables.letters:
            return self._tables.letters[name]
        return self._tables.greek.get(name, name)

    def _sign(self, sign: str) -> str:
        if sign in _BIG:
            return self._fill("of", self._words[_BIG[sign]])
        if sign == "|":
            return self._words["given"]
        if sign in self._tables.operators:
            return self._tables.operators[sign]
        return sign if sign in {",", ";", "."} else self._tables.operators.get(sign[:1], "")

    def _row(self, nodes: Sequence[Node]) -> str:
        said: list[str] = []
        at = 0
        while at < len(nodes):
            word, taken = self._next(nodes, at)
            said.append(word)
            at += taken
        return " ".join(said)

    def _next(self, nodes: Sequence[Node], at: int) -> tuple[str, int]:
        """What is said of the nodes from ``at``, and how many these are."""
        node = nodes[at]
        following = nodes[at + 1] if at + 1 < len(nodes) else None
        if node.text == "{" and following is not None and following.kind == "table":
            return self._cases(following), 2
        if following is not None:
            applied = self._applied(node, following)
            if applied:
                return applied, 2
            if node.kind == "number" and _base(following).kind == "fenced":
                return f"{self.say(node)} {self._sign('·')}", 1
        if node.text == ":" and any(one.text in {"→", "↦"} for one in nodes[at:]):
            return ",", 1
        return self.say(node), 1

    def _applied(self, node: Node, following: Node) -> str | None:
        fenced = _base(following)
        if fenced.kind == "fenced" and _calls(node, self._tables):
            said = self._fill("apply", node, self._argument(fenced))
            return self._power(said, node, following.children[1]) if fenced != following else said
        if node.kind == "sup" and node.children[0].text in self._tables.functions:
            return self._fill("apply", node, following)
        return None

    def _argument(self, fenced: Node) -> str:
        inside = fenced.children[0]
        given = f" {self._words['given']} "
        if inside.kind != "row":
            return self.say(inside)
        parts: list[list[Node]] = [[]]
        for node in inside.children:
            if node.kind == "sign" and node.text in BARS:
                parts.append([])
            else:
                parts[-1].append(node)
        return given.join(self._row(one) for one in parts)

    def _root(self, inside: Node, degree: Node) -> str:
        if degree.text == "3":
            return self._fill("cbrt", inside)
        return self._fill("root", inside, degree)

    def _fraction(self, above: Node, below: Node) -> str:
        derivative = self._derivative(above, below)
        if derivative:
            return derivative
        known = self._tables.fractions.get(f"{above.text}/{below.text}")
        if known and above.kind == below.kind == "number":
            return known
        simple = _simple(above) and _simple(below)
        return self._fill("over" if simple else "fraction", above, below)

    def _derivative(self, above: Node, below: Node) -> str | None:
        """Leibniz's notation: d y over d x, also of second order and partial."""
        top, bottom = _parts(above), _parts(below)
        if not top or len(bottom) != 2:
            return None
        mark, order = _differential(top[0])
        if mark is None or bottom[0].text != mark:
            return None
        variable, power = bottom[1], "1"
        if variable.kind == "sup":
            variable, power = variable.children[0], variable.children[1].text
        if power != order or order not in {"1", "2"}:
            return None
        kind = "partial" if mark == "∂" else "derivative"
        if len(top) == 1:
            bare = "partially" if mark == "∂" else "derive"
            return None if order == "2" else self._fill(bare, variable)
        suffix = "2" if order == "2" else ""
        return self._fill(kind + suffix, self._row(top[1:]), variable)

    def _scripted(self, node: Node) -> str:
        base, *scripts = node.children
        below = scripts[0] if node.kind != "sup" else None
        above = scripts[-1] if node.kind != "sub" else None
        if base.kind == "sign" and base.text in _BIG:
            return self._big(base.text, below, above)
        if base.text == "lim" and below is not None:
            return self._limit(below)
        if base.text in _BOUNDED and below is not None and above is None:
            return self._fill("bounded", base, below)
        if base.text in {"log", "lg"} and below is not None and above is None:
            return self._fill("log", below)
        if base.kind == "row" and base.plain().endswith("|") and below is not None:
            return self._fill("at", self._row(base.children[:-1]), below)
        said = self.say(base)
        if below is not None:
            said = self._words["sub"].format(said, self.say(below))
        return said if above is None else self._power(said, base, above)

    def _power(self, said: str, base: Node, above: Node) -> str:
        text = above.plain()
        known = _POWERS.get(text)
        if known == "inverse" and not (base.text in _CALLED or base.text.isupper()):
            known = None
        if known == "transposed" and text == "T" and not base.plain().isupper():
            known = None
        if set(text) == {"′"}:
            known = ("prime", "prime2", "prime3")[min(len(text), 3) - 1]
        return self._fill(known, said) if known else self._fill("power", said, above)

    def _big(self, sign: str, below: Node | None, above: Node | None) -> str:
        name = self._words[_BIG[sign]]
        if below is None:
            return self._fill("of", name)
        if above is None:
            return self._fill("over_of", name, below)
        return self._fill("from_to", name, below, above)

    def _limit(self, below: Node) -> str:
        parts = _parts(below)
        arrow = next((n for n, one in enumerate(parts) if one.text in {"→", "⟶"}), None)
        if arrow is None:
            return self._fill("bounded", self._name("lim"), below)
        return self._fill("limit", self._row(parts[:arrow]), self._row(parts[arrow + 1 :]))

    def _fenced(self, node: Node) -> str:
        inside, opening, closing = node.children[0], node.text[:1], node.text[1:]
        if inside.kind == "table":
            return self._table(inside, determinant=opening in BARS)
        wrapped = {"|": "absolute", "‖": "norm", "⌊": "floor", "⌈": "ceiling", "⟨": "inner"}
        if opening in wrapped:
            return self._fill(wrapped[opening], self._listed(inside))
        if opening == "{":
            return self._fill("set", self._set(inside))
        if (opening == "[" or closing == "]") and len(_split(inside)) == 2:
            return self._fill("interval", *(self._row(one) for one in _split(inside)))
        parts = _parts(inside)
        if parts and parts[0].text == "mod":
            return self._fill("modulo", self._row(parts[1:]))
        if len(parts) <= 1 or len(_split(inside)) > 1:
            return self.say(inside)
        return f"{self._words['open']} {self.say(inside)} {self._words['close']}"

    def _listed(self, inside: Node) -> str:
        parts = [self._row(one) for one in _split(inside)]
        return f" {self._words['and']} ".join(parts) if len(parts) == 2 else ", ".join(parts)

    def _set(self, inside: Node) -> str:
        said = []
        for node in _parts(inside):
            bar = node.kind == "sign" and (node.text in BARS or node.text == ":")
            said.append(self._words["such_that"] if bar else self.say(node))
        return " ".join(said)

    def _table(self, node: Node, *, determinant: bool = False) -> str:
        rows = [row.children for row in node.children]
        high, wide = len(rows), max((len(row) for row in rows), default=0)
        size = [say_number(str(count), self._tables) for count in (high, wide)]
        if wide == 1 and high <= _MOST_CELLS:
            return self._fill("column", ", ".join(self.say(row[0]) for row in rows if row))
        if high * wide > _MOST_CELLS:
            said = self._fill("matrix", *size)
        else:
            lines = [", ".join(self.say(cell) for cell in row) for row in rows]
            said = self._fill("matrix_rows", *size, f"; {self._words['and']} ".join(lines))
        return self._fill("determinant", said) if determinant else said

    def _cases(self, node: Node) -> str:
        said = []
        for value, *condition in (row.children for row in node.children if row.children):
            words = [self.say(one) for one in condition]
            if not words:
                said.append(self.say(value))
            elif any(one.kind == "text" for cell in condition for one in _parts(cell)):
                said.append(f"{self.say(value)} {' '.join(words)}")
            else:
                said.append(self._fill("case", value, " ".join(words)))
        return "; ".join(said)


def _base(node: Node) -> Node:
    return node.children[0] if node.kind == "sup" else node


def _parts(node: Node) -> tuple[Node, ...]:
    return node.children if node.kind == "row" else (node,)


def _split(node: Node) -> list[tuple[Node, ...]]:
    """The nodes between commas."""
    found: list[list[Node]] = [[]]
    for one in _parts(node):
        if one.kind == "sign" and one.text in {",", ";"}:
            found.append([])
        else:
            found[-1].append(one)
    return [tuple(one) for one in found]


def _simple(node: Node) -> bool:
    if node.kind in {"sub", "sup", "over"}:
        return all(_simple(one) for one in node.children)
    if node.kind == "row":
        # A product of two, such as 2 x.
        return len(node.children) <= 2 and all(
            one.kind in {"number", "name", "sub", "sup"} and _simple(one) for one in node.children
        )
    return node.kind in {"number", "name"}


def _differential(node: Node) -> tuple[str | None, str]:
    order = "1"
    if node.kind == "sup":
        order, node = node.children[1].text, node.children[0]
    return (node.text if node.text in {"d", "∂"} else None), order


def _calls(node: Node, tables: Tables) -> bool:
    """Whether what follows in parentheses is the argument of ``node``."""
    while node.kind in {"sub", "sup", "subsup", "over"}:
        if node.kind == "sub" and node.children[0].text in {"log", "lg", "lim"}:
            return False
        node = node.children[0]
    name = node.text
    function = name in tables.functions or (len(name) > 1 and name.isalpha())
    return node.kind == "name" and (name in _CALLED or function)

"""LaTeX's mathematics into Typst's.

What is written here is made of known names, quoted strings and escaped signs only: nothing of a
formula reaches Typst as it stands, so that a formula can neither run code there nor name a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pylatexenc import latexwalker as lw

from bloop_manim.drawing import latex_symbols as names
from bloop_manim.drawing.latex_known import ARGUMENTS, KNOWN, RELATIONS, SIGNS, TEXTS, quoted, sign

DEEPEST: Final = 30


class FormulaError(ValueError):
    """A formula that can't be set; ``place`` is where (characters from its start)."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.place = place


@dataclass(frozen=True, slots=True)
class Maths:
    """A formula for Typst; ``lead`` is what stands before its first relation, if that is known."""

    typst: str
    lead: str | None = None


def to_typst(latex: str) -> Maths:
    """Raises :class:`FormulaError`, which says what is not known and where."""
    try:
        walker = lw.LatexWalker(latex, latex_context=KNOWN, tolerant_parsing=False)
        nodes, _, _ = walker.get_latex_nodes(
            parsing_state=walker.make_parsing_state(in_math_mode=True)
        )
    except lw.LatexWalkerParseError as err:
        place = getattr(err, "pos", None) or 0
        raise FormulaError(str(err.msg).split("\n")[0], place) from err
    except (RecursionError, IndexError, AttributeError, TypeError) as err:
        raise FormulaError("not LaTeX that can be read", 0) from err
    tokens = _Translator(latex).tokens(nodes, 0)
    if not any(tokens):
        raise FormulaError("an empty formula", 0)
    first = next((n for n, token in enumerate(tokens) if token in RELATIONS), None)
    lead = None if first is None or "&" in tokens else " ".join(tokens[:first])
    return Maths(" ".join(tokens), lead)


class _Translator:
    def __init__(self, latex: str) -> None:
        self.latex = latex

    def typst(self, nodes: list[Any], depth: int) -> str:
        """An argument: never empty, so that it stands where it is put."""
        return " ".join(self.tokens(nodes, depth)) or '""'

    def tokens(self, nodes: list[Any], depth: int) -> list[str]:
        """What each unit becomes; scripts are attached to what is before them."""
        if depth > DEEPEST:
            raise FormulaError("nested too deeply", nodes[0].pos if nodes else 0)
        atoms = self._atoms(nodes)
        out: list[str] = []
        at = 0
        while at < len(atoms):
            atom = atoms[at]
            if isinstance(atom, str):
                if _is_script(atom):
                    scripts, at = self._scripts(atoms, at, depth)
                    base = out.pop() if out and out[-1] not in {"&", "\\"} else '""'
                    out.append(f"attach({base}, {scripts})")
                    continue
                at = self._number(atoms, at, out)
                continue
            if atom.isNodeType(lw.LatexMacroNode) and atom.macroname == "left":
                fenced, at = self._fenced(atoms, at, depth)
                out.append(fenced)
                continue
            if atom.isNodeType(lw.LatexMacroNode) and atom.macroname == "not":
                out.append(self._negated(atom, depth))
            else:
                out += self._node(atom, depth)
            at += 1
        return [token for token in out if token]

    def _atoms(self, nodes: list[Any]) -> list[Any]:
        """Nodes, with text in its single characters and without blanks and comments."""
        atoms: list[Any] = []
        for node in nodes or []:
            if node is None or node.isNodeType(lw.LatexCommentNode):
                continue
            if node.isNodeType(lw.LatexCharsNode):
                atoms += [char for char in node.chars if not char.isspace()]
            elif node.isNodeType(lw.LatexSpecialsNode):
                atoms += list(node.specials_chars)
            else:
                atoms.append(node)
        return atoms

    def _number(self, atoms: list[Any], at: int, out: list[str]) -> int:
        """A number in one piece, else one character."""
        end = at
        while (
            end < len(atoms)
            and isinstance(atoms[end], str)
            and (atoms[end].isdecimal() or (atoms[end] == "." and end > at))
        ):
            end += 1
        if end > at:
            digits = "".join(atoms[at:end])
            # A full stop after a number ends the sentence.
            whole = digits.rstrip(".")
            # The last digit alone takes the scripts; to the eye it is the same.
            out.append(whole if whole.isascii() else quoted(whole))
            out += ["."] * (len(digits) - len(whole))
            return end
        out.append(sign(atoms[at]))
        return at + 1

    def _scripts(self, atoms: list[Any], at: int, depth: int) -> tuple[str, int]:
        above: list[str] = []
        below: list[str] = []
        while at < len(atoms) and _is_script(atoms[at]):
            if atoms[at] == "'":
                above.append("′")
                at += 1
                continue
            where = above if atoms[at] == "^" else below
            if at + 1 >= len(atoms):
                raise FormulaError(f"nothing after {atoms[at]}", len(self.latex))
            taken = atoms[at + 1]
            if isinstance(taken, str):
                where.append(sign(taken))
            else:
                where.append(self.typst([taken], depth + 1))
            at += 2
        pairs = [("t", above), ("b", below)]
        return ", ".join(f"{key}: {' '.join(text)}" for key, text in pairs if text), at

    def _fenced(self, atoms: list[Any], at: int, depth: int) -> tuple[str, int]:
        level, inside = 1, at + 1
        while inside < len(atoms) and level:
            atom = atoms[inside]
            if not isinstance(atom, str) and atom.isNodeType(lw.LatexMacroNode):
                level += {"left": 1, "right": -1}.get(atom.macroname, 0)
            inside += 1
        if level:
            raise FormulaError(r"\left without its \right", atoms[at].pos)
        opening, closing = self._delimiter(atoms[at]), self._delimiter(atoms[inside - 1])
        body = " ".join(self._mixed(atoms[at + 1 : inside - 1], depth + 1)) or '""'
        return f"lr({opening} {body} {closing})", inside

    def _mixed(self, atoms: list[Any], depth: int) -> list[str]:
        return _Mixed(self.latex, atoms).tokens(atoms, depth)

    def _delimiter(self, macro: Any) -> str:
        r"""The sign after \left, \right or \middle; a point is none."""
        signs = self._atoms(self._arguments(macro)[0])
        if len(signs) != 1:
            raise FormulaError(f"no delimiter after \\{macro.macroname}", macro.pos)
        if isinstance(signs[0], str):
            signs[0] = {"<": "⟨", ">": "⟩", "/": "/", "|": "|"}.get(signs[0], signs[0])
            found = "" if signs[0] == "." else sign(signs[0])
        else:
            found = (self._node(signs[0], 0) or [""])[0]
        return found[len('class("normal", ') : -1] if found.startswith("class(") else found

    def _negated(self, macro: Any, depth: int) -> str:
        inner = self.typst(self._arguments(macro)[0], depth + 1)
        plain = inner.replace("\\", "")
        if plain not in names.NEGATED:
            raise FormulaError(f"\\not before {plain}", macro.pos)
        return names.NEGATED[plain]

    def _arguments(self, node: Any) -> list[list[Any]]:
        given = node.nodeargd.argnlist if node.nodeargd and node.nodeargd.argnlist else []
        return [_inside(one) for one in given]

    def _node(self, node: Any, depth: int) -> list[str]:
        if node.isNodeType(lw.LatexGroupNode):
            return [self._group(node, depth)]
        if node.isNodeType(lw.LatexMathNode):
            return self.tokens(node.nodelist, depth + 1)
        if node.isNodeType(lw.LatexEnvironmentNode):
            return self._environment(node, depth)
        return self._macro(node, depth)

    def _group(self, node: Any, depth: int) -> str:
        left, right = node.delimiters
        inner = self.tokens(node.nodelist, depth + 1)
        if left == "{":
            # `3{,}141`: a comma in braces is no punctuation.
            body = '","' if inner == ["\\,"] else " ".join(inner)
            return f'class("normal", {body})' if len(inner) == 1 and inner[0] in RELATIONS else body
        return f"{sign(left)} {' '.join(inner)} {sign(right)}"

    def _macro(self, node: Any, depth: int) -> list[str]:
        name = node.macroname
        if name in SIGNS:
            return [SIGNS[name]] if SIGNS[name] else []
        if name in ARGUMENTS:
            return self._applied(name, node, depth)
        raise FormulaError(f"\\{name} is not known here", node.pos)

    def _applied(self, name: str, node: Any, depth: int) -> list[str]:  # noqa: C901, PLR0912 - one case a construct
        given = self._arguments(node)

        def argument(index: int) -> str:
            return self.typst(given[index] if index < len(given) else [], depth + 1)

        match name:
            case "frac" | "dfrac" | "tfrac" | "cfrac":
                return [f"frac({argument(0)}, {argument(1)})"]
            case "binom" | "dbinom" | "tbinom":
                return [f"binom({argument(0)}, {argument(1)})"]
            case "sqrt":
                root = f"root({argument(0)}, {argument(1)})"
                return [root if given[0] else f"sqrt({argument(1)})"]
            case "operatorname" | "operatorname*":
                limits = ", limits: #true" if name.endswith("*") else ""
                return [f"op({quoted(self._plain(given[0], node.pos))}{limits})"]
            case "overset" | "stackrel":
                return [f"attach(limits({argument(1)}), t: {argument(0)})"]
            case "underset":
                return [f"attach(limits({argument(1)}), b: {argument(0)})"]
            case "overbrace" | "underbrace" | "overbracket" | "underbracket":
                return [f"limits({name}({argument(0)}))"]
            case "pmod" | "pod":
                word = 'op("mod") thin ' if name == "pmod" else ""
                return [f"quad \\( {word}{argument(0)} \\)"]
            case "boxed" | "fbox":
                return [f"#box(stroke: 0.5pt, inset: 4pt, baseline: 4pt, ${argument(0)}$)"]
            case "substack":
                return [self._matrix(given[0], "#none", depth, "row-gap: 0.3em, ")]
            case "textcolor" | "colorbox":
                return [argument(1)]
            case "xrightarrow" | "xleftarrow" | "xLeftrightarrow":
                arrow = {"xrightarrow": "→", "xleftarrow": "←"}.get(name, "⇔")
                below = f", b: {argument(0)}" if given[0] else ""
                stretched = f"stretch({arrow}, size: #(100% + 1.2em))"
                return [f"attach(limits({stretched}), t: {argument(1)}{below})"]
            case "tag":
                return [f"wide {quoted('(' + self._plain(given[0], node.pos) + ')')}"]
            case "label" | "hspace" | "vspace" | "color" | "hphantom" | "vphantom":
                return ["space"] if name == "hspace" else []
            case "middle":
                return [f"mid({self._delimiter(node)})"]
            case "right":
                raise FormulaError(r"\right without its \left", node.pos)
        if name in names.ACCENTS:
            return [f"accent({argument(0)}, {names.ACCENTS[name]})"]
        if name in TEXTS:
            return [TEXTS[name].format(self._text(given[0], node.pos, depth))]
        return [names.STYLES.get(name, "{}").format(argument(0))]

    def _text(self, nodes: list[Any], place: int, depth: int) -> str:
        """Words, with formulas between dollars in them."""
        pieces: list[str] = []
        for node in nodes:
            if node.isNodeType(lw.LatexMathNode):
                pieces.append(self.typst(node.nodelist, depth + 1))
            else:
                pieces.append(quoted(self._plain([node], place)))
        return " ".join(pieces) or '""'

    def _plain(self, nodes: list[Any], place: int) -> str:
        words = ""
        for node in nodes:
            if node.isNodeType(lw.LatexCharsNode):
                words += node.chars
            elif node.isNodeType(lw.LatexGroupNode):
                words += self._plain(node.nodelist, place)
            elif node.isNodeType(lw.LatexMacroNode) and node.macroname in {*"%&#$_{} ,;:", "\\"}:
                words += node.macroname if node.macroname in "%&#$_{}" else " "
            elif node.isNodeType(lw.LatexMacroNode) and node.macroname in ARGUMENTS:
                words += self._plain(self._arguments(node)[0], place)
            elif node.isNodeType(lw.LatexSpecialsNode):
                words += {"~": " ", "``": "“", "''": "”"}.get(
                    node.specials_chars, node.specials_chars
                )
            elif not node.isNodeType(lw.LatexCommentNode):
                raise FormulaError(f"{node.latex_verbatim()} in a text", node.pos or place)
        return words

    def _environment(self, node: Any, depth: int) -> list[str]:
        name = node.environmentname
        if name in names.MATRICES:
            return [self._matrix(node.nodelist, names.MATRICES[name], depth, "")]
        if name in {"cases", "dcases", "rcases"}:
            rows = self._rows(node.nodelist, depth)
            lines = ", ".join(" & ".join(cells) for cells in rows)
            return [f"cases({'reverse: #true, ' if name == 'rcases' else ''}{lines})"]
        if name not in names.ALIGNED:
            raise FormulaError(f"\\begin{{{name}}} is not known here", node.pos)
        if depth:
            return [
                self._matrix(node.nodelist, "#none", depth, "align: #left, column-gap: 0.2em, ")
            ]
        rows = self._rows(node.nodelist, depth)
        return [token for row in rows for token in (*" & ".join(row).split(" "), "\\")][:-1]

    def _matrix(self, nodes: list[Any], delimiters: str, depth: int, more: str) -> str:
        rows = self._rows(nodes, depth)
        widest = max((len(row) for row in rows), default=1)
        even = [row + ['""'] * (widest - len(row)) for row in rows]
        body = "; ".join(", ".join(cells) for cells in even)
        return f"mat(delim: {delimiters}, {more}{body})"

    def _rows(self, nodes: list[Any], depth: int) -> list[list[str]]:
        r"""Cells between ``&`` in rows between ``\\``; the last row may be empty."""
        rows: list[list[list[Any]]] = [[[]]]
        for atom in self._atoms(nodes):
            if isinstance(atom, str) and atom == "&":
                rows[-1].append([])
            elif not isinstance(atom, str) and getattr(atom, "macroname", "") in {"\\", "cr"}:
                rows.append([[]])
            else:
                rows[-1][-1].append(atom)
        if len(rows) > 1 and not any(rows[-1]):
            rows.pop()
        return [[" ".join(self._mixed(cell, depth + 1)) or '""' for cell in row] for row in rows]


class _Mixed(_Translator):
    """Translates atoms that were cut from a list of nodes before."""

    def __init__(self, latex: str, atoms: list[Any]) -> None:
        super().__init__(latex)
        self._given = atoms

    def _atoms(self, nodes: list[Any]) -> list[Any]:
        return nodes if nodes is self._given else super()._atoms(nodes)


def _inside(node: Any) -> list[Any]:
    if node is None:
        return []
    if isinstance(node, list):
        return node
    if node.isNodeType(lw.LatexGroupNode):
        return list(node.nodelist)
    return [node]


def _is_script(atom: Any) -> bool:
    return isinstance(atom, str) and atom in {"_", "^", "'"}

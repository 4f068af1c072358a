"""What of LaTeX is known, for its parser and for what it becomes."""

from __future__ import annotations

from typing import Final

from pylatexenc.macrospec import EnvironmentSpec, LatexContextDb, MacroSpec

from bloop_manim.drawing import latex_symbols as names

_ONE: Final = (
    *names.ACCENTS,
    *names.STYLES,
    *("text", "textrm", "textbf", "textit", "textsf", "texttt", "textnormal", "mbox", "hbox"),
    *("operatorname", "operatorname*", "pmod", "pod", "boxed", "fbox", "substack", "tag", "label"),
    *("overbrace", "underbrace", "overbracket", "underbracket", "hspace", "vspace", "color", "not"),
    *("mathclap", "mathllap", "mathrlap", "hphantom", "vphantom", "middle", "left", "right"),
)
ARGUMENTS: Final = {
    **dict.fromkeys(_ONE, "{"),
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac", "binom", "dbinom", "tbinom"), "{{"),
    **dict.fromkeys(("overset", "underset", "stackrel", "textcolor", "colorbox"), "{{"),
    **dict.fromkeys(("sqrt", "xrightarrow", "xleftarrow", "xLeftrightarrow"), "[{"),
}
TEXTS: Final = {
    "text": "{}",
    "textrm": "{}",
    "textnormal": "{}",
    "mbox": "{}",
    "hbox": "{}",
    "textbf": "bold({})",
    "textit": "italic({})",
    "textsf": "sans({})",
    "texttt": "mono({})",
}
RELATIONS: Final = frozenset("=<>∼:") | frozenset(names.RELATIONS.values())


def _signs() -> dict[str, str]:
    """What macros without arguments become; nothing for what is left out."""
    signs = {
        name: sign(char)
        for name, char in (names.LETTERS | names.OPERATORS | names.RELATIONS).items()
    }
    signs |= names.LARGE | names.SPACES | dict.fromkeys(names.IGNORED, "")
    signs |= {name: f'op("{name}")' for name in names.FUNCTIONS}
    signs |= {name: f'op("{text}", limits: #true)' for name, text in names.LIMITS.items()}
    signs |= {char: sign(char) for char in "%&#$_{}"}
    return signs | {"|": sign("‖"), "\\": "\\", "bmod": "mod"}


def _context() -> LatexContextDb:
    known = LatexContextDb()
    macros = [MacroSpec(name, arguments) for name, arguments in ARGUMENTS.items()]
    macros.append(MacroSpec("\\", "*["))
    environments = [EnvironmentSpec(name, "") for name in (*names.MATRICES, *names.ALIGNED)]
    environments += [EnvironmentSpec(name, "") for name in ("cases", "dcases", "rcases")]
    for name in ("array", "alignat", "alignat*"):
        environments.append(EnvironmentSpec(name, "{"))
    for name in ("aligned", "gathered", "smallmatrix", "split"):
        environments.append(EnvironmentSpec(name, "["))
    known.add_context_category("maths", macros=macros, environments=environments, prepend=True)
    known.set_unknown_macro_spec(MacroSpec(""))
    known.set_unknown_environment_spec(EnvironmentSpec(""))
    return known


KNOWN: Final = _context()


def quoted(text: str) -> str:
    """A string of Typst's."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sign(char: str) -> str:
    """One character, so that it is nothing but itself to Typst."""
    if char in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+=<>.!?&":
        return char
    if char == "-":
        return "−"
    if char == "*":
        return "∗"
    if char in "|‖":
        return f'class("normal", {"" if char == "‖" else chr(92)}{char})'
    if char.isascii():
        return f"\\{char}"
    if char.isalpha() and not _is_mathematical(char):
        return quoted(char)
    return char if char.isprintable() else ""


def _is_mathematical(char: str) -> bool:
    return "\u0370" <= char <= "\u03ff" or "\u2100" <= char <= "\u214f" or char in "ıȷ"


SIGNS: Final = _signs()

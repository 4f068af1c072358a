r"""Text within a block: spaces, formulas between their delimiters, addresses, hidden characters.

``\( \)``, ``$ $`` and ``$$ $$`` within a sentence become ``$...$``; a formula in a line of its own
becomes one placeholder character pair, which :func:`displays` takes out again.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bloop_outline.blocks import Display, Mark, Rich
from bloop_sdk.storyboard import FORMULA, latex_of

# Bidirectional marks, soft hyphens and what fonts keep for themselves: neither shown nor said.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\uffff\ud800-\udfff\ue000-\uf8ff]"
)
_SPACES = re.compile(r"\s+")
_URL = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_LOOKS_LATEX = re.compile(r"[\\^_={}<>+]|^[A-Za-z]['′]*$|^[a-zA-Z]\([a-zA-Z0-9, ]+\)$")
DOLLAR = "\uff04"
"""Stands for a dollar that is money, until a scene is made: the other one opens a formula."""
CODE, CODE_ENDS = "\ue004", "\ue005"
"""Around code in a text, until a scene is made: a line of narration has Markdown's marks of it."""
_LIKE_MARKDOWN = re.compile(r"[*_\[~]")
_CODED = re.compile(f"{CODE}([^`{CODE}{CODE_ENDS}]+){CODE_ENDS}")
_OPEN, _CLOSE = "\ue000", "\ue001"
_HOLD, _RELEASE = "\ue002", "\ue003"
_HELD = re.compile(f"{_HOLD}([^{_RELEASE}]*){_RELEASE}")
_PLACE = re.compile(f"{_OPEN}([^{_CLOSE}]*){_CLOSE}")
LONGEST_LATEX = 600

SUBSCRIPTS = str.maketrans("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
SUPERSCRIPTS = str.maketrans("0123456789+-−=()in", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁱⁿ")


def formula(latex: str) -> str:
    """``latex`` as it stands within a text; nothing where it can't."""
    latex = tidy(latex)
    return f"${latex}$" if latex else ""


def tidy(latex: str) -> str:
    """LaTeX in one line without its full stop; nothing where it is too long or holds a dollar."""
    latex = _SPACES.sub(" ", _UNSEEN.sub("", latex)).strip()
    latex = re.sub(r"\\(?:label|tag)\{[^{}]*\}|\\(?:nonumber|notag)\b", "", latex)
    latex = re.sub(r"(?:\\[,;:! ]|\s)*[.,;:]?$", "", latex).strip()
    return "" if not latex or "$" in latex or len(latex) > LONGEST_LATEX else latex


class Inline:
    """Gathers the text of one block."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._linked = 0
        self._marks: list[Mark] = []
        self._open: list[tuple[str, int]] = []

    def __bool__(self) -> bool:
        return any(part.strip() for part in self._parts)

    def add(self, text: str | None, *, linked: bool = False, verbatim: bool = False) -> None:
        """Append what stands in the markup."""
        if not text:
            return
        text = _UNSEEN.sub("", text)
        if not verbatim:
            text = FORMULA.sub(_formula, text)
            text = _URL.sub(_host, text)
        text = _HELD.sub(r"$\1$", _dollars(text))
        if verbatim and _LIKE_MARKDOWN.search(text):
            text = f"{CODE}{text}{CODE_ENDS}"
        self.put(text, linked=linked)

    def put(self, text: str, *, linked: bool = False) -> None:
        """Append text that is in order already."""
        text = _SPACES.sub(" ", text)
        if text[:1] == " " and (not self._length or self._parts[-1][-1:] == " "):
            text = text[1:]
        if text:
            self._parts.append(text)
            self._length += len(text)
            self._linked += len(text) if linked else 0

    def begin(self, kind: str) -> None:
        """A marked run begins here."""
        self._open.append((kind, self._length))

    def end(self, kind: str) -> None:
        """It ends here."""
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == kind:
                _, start = self._open.pop(place)
                if start < self._length:
                    self._marks.append(Mark(start, self._length, kind))
                return

    def take(self) -> Rich:
        """What was gathered; begin anew."""
        text = "".join(self._parts)
        long = max(1, len(text))
        text = text.rstrip()
        marks = tuple(
            Mark(mark.start, min(mark.end, len(text)), mark.kind)
            for mark in self._marks
            if mark.start < len(text)
        )
        rich = Rich(text, marks, self._linked / long)
        self._open = [(kind, 0) for kind, _ in self._open]
        self._parts, self._length, self._linked, self._marks = [], 0, 0, []
        return rich


def narrated(text: str) -> str:
    """As a line of narration, in which code stands between backticks, and dollars are dollars."""
    return uncoded(_CODED.sub(r"`\1`", text)).replace(DOLLAR, "$")


def uncoded(text: str) -> str:
    """Without the signs around code."""
    return text.replace(CODE, "").replace(CODE_ENDS, "")


def plain(text: str) -> str:
    """A text that is none of HTML, such as a title, as it is shown."""
    gathered = Inline()
    gathered.add(text)
    return inlined(gathered.take()).text


def displays(rich: Rich) -> list[Rich | Display]:
    """A text cut at the formulas that stand in lines of their own."""
    if _OPEN not in rich.text:
        return [rich] if rich.text else []
    found: list[Rich | Display] = []
    at = 0
    for place in _PLACE.finditer(rich.text):
        _piece(rich, at, place.start(), found)
        if latex := tidy(place[1]):
            found.append(Display(latex))
        at = place.end()
    _piece(rich, at, len(rich.text), found)
    return found


def inlined(rich: Rich) -> Rich:
    """A text whose formulas all stand within its lines."""
    if _OPEN not in rich.text:
        return rich
    return Rich(_PLACE.sub(lambda place: formula(place[1]), rich.text), (), rich.linked)


def _piece(rich: Rich, start: int, end: int, found: list[Rich | Display]) -> None:
    text = rich.text[start:end]
    lead = len(text) - len(text.lstrip())
    text = text.strip()
    if not text:
        return
    if found and text[0] in ".,;:":
        text, lead = text[1:].lstrip(), lead + 1
    begin = start + lead
    marks = tuple(
        Mark(mark.start - begin, min(mark.end, end) - begin, mark.kind)
        for mark in rich.marks
        if begin <= mark.start < end
    )
    if text:
        found.append(Rich(text, marks, rich.linked))


def _formula(match: re.Match[str]) -> str:
    if match["display"] is not None:
        return f" {_OPEN}{match['display']}{_CLOSE} "
    if match["double"] is not None:
        around = match.string[: match.start()].strip(), match.string[match.end() :].strip(" .,;:")
        if not all(around):
            return f" {_OPEN}{match['double']}{_CLOSE} "
        return _held(match["double"])
    # Web pages write money as they like: without a sign of LaTeX it is none.
    if match["single"] is not None and not _LOOKS_LATEX.search(match["single"]):
        return match[0]
    return _held(latex_of(match))


def _held(latex: str) -> str:
    """A formula, marked as no money."""
    latex = tidy(latex)
    return f"{_HOLD}{latex}{_RELEASE}" if latex else ""


def _dollars(text: str) -> str:
    """Dollars that are money must not pair up to a formula."""
    return text.replace("$", DOLLAR)


def _host(match: re.Match[str]) -> str:
    url = match[0].rstrip(".,;:!?)")
    try:
        host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        host = ""
    return host.removeprefix("www.") + match[0][len(url) :]

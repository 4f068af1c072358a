"""What a note says of the lesson it belongs to, at its beginning: it is read elsewhere, too.

    > what was marked

    [The lesson](https://hub.example/lessons/ID)

    what the learner has to say

The lines are taken off again where the lesson itself is in sight, wherever they still stand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TITLE_LENGTH = 80

_SPECIAL = re.compile(r"([\\`*_\[\]<>~|#^]|==|%%)")
_AT_START = re.compile(r"^(\s*)([-+>:]|\d+[.)])(?=\s|$)")
_MARKS = re.compile(r"^\s*(?:[#>*+-]+|\d+[.)]|\[[ xX]\])\s+|[*_`~]+|==")
_FORMULA = re.compile(r"(\$[^$\n]{1,500}\$)")


@dataclass(frozen=True, slots=True)
class About:
    """The lesson, its address, and what of it: a quote, or a moment in milliseconds."""

    id: str
    title: str
    address: str
    quote: str = ""
    moment_ms: int | None = None


def clock(ms: int) -> str:
    """A moment of a video as players show it, like ``1:23`` or ``1:02:03``."""
    seconds = ms // 1000
    minutes, hours = seconds // 60 % 60, seconds // 3600
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def ms_of(clocked: str) -> int | None:
    """What :func:`clock` gave, or people write so; None for what is no time."""
    match = re.fullmatch(
        r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5})(?:[.,](\d{1,3}))?", clocked.strip()
    )
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[:3])
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + int((match[4] or "0").ljust(3, "0"))


def composed(about: About, words: str) -> str:
    """The Markdown of a note about something."""
    parts = []
    if about.quote:
        lines = [" ".join(line.split()) for line in about.quote.splitlines()]
        parts.append("\n".join(f"> {_literally(line)}" for line in lines if line))
    parts.append(_link(about))
    if words.strip():
        parts.append(words.strip("\n"))
    return "\n\n".join(parts) + "\n"


def words_of(markdown: str, lesson: str, *, quoted: bool) -> str:
    """The learner's own words: without what :func:`composed` put before them."""
    rest = markdown.lstrip("\n")
    if quoted and rest.startswith(">"):
        lines = rest.split("\n")
        end = next((at for at, line in enumerate(lines) if not line.startswith(">")), len(lines))
        rest = "\n".join(lines[end:]).lstrip("\n")
    first, _, others = rest.partition("\n\n")
    if f"/lessons/{lesson}" in first and first.startswith("["):
        rest = others
    return rest.strip("\n")


def title_of_note(about: About, words: str) -> str:
    """What such a note is called: by its first words, else by what it is about."""
    lines = (" ".join(_MARKS.sub("", line).split()) for line in words.splitlines())
    first = next((line for line in lines if line), "")
    if not first and about.quote:
        first = " ".join(about.quote.split())
    if not first and about.moment_ms is not None:
        return f"{_cut(about.title)} {clock(about.moment_ms)}"
    return _cut(first or about.title)


def _link(about: About) -> str:
    title = _SPECIAL.sub(r"\\\1", " ".join(about.title.split()))
    if about.moment_ms is None:
        return f"[{title}]({about.address})"
    moment = f"{about.address}#t={about.moment_ms // 1000}"
    return f"[{clock(about.moment_ms)}]({moment}) [{title}]({about.address})"


def _literally(line: str) -> str:
    """Text that stands in Markdown for itself; formulas stay formulas."""
    parts = _FORMULA.split(line)
    parts[::2] = [_SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
    return _AT_START.sub(r"\1\\\2", "".join(parts))


def _cut(text: str) -> str:
    if len(text) <= TITLE_LENGTH:
        return text
    cut = (
        text[:TITLE_LENGTH].rsplit(" ", 1)[0] if " " in text[:TITLE_LENGTH] else text[:TITLE_LENGTH]
    )
    return f"{cut.rstrip(' ,;:.')}…"

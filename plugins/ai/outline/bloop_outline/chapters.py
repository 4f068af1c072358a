"""A lesson's blocks as chapters with parts: what one heading is about belongs together."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bloop_outline.blocks import Block, Grid, Heading, Listing, Paragraph
from bloop_outline.languages import Language

UNHEADED_WORDS = 220
"""A lesson without headings is cut into chapters of about as many words."""


@dataclass(slots=True)
class Part:
    """What stands below one heading, down to the next one."""

    heading: str
    blocks: list[Block] = field(default_factory=list)
    role: str = "text"
    """``text``, ``exercises``, ``summary`` or ``apparatus``."""


@dataclass(slots=True)
class Chapter:
    """Parts that are told together; ``slug`` begins the ids of its scenes."""

    heading: str
    slug: str
    parts: list[Part]

    @property
    def words(self) -> int:
        """How much there is to be read in what a video tells."""
        told = (part for part in self.parts if part.role in {"text", "summary"})
        return sum(count_words(text) for part in told for text in texts(part.blocks))


def count_words(text: str) -> int:
    """Words; of scripts without spaces, two characters count as one."""
    unspaced = len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff]", text))
    return len(text.split()) + unspaced // 2


def texts(blocks: Iterable[Block]) -> Iterable[str]:
    """What is written in blocks, apart from code and formulas."""
    for block in blocks:
        if isinstance(block, Paragraph):
            yield block.rich.text
        elif isinstance(block, Listing):
            for entry in block.entries:
                yield entry.rich.text
                yield from (inner.text for inner in entry.inner)
        elif isinstance(block, Grid):
            yield from (cell for row in block.rows for cell in row)
        elif hasattr(block, "pairs"):
            yield from (f"{term} {meaning.text}" for term, meaning in block.pairs)


def chapters_of(blocks: Sequence[Block], title: str, language: Language) -> list[Chapter]:
    """The chapters of a lesson, in their order."""
    blocks = [*_with_bold_headings(blocks)]
    if blocks and isinstance(blocks[0], Heading) and _same(blocks[0].text, title):
        blocks = blocks[1:]
    level = _splitting_level(blocks)
    if level is None:
        return _unheaded(blocks)
    made: list[Chapter] = []
    taken: Counter[str] = Counter()
    for block in blocks:
        if isinstance(block, Heading) and block.level <= level:
            slug = _unique(slug_of(block.text), taken)
            made.append(Chapter(block.text, slug, [_part(block.text, language)]))
            continue
        if not made:
            made.append(Chapter("", _unique("intro", taken), [Part("")]))
        if isinstance(block, Heading):
            part = _part(block.text, language)
            if made[-1].parts[0].role in {"exercises", "apparatus"}:
                part.role = made[-1].parts[0].role
            made[-1].parts.append(part)
        else:
            made[-1].parts[-1].blocks.append(block)
    return [chapter for chapter in made if any(part.blocks for part in chapter.parts)]


def _part(heading: str, language: Language) -> Part:
    for role in ("exercises", "apparatus", "summary"):
        pattern = getattr(language, role)
        if pattern is not None and pattern.search(heading):
            return Part(heading, role=role)
    return Part(heading)


def _same(one: str, other: str) -> bool:
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def _with_bold_headings(blocks: Sequence[Block]) -> Iterable[Block]:
    """Paragraphs that are one short bold line are headings by another name."""
    for number, block in enumerate(blocks):
        follows = blocks[number + 1] if number + 1 < len(blocks) else None
        if isinstance(block, Paragraph) and not isinstance(follows, Heading | None):
            rich = block.rich
            whole = any(
                mark.kind == "bold" and mark.start == 0 and mark.end >= len(rich.text) - 1
                for mark in rich.marks
            )
            if whole and len(rich.text) <= 70 and not re.search(r"[.!?,;]$", rich.text):
                yield Heading(7, rich.text.rstrip(":"))
                continue
        yield block


def _splitting_level(blocks: Sequence[Block]) -> int | None:
    """The highest level at which there are several headings; one that is there otherwise."""
    levels = Counter(block.level for block in blocks if isinstance(block, Heading))
    several = [level for level, count in levels.items() if count > 1]
    if several:
        return min(several)
    return max(levels, default=None)


def _unheaded(blocks: Sequence[Block]) -> list[Chapter]:
    made: list[Chapter] = []
    taken: Counter[str] = Counter()
    room = 0
    for block in blocks:
        opens = isinstance(block, Paragraph) and room >= UNHEADED_WORDS
        if not made or opens:
            first = next(iter(texts([block])), "")
            slug = _unique("part-" + _digest(first) if made else "intro", taken)
            made.append(Chapter("", slug, [Part("")]))
            room = 0
        made[-1].parts[0].blocks.append(block)
        room += sum(count_words(text) for text in texts([block]))
    return made


def slug_of(text: str) -> str:
    """An id that people can read, of at most 24 characters; of other scripts, a digest."""
    text = re.sub(r"^\W*(?:\d{1,2}[.)]\s*)+", "", text) or text  # Numbers of chapters move.
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = plain.encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    slug = ""
    for word in words:
        if len(slug) + len(word) > 23:
            break
        slug = f"{slug}-{word}" if slug else word
    return slug or (words[0][:24] if words else _digest(text))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _unique(slug: str, taken: Counter[str]) -> str:
    made = slug
    while taken[made]:
        taken[slug] += 1
        made = f"{slug}-{taken[slug]}"
    taken[made] += 1
    return made

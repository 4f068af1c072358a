"""A course as sentences of folded words: what all later steps read, once and in course order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bloop.graph.inference.course import Course, Document
from bloop.graph.inference.languages import KNOWN, Language, language_of
from bloop.graph.inference.reading import Block, blocks_of
from bloop.graph.inference.words import WORD, Folder, Word, sentences

Key = tuple[str, ...]
LONGEST_TERM = 6
"""Words of a term, those that link included; four of them carry meaning."""
CONTENT_WORDS = 4
MOST_SURFACES = 12
JOINS = " -\u2010\u2011'’"
"""What may stand between the words of a term."""
_KEPT = frozenset(JOINS) - {" "}


@dataclass(slots=True)
class Sentence:
    """``place`` counts the sentences of the course; ``level`` is that of a heading, else 0."""

    document: int
    section: int
    place: int
    level: int
    text: str
    keys: tuple[str, ...]
    marked: tuple[tuple[str, str], ...] = ()
    item: str = ""


@dataclass(slots=True)
class Uses:
    """How a run of words is used: how often, in how many documents, and between which others."""

    count: int = 0
    documents: int = 0
    last: int = -1
    whole: int = 0
    """How often it is not within a longer run."""
    noun: int = 0
    verb: int = 0
    capital: int = 0
    head: int = 0
    """How often nothing that carries meaning follows it at once."""
    surface: str = ""
    """As it was written first."""
    others: dict[str, int] | None = None
    """How often it was written otherwise; few are, and dictionaries are large."""

    @property
    def surfaces(self) -> dict[str, int]:
        """How often it is written in which way."""
        others = self.others or {}
        return {self.surface: self.count - sum(others.values()), **others}


class Corpus:
    """The sentences of a course, its sections, and how each run of words is used."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.documents = course.documents
        read = [blocks_of(document) for document in course.documents]
        self.language: Language = language_of(course.language, _sample(course, read))
        if self.language.code not in KNOWN:
            self.language = replace(self.language, stop=_small_words(read))
        self.folder = Folder(self.language)
        self.sentences: list[Sentence] = []
        self.headings: list[tuple[int, str, int, int, int]] = []
        """Document, text, level (0 the title), section, and place of each."""
        self.uses: dict[Key, Uses] = {}
        self.section_documents: list[int] = []
        self.word_count = 0
        self._carry: dict[str, bool] = {}
        for at, (document, blocks) in enumerate(zip(course.documents, read, strict=True)):
            self._read(at, document, blocks)

    def _read(self, at: int, document: Document, blocks: Sequence[Block]) -> None:
        self._open_section(at)
        self.headings.append((at, document.title, 0, self._section, len(self.sentences)))
        self._sentence(at, document.title, Block(document.title, level=1), heading=True)
        for block in blocks:
            if block.level:
                self._open_section(at)
                self.headings.append(
                    (at, block.text, block.level, self._section, len(self.sentences))
                )
                self._sentence(at, block.text, block, heading=True)
                continue
            for text in sentences(block.text, self.language):
                self._sentence(at, text, block, heading=False)

    def _open_section(self, document: int) -> None:
        self.section_documents.append(document)

    @property
    def _section(self) -> int:
        return len(self.section_documents) - 1

    def _sentence(self, at: int, text: str, block: Block, *, heading: bool) -> None:
        words = self.folder.words(text)
        marked = tuple(one for one in block.marked if one[1] in text) if block.marked else ()
        self.sentences.append(
            Sentence(
                document=at,
                section=self._section,
                place=len(self.sentences),
                level=(block.level or 1) if heading else 0,
                text=text,
                keys=tuple(one.key for one in words),
                marked=marked,
                item=block.item,
            )
        )
        self.word_count += len(words)
        for run in self.runs(words):
            self._count(words, run, at)

    def runs(self, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
        """Spans of words that may hold terms: words of meaning, links between them as they are."""
        start, end = -1, -1
        for number, word in enumerate(words):
            carries = self.carries(word)
            parted = bool(word.gap.strip(JOINS))
            if start >= 0 and (parted or not (carries or word.key in self.language.link)):
                yield start, end
                start = -1
            if carries:
                start = number if start < 0 else start
                end = number + 1
        if start >= 0:
            yield start, end

    def carries(self, word: Word) -> bool:
        """Whether a word means something by itself."""
        known = self._carry.get(word.text)
        if known is None:
            known = self._carry[word.text] = self._carries(word.text, word.key)
        return known

    def _carries(self, text: str, key: str) -> bool:
        low = text.casefold().replace("’", "'")
        if low in self.language.stop or key in self.language.stop or low[:1].isdigit():
            return False
        return len(key) > 1 and not ("\u3040" <= key[0] <= "\u309f")

    def _count(self, words: Sequence[Word], run: tuple[int, int], document: int) -> None:
        start, end = run
        for first in range(start, end):
            if not self.carries(words[first]):
                continue
            content = 0
            for last in range(first, min(end, first + LONGEST_TERM)):
                if not self.carries(words[last]):
                    continue
                content += 1
                if content > CONTENT_WORDS:
                    break
                self._add(words, first, last + 1, run, document)

    def _add(
        self, words: Sequence[Word], first: int, last: int, run: tuple[int, int], document: int
    ) -> None:
        key = tuple(one.key for one in words[first:last])
        uses = self.uses.get(key)
        if uses is None:
            uses = self.uses[key] = Uses()
        uses.count += 1
        if uses.last != document:
            uses.documents += 1
            uses.last = document
        if last == run[1]:
            self._stand(uses, words, first, whole=first == run[0])
        if first:
            uses.capital += words[last - 1].text[0].isupper()
        surface = words[first].text if last - first == 1 else surface_of(words[first:last])
        if not uses.surface:
            uses.surface = surface
        elif surface != uses.surface:
            others = uses.others = uses.others or {}
            if surface in others or len(others) < MOST_SURFACES:
                others[surface] = others.get(surface, 0) + 1

    def _stand(self, uses: Uses, words: Sequence[Word], first: int, *, whole: bool) -> None:
        """Note what stands before a run that nothing follows."""
        uses.head += 1
        uses.whole += whole
        before = words[first - 1].text.casefold() if first else ""
        if before in self.language.verbal:
            uses.verb += 1
        elif before in self.language.determiners:
            uses.noun += 1


def _sample(course: Course, read: Sequence[Sequence[Block]]) -> str:
    """Some text of each document, titles where there is little: to tell the language by."""
    text = " ".join(one.text for blocks in read for one in blocks[:12] if len(one.text) > 60)
    titles = " ".join(one.title for one in course.documents)
    return text[:40_000] if len(text) > 400 else f"{text} {titles}"


def _small_words(read: Sequence[Sequence[Block]]) -> frozenset[str]:
    """What is most frequent and short is no term, in a language of which nothing is known."""
    counts = Counter(
        word.casefold() for blocks in read for one in blocks for word in WORD.findall(one.text)
    )
    often = [word for word, count in counts.most_common(120) if count > 2]
    return frozenset(
        word for word in often if len(word) <= 4 and word[:1].isalpha() and word < "\u3000"
    )


def surface_of(words: Sequence[Word]) -> str:
    """A run as it is written, hyphens included."""
    made = words[0].text
    for word in words[1:]:
        made += (word.gap if word.gap in _KEPT else " ") + word.text
    return made

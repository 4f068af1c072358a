"""Sentences: where they end, whether they stand alone, and how they become short."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bloop_outline.blocks import Block, Display, Paragraph, Rich
from bloop_outline.languages import Language

SPOKEN_SIGNS = 34
"""A formula of more letters, numbers and operators is shown, and not read aloud."""
LONGEST_SENTENCE = 420

_MATH = re.compile(r"\$[^$]*\$")
_HOLD, _RELEASE = "\ue002", "\ue003"
_DISPLAY = re.compile("\ue000(\\d+)\ue001")
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s|$)|[。！？｡]+[」』）”]*|[؟۔।॥]+")
_LAST_WORD = re.compile(r"(\S+)$")
_NOT_END = re.compile(r"^(?:[A-Za-zÀ-ÿ]|\d{1,3})$")
_ASIDES = re.compile(r"\s+\((?!\s*-?\d[\d.]*\s*[,;|])[^()]*\)|\s*（[^（）]*）|\s+\[[^\][$]*\]")
"""What stands in brackets behind a space: not ``f(x)``, and no coordinates."""
_DASHED = re.compile(r"\s+[—–]\s+[^—–.;:\ue002]{3,90}\s+[—–]\s+")
_NAMING = re.compile(r"^d[eé]fini\w*\s*[—–:-]\s+", re.IGNORECASE)
"""What says that a definition is one, in most languages of Europe."""
_CUTS = re.compile(r"[;,:，；：、،]\s*|\s+[—–]\s+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence; ``formulas`` are those that stand in lines of their own.

    ``paragraph`` is the number of the block with which its paragraph begins; ``term`` is what
    stands marked at its start.
    """

    text: str
    paragraph: int
    formulas: tuple[str, ...] = ()
    term: str = ""
    marked: bool = False
    linked: float = 0.0

    @property
    def is_speakable(self) -> bool:
        """Whether it can be read aloud: no formula too long for that, and not mostly links."""
        if len(self.text) > LONGEST_SENTENCE or self.linked > 0.6:
            return False
        return all(is_spoken(latex[1:-1]) for latex in _MATH.findall(self.text))

    @property
    def is_plain(self) -> bool:
        """Whether it tells in words alone what can be read aloud."""
        return self.is_speakable and not self.is_question and not self.formulas

    @property
    def is_question(self) -> bool:
        """Whether it asks."""
        return self.text.rstrip("\"'”’»)").endswith(("?", "？", "؟"))

    @property
    def is_formula(self) -> bool:
        """Whether there is nothing but formulas."""
        return not re.search(r"\w", _MATH.sub("", self.text))


def is_spoken(latex: str) -> bool:
    """Whether a formula is short and plain enough to be read aloud."""
    told = re.sub(r"\\(?:left|right|[dt]?frac|text|mathrm|quad|qquad)\b|\\[,;:! ]", " ", latex)
    signs = re.findall(r"\\[a-zA-Z]+|[^\W_]+|[=+<>/|-]", told)
    return len(signs) <= SPOKEN_SIGNS and "\\begin" not in latex and "\\\\" not in latex


def flow(blocks: Sequence[Block], language: Language) -> list[Sentence]:
    """The sentences of a part; a formula belongs to the sentence that leads to it."""
    found: list[Sentence] = []
    for number, rich, formulas in _runs(blocks):
        for start, end in _with_their_names(rich, spans(rich.text, language)):
            text = rich.text[start:end]
            own = tuple(formulas[int(one)] for one in _DISPLAY.findall(text))
            for place, latex in enumerate(formulas):
                text = text.replace(f"\ue000{place}\ue001", f"${latex}$")
            marks = [mark for mark in rich.marks if start <= mark.start < end]
            term = next(
                (
                    _named(rich.text[mark.start : mark.end])
                    for mark in marks
                    if mark.kind != "italic" and (mark.start - start < 8 or mark.kind == "term")
                ),
                "",
            )
            found.append(
                Sentence(
                    text=text,
                    paragraph=number,
                    formulas=own,
                    term=term if len(term) <= 60 else "",
                    marked=any(mark.kind != "italic" for mark in marks),
                    linked=rich.linked,
                )
            )
    return found


def _runs(blocks: Sequence[Block]) -> Iterator[tuple[int, Rich, list[str]]]:
    """Paragraphs with the formulas that they lead to, and what goes on behind these."""
    begun, whole, formulas = 0, Rich(""), list[str]()
    for number, block in enumerate(blocks):
        text = whole.text
        if isinstance(block, Display):
            if _END_OF_TEXT.search(text):
                yield begun, whole, formulas
                begun, whole, formulas = number, Rich(""), []
            joined = f"{whole.text} \ue000{len(formulas)}\ue001".strip()
            begun = begun if whole.text else number
            whole = replace(whole, text=joined)
            formulas = [*formulas, block.latex]
        elif isinstance(block, Paragraph) and text.endswith("\ue001") and _goes_on(block.rich.text):
            mark = "" if block.rich.text[0] in ",;)" else " "
            whole = replace(whole, text=f"{text}{mark}{block.rich.text}")
        else:
            if text:
                yield begun, whole, formulas
            begun, formulas = number, []
            whole = block.rich if isinstance(block, Paragraph) else Rich("")
    if whole.text:
        yield begun, whole, formulas


_END_OF_TEXT = re.compile(r"[.!?。！？]$")


def _with_their_names(rich: Rich, cut: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sentences; a marked name with a full stop belongs to the one that it names."""
    held: int | None = None
    last = 0
    for start, end in cut:
        begin = start if held is None else held
        named = any(
            mark.kind != "italic" and mark.start <= begin and mark.end >= end - 1
            for mark in rich.marks
        )
        if named and held is None and end - start <= 60:
            held, last = start, end
            continue
        held = None
        yield begin, end
    if held is not None:
        yield held, last


def _named(marked: str) -> str:
    """A term without what says that it is one: "Definition - term."."""
    return _NAMING.sub("", marked.strip(" :.,-–—"))


def _goes_on(text: str) -> bool:
    return text[0].islower() or text[0] in ",;)"


def spans(text: str, language: Language) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends."""
    masked = _MATH.sub(lambda one: _HOLD + "x" * (len(one[0]) - 2) + _RELEASE, text)
    start = 0
    for match in _END.finditer(masked):
        if match[0][0] in ".…" and not _ends(masked, match, language):
            continue
        if match[0][0] in "!?" and masked[match.end() :].lstrip()[:1].islower():
            continue
        yield from _trimmed(text, start, match.end())
        start = match.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def _ends(text: str, match: re.Match[str], language: Language) -> bool:
    after = text[match.end() : match.end() + 40].lstrip("\"'“„«( ")
    if after[:1].islower():
        return False
    if match[0] != ".":
        return True
    word = _LAST_WORD.search(text[max(0, match.start() - 24) : match.start()])
    if word is None:
        return True
    last = word[1].lstrip("(\"'“„«")
    if last.lower() in language.abbreviations or (last.lower() + ".") in language.abbreviations:
        return not after
    # "J. S. Bach"; "im 19. Jahrhundert"; but "in 1789. Then".
    return not (after and _NOT_END.match(last) and (last.isalpha() or language.code[:2] == "de"))


def leans(sentence: Sentence, language: Language) -> bool:
    """Whether it needs the sentence before it: it begins with a pronoun or a small letter."""
    found = re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", sentence.text[:60])
    if not found or sentence.text[:1] == "$":
        return sentence.is_formula
    word = sentence.text.split(maxsplit=1)[0]
    if word.islower() or sentence.text[0] in "…,;":
        return True
    first = found[0].lower()
    if first in language.backward or first.split("'")[0].split("’")[0] in language.backward:
        return True
    # "Thus" at its very start may go; "is, however," may not.
    if language.linking & {word.lower() for word in found[1:5]}:
        return True
    second = found[1].lower() if len(found) > 1 else ""
    return first in language.stop and second in {
        "former", "latter", "other", "same", "second", "third", "others",
    }  # fmt: skip


def finished(text: str) -> str:
    """A text that ends as a sentence does."""
    text = text.strip().rstrip(",;—–- ")
    if not text or re.search(r"[.!?…:。！？：؟۔।]['\"”’»)\]]*$", text):
        return text
    last = next((sign for sign in reversed(text) if sign.isalpha()), "")
    return f"{text}。" if "\u3040" <= last <= "\u9fff" else f"{text}."


def without_asides(text: str, language: Language) -> str:
    """A sentence without brackets, asides between dashes, and a beginning that may go."""
    formulas = _MATH.findall(text)
    held = _MATH.sub(_HOLD, text)
    if "=" not in held:
        shorter = _DASHED.sub(" ", _ASIDES.sub(lambda one: one[0] if _HOLD in one[0] else "", held))
        if re.search(r"\w", shorter):
            given = iter(formulas)
            text = re.sub(_HOLD, lambda _: next(given), shorter) if formulas else shorter
    lower = text.lower()
    for beginning in language.droppable:
        if lower.startswith(beginning + " "):
            rest = text[len(beginning) + 1 :].lstrip()
            return rest[:1].upper() + rest[1:]
    return text


def fit(text: str, limit: int) -> str:
    """At most ``limit`` characters: cut between words, with an ellipsis, never within a formula."""
    text = text.strip()
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    if kept.count("$") % 2:
        kept = kept[: kept.rindex("$")]
    if " " in kept[limit // 2 :]:
        kept = kept[: kept.rindex(" ")]
        if kept.count("$") % 2:
            kept = kept[: kept.rindex("$")]
    return f"{kept.rstrip(' ,;:.—–-(')}…"


def short(text: str, language: Language, limit: int = 110) -> str:
    """What stands on the screen for a sentence: its own words, fewer of them."""
    naming = _NAMING.match(text)
    text = _NAMING.sub("", without_asides(text, language).strip())
    text = text[:1].upper() + text[1:] if naming else text
    text = re.sub(r"(?<=[^.])[.。]$", "", text).rstrip(":：;,")
    if len(text) <= limit:
        return text
    best = ""
    for cut in _CUTS.finditer(text):
        kept = text[: cut.start()]
        if len(kept) > limit - 1:
            break
        if len(kept) >= 0.55 * limit and kept.count("$") % 2 == 0:
            best = kept
    return f"{best}…" if best else fit(text, limit)

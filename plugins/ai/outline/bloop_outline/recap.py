"""The key points at the end: the lesson's own summary, or the weightiest that was told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bloop_outline.blocks import Listing, Paragraph
from bloop_outline.chapters import Part
from bloop_outline.languages import Language
from bloop_outline.prose import Point, Telling
from bloop_outline.script import Draft, Script, heading, seconds_of
from bloop_outline.sentences import Sentence, flow, leans, short, spans
from bloop_sdk.storyboard import Bullets

MOST_POINTS = 5
SHORTEST_SECONDS, LONGEST_SECONDS = 9.0, 20.0
_KINDS = frozenset({"points", "term", "terms", "formula"})


def recap(
    language: Language,
    title: str,
    summary: Sequence[Part],
    best: Sequence[Point],
    seconds: float,
) -> Draft | None:
    """A list of about ``seconds``; None where there is too little to repeat."""
    texts = _summed_up(summary, language)
    least = 1
    if not texts:
        kept = sorted(best, key=lambda one: -_worth(one))[:MOST_POINTS]
        texts = [one.telling.said(one.chain[0]) for one in best if one in kept]
        least = 2
    most = min(LONGEST_SECONDS, max(SHORTEST_SECONDS, seconds))
    script = Script(language)
    items: list[str] = []
    for text in texts[: MOST_POINTS + 1]:
        said = f"{language.recap}: {text}" if language.recap and not items else text
        if len(items) > 1 and script.seconds + seconds_of(said) > most:
            break
        line = script.say(said)
        items.append(short(text, language))
        script.at(line, items[-1], f"item-{len(items)}")
    if len(items) < least:
        return None
    name = language.recap or heading(title)
    visual = Bullets(kind="bullets", title=name, items=items)
    return Draft("recap", name, visual, script, 1.0, (0, 0, 0))


def closing_point(
    language: Language, tellings: Sequence[Telling], picked: Sequence[Draft]
) -> Point | None:
    """The sentence of a chapter's scenes that is worth to be said again."""
    found: list[Point] = []
    for draft in picked:
        if draft.kind not in _KINDS or draft.value < 0.7:
            continue
        telling = tellings[draft.place[0]]
        for number in sorted(draft.uses):
            point = Point(telling, (number,), telling.weights[number])
            if telling.before(number) == [number] and _closes(point, language):
                found.append(point)
    return max(found, key=_worth, default=None)


def _closes(point: Point, language: Language) -> bool:
    """Whether a sentence stands alone, says something whole, and matters."""
    sentence = point.telling.sentences[point.chain[0]]
    said = set(re.findall(r"[^\W\d_]+", sentence.text.lower()))
    whole = sentence.is_speakable and not sentence.is_question and not sentence.is_formula
    brief = len(sentence.text.split()) < 5 and " " in sentence.text and not sentence.formulas
    if not whole or brief or sentence.text.endswith(":") or language.pronouns & said:
        return False
    return point.seconds < 10 and _is_key(sentence, language)


def _is_key(sentence: Sentence, language: Language) -> bool:
    """Whether a sentence says what something is, or that it matters."""
    if language.defines is None or language.weighty is None or language.light is None:
        return True
    says = language.defines.search(sentence.text) or language.weighty.search(sentence.text)
    tells = sentence.marked or bool(sentence.formulas) or bool(says)
    return tells and not language.light.search(sentence.text)


def _worth(point: Point) -> float:
    """Openings, terms and formulas are worth more, examples full of figures less."""
    sentence = point.telling.sentences[point.chain[0]]
    figures = len(re.findall(r"\d", re.sub(r"\$[^$]*\$", "", sentence.text)))
    opens = 1.4 if point.chain[0] == 0 else 1.0
    names = 1.6 if sentence.term else (3.0 if sentence.formulas else 1.0)
    return point.weight * opens * names * (0.4 if figures > 1 else 1.0)


def _summed_up(summary: Sequence[Part], language: Language) -> list[str]:
    """What the lesson itself says in its summary."""
    found: list[str] = []
    for part in summary:
        for place, block in enumerate(part.blocks):
            before = part.blocks[place - 1] if place else None
            lead = before.rich.text if isinstance(before, Paragraph) else ""
            points_on = language.light is not None and language.light.search(lead)
            if isinstance(block, Listing) and not points_on:
                for entry in block.entries:
                    first = next(spans(entry.rich.text, language), None)
                    if first is not None:
                        found.append(entry.rich.text[slice(*first)])
        if not found:
            sentences = flow(part.blocks, language)
            found = [one.text for one in sentences if one.is_speakable and not leans(one, language)]
    return [text for text in found if 3 < len(text) < 260 and re.search(r"\w", text)]

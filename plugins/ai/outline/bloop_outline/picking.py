"""What is told of one chapter: all scenes that it could have, and the best that fit its time.

A chapter is looked at by itself, so that a change in one leaves the scenes of the others alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bloop_outline import figures, formulas, listings, media
from bloop_outline.blocks import Block, Display, Figure, Glossary, Grid, Listing, Paragraph, Source
from bloop_outline.chapters import Chapter, Part
from bloop_outline.languages import Language
from bloop_outline.prose import Point, Telling, chosen, definitions, packed, points
from bloop_outline.ranking import rank
from bloop_outline.script import Draft, seconds_of
from bloop_outline.sentences import flow, leans
from bloop_sdk.providers.ai import Picture

LEAST_SECONDS = 7.0
EXERCISE_SECONDS = 12.0
OVERDRAWN = 2.6
"""A chapter's only scene may take so many times what it has."""


@dataclass(frozen=True, slots=True)
class Material:
    """What holds for the whole lesson; ``pictures`` by their sources."""

    language: Language
    title: str
    concepts: Sequence[str]
    pictures: Mapping[str, Picture]


def pick(
    material: Material, chapter: Chapter, seconds: float, skipped: frozenset[int]
) -> tuple[list[Draft], list[Telling]]:
    """The scenes of a chapter in about ``seconds``; ``skipped`` sentences were told before."""
    seconds = max(seconds, LEAST_SECONDS)
    tellings = _tellings(material, chapter, seconds)
    told = [set(skipped) if not number else set[int]() for number in range(len(tellings))]
    title = chapter.heading or material.title
    picked = _fitting(_drafts(material, chapter, tellings), seconds, told)
    left = seconds - sum(draft.seconds for draft in picked)
    if left >= 4 or not picked:
        candidates = [
            point
            for telling, part, done in zip(tellings, chapter.parts, told, strict=True)
            if part.role == "text"
            for point in points(telling, done)
            if not picked or not _is_label(point)
        ]
        picked += packed(chosen(candidates, left), title)
    if not picked:
        picked = packed(chosen(_anything(tellings), seconds), title)
    picked.sort(key=lambda one: one.place)
    _open_up(chapter, tellings[0], picked)
    return picked, tellings


def exercises(material: Material, chapter: Chapter) -> list[Draft]:
    """One question of a chapter of exercises, where the lesson gives its answer."""
    if any(part.role != "exercises" for part in chapter.parts):
        return []
    tellings = _tellings(material, chapter, EXERCISE_SECONDS)
    for telling, part in zip(tellings, chapter.parts, strict=True):
        found = media.questions(telling, part.blocks)
        if found:
            return [max(found, key=lambda one: one.value)]
    return []


def _tellings(material: Material, chapter: Chapter, seconds: float) -> list[Telling]:
    made: list[Telling] = []
    language = material.language
    for number, part in enumerate(chapter.parts):
        sentences = flow(part.blocks, language)
        about = f"{material.title} {chapter.heading} {part.heading}"
        weights = rank(sentences, about, language, material.concepts)
        if number and _is_example(part, language):
            weights = [0.5 * weight for weight in weights]
        title = part.heading or chapter.heading
        made.append(Telling(title, sentences, weights, number, language, seconds))
    return made


def _is_example(part: Part, language: Language) -> bool:
    return language.examples is not None and bool(language.examples.search(part.heading))


def _drafts(material: Material, chapter: Chapter, tellings: Sequence[Telling]) -> list[Draft]:
    """All scenes that are more than sentences."""
    made: list[Draft] = []
    for number, (telling, part) in enumerate(zip(tellings, chapter.parts, strict=True)):
        if part.role == "exercises":
            made += media.questions(telling, part.blocks)[:1]
        elif part.role == "text":
            found = _of_part(material, telling, part)
            for draft in found if number and _is_example(part, material.language) else ():
                draft.value *= 0.55
            made += found
    return made


def _of_part(material: Material, telling: Telling, part: Part) -> list[Draft]:
    shown = [*formulas.formulas(telling), *formulas.plots(telling)]
    made = [*shown, *definitions(telling), *listings.arrays(telling), *figures.geometry(telling)]
    made += [] if shown else formulas.inline_formulas(telling)
    paragraphs = [one.rich.text for one in part.blocks if isinstance(one, Paragraph)]
    for draft in (listings.dated_sentences(telling), listings.arrows(telling, paragraphs, 0)):
        made += [draft] if draft else []
    for place, block in enumerate(part.blocks):
        made += _of_block(material, telling, part.blocks, place, block)
    return [*made, *media.questions(telling, part.blocks)]


def _of_block(
    material: Material, telling: Telling, blocks: Sequence[Block], place: int, block: Block
) -> list[Draft]:
    if isinstance(block, Paragraph | Display):
        return []
    if isinstance(block, Figure):
        return media.image(telling, block, material.pictures, place)
    if isinstance(block, Source):
        return media.code(telling, block, _around(telling, blocks, place), place)
    lead, chain = _lead(telling, blocks, place)
    made: list[Draft] = []
    if isinstance(block, Listing) and not lead.endswith("?"):
        made = listings.listing(telling, block, lead, place)
    elif isinstance(block, Grid):
        made = listings.table(telling, block, lead, place)
    elif isinstance(block, Glossary):
        made = listings.glossary(telling, block, lead, place)
    for draft in made:
        draft.uses |= chain
    return made


def _around(telling: Telling, blocks: Sequence[Block], place: int) -> list[int]:
    """The sentence before a block with what it leans on, and those right behind the block."""
    before = [n for n, one in enumerate(telling.sentences) if one.paragraph < place][-1:]
    chain = (telling.before(before[0]) or before) if before else []
    behind = [n for n, one in enumerate(telling.sentences) if one.paragraph == place + 1]
    follows = place + 1 < len(blocks) and isinstance(blocks[place + 1], Paragraph)
    return [*chain, *behind[:2]] if follows else chain


def _lead(telling: Telling, blocks: Sequence[Block], place: int) -> tuple[str, frozenset[int]]:
    """The sentence that leads to a list or a table, with the one that it leans on."""
    nothing = "", frozenset[int]()
    if not place or not isinstance(blocks[place - 1], Paragraph | Display):
        return nothing
    before = [n for n, one in enumerate(telling.sentences) if one.paragraph < place]
    chain = telling.before(before[-1]) if before else None
    if chain is None or len(chain) > 2:
        return nothing
    sentences = [telling.sentences[number] for number in chain]
    if not all(one.is_speakable and not one.formulas for one in sentences):
        return nothing
    if len(sentences[-1].text.split()) < 3 and " " in telling.title:
        return nothing  # "Suppose:"
    text = " ".join(telling.said(number) for number in chain)
    return (text, frozenset(chain)) if seconds_of(text) < 12 else nothing


def _fitting(drafts: list[Draft], seconds: float, told: Sequence[set[int]]) -> list[Draft]:
    """The best bargains that fit; what they tell is added to ``told``."""
    picked: list[Draft] = []
    spent = 0.0
    left = list(drafts)
    while left:
        kinds = Counter(one.kind for one in picked)
        draft = min(left, key=lambda one: (-_bargain(one, seconds, kinds), one.place))
        left.remove(draft)
        long = spent + 0.5 * draft.seconds > seconds
        if draft.uses & told[draft.place[0]]:
            continue
        if long and (picked or draft.seconds > OVERDRAWN * seconds):
            continue
        picked.append(draft)
        told[draft.place[0]].update(draft.uses)
        spent += draft.seconds
        left = left if spent < seconds else []
    return picked


def _bargain(draft: Draft, seconds: float, kinds: Mapping[str, int]) -> float:
    """What a scene is worth where there are ``seconds``; one of the same kind again is less."""
    fits = min(1.0, seconds / draft.seconds) ** 0.5
    return float(draft.value * fits * 0.6 ** kinds.get(draft.kind, 0))


def _is_label(point: Point) -> bool:
    """Whether it names what follows and says nothing: "Another example"."""
    text = point.head
    return " " in text and len(text.split()) < 4 and not re.search(r"[.!。！]$", text)


def _anything(tellings: Sequence[Telling]) -> list[Point]:
    """What can be said at all, for chapters of which nothing stands alone."""
    return [
        Point(telling, (number,), telling.weights[number])
        for telling in tellings
        for number, sentence in enumerate(telling.sentences[:200])
        if sentence.is_speakable and re.search(r"\w", sentence.text)
    ]


def _open_up(chapter: Chapter, telling: Telling, picked: Sequence[Draft]) -> None:
    """Begin a chapter with its first sentence, where that says what it is about."""
    if not picked or not telling.sentences or not chapter.heading:
        return
    first, draft, language = telling.sentences[0], picked[0], telling.language
    told = any(0 in one.uses for one in picked if one.place[0] == 0)
    if told or not first.is_plain or first.text.endswith(":") or leans(first, language):
        return
    says_much = language.defines is not None and language.defines.search(first.text[:90])
    if says_much and seconds_of(first.text) <= 9 and draft.seconds <= 18:
        draft.script.prepend(telling.said(0))

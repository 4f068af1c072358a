"""From a lesson to its storyboard: what is told of each chapter, and for how long."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from bloop_outline import formulas, listings, media
from bloop_outline.blocks import (
    Block,
    Display,
    Figure,
    Glossary,
    Grid,
    Listing,
    Paragraph,
    Source,
)
from bloop_outline.chapters import Chapter, Part, chapters_of, texts
from bloop_outline.config import OutlineConfig
from bloop_outline.inline import Inline, inlined
from bloop_outline.languages import Language, language_of
from bloop_outline.prose import Point, Telling, chosen, definitions, packed, points
from bloop_outline.ranking import keys, rank
from bloop_outline.reading import read_html
from bloop_outline.script import Draft, Script, heading, seconds_of
from bloop_outline.sentences import Sentence, fit, flow, leans, short, spans
from bloop_sdk import UnsupportedError
from bloop_sdk.providers.ai import Lesson, Picture
from bloop_sdk.storyboard import Asset, Bullets, Scene, Storyboard, Title

SHORTEST_SECONDS = 60.0
"""A short lesson is told whole, up to about this."""
ENDS_SECONDS = 15.0
"""What the title and the recap take of it."""
MOST_CHAPTERS = 60
MOST_SCENES = 78
RECAP_FROM_SECONDS = 50.0
_LEAST_CHAPTER = 7.0


def outline(lesson: Lesson, config: OutlineConfig) -> Storyboard:
    """The storyboard of a lesson; raises UnsupportedError where there is nothing to tell."""
    blocks = read_html(lesson.html)
    language = language_of(lesson.language, " ".join(texts(blocks)))
    title = _line(lesson.title)
    chapters = chapters_of(blocks, title, language)
    if not chapters and not title:
        raise UnsupportedError(
            "the lesson has neither a title nor text to tell of",
            cure="write something into it, or choose another lesson",
        )
    teller = _Teller(lesson, language, config)
    scenes = teller.scenes(title or heading(chapters[0].heading) or "…", chapters)
    shown = {scene.visual.asset for scene in scenes if scene.visual.kind == "image"}
    assets = [
        Asset(id=one.id, source=one.source, alt=fit(_line(one.alt), 400))
        for one in lesson.pictures
        if one.id in shown
    ]
    return Storyboard(
        title=fit(title, 160) or fit(scenes[0].title, 160) or "…",
        language=language.code,
        made_by="extraction",
        scenes=scenes,
        assets=assets,
    )


def _line(text: str) -> str:
    gathered = Inline()
    gathered.add(text)
    return inlined(gathered.take()).text


class _Teller:
    def __init__(self, lesson: Lesson, language: Language, config: OutlineConfig) -> None:
        self._language = language
        self._config = config
        self._pictures: Mapping[str, Picture] = {one.source: one for one in lesson.pictures}
        self._concepts = lesson.concepts
        self._title = lesson.title
        self._best: list[Point] = []

    def scenes(self, title: str, chapters: Sequence[Chapter]) -> list[Scene]:
        if chapters and chapters[0].parts[0].role == "summary":
            chapters[0].parts[0].role = "text"  # What stands first is no recap.
        told = [one for one in chapters if any(part.role == "text" for part in one.parts)]
        told, rate = self._planned(told)
        opening, used = self._opening(title, told)
        made = [self._scene("title", opening)]
        spent = opening.seconds if used else 0.0
        summary: list[Part] = []
        for chapter in chapters:
            summary += [part for part in chapter.parts if part.role == "summary"]
            if chapter in told:
                first = chapter is told[0]
                budget = chapter.words * rate - (spent if first else 0.0)
                if not first or not used or budget > 5:
                    made += self._chapter(chapter, budget, used if first else frozenset())
            elif all(part.role == "exercises" for part in chapter.parts):
                made += self._exercises(chapter)
        made = _unique(made[:MOST_SCENES])
        spoken = sum(seconds_of(line.text) for scene in made for line in scene.narration)
        most = min(20.0, max(9.0, 0.15 * spoken))
        recap = self._recap(summary, most) if self._config.recap else None
        if recap is not None and (summary or spoken >= RECAP_FROM_SECONDS):
            made.append(self._scene("recap", recap))
        return made

    def _planned(self, chapters: Sequence[Chapter]) -> tuple[list[Chapter], float]:
        """The chapters to be told, and the seconds for each of their words.

        The rate moves in steps, so that a small change of the lesson leaves it as it is.
        """
        kept = list(chapters)
        if len(kept) > MOST_CHAPTERS:
            longest = sorted(kept, key=lambda one: -one.words)[:MOST_CHAPTERS]
            kept = [one for one in kept if one in longest]
        count = max(1, sum(one.words for one in kept))
        whole = count * self._config.seconds_per_thousand_words / 1000
        aim = min(max(whole, SHORTEST_SECONDS), 60.0 * self._config.longest_minutes)
        return kept, 2 ** (round(4 * math.log2((aim - ENDS_SECONDS) / count)) / 4)

    # One chapter ---------------------------------------------------------------------------

    def _tellings(self, chapter: Chapter, budget: float) -> list[Telling]:
        made: list[Telling] = []
        for number, part in enumerate(chapter.parts):
            sentences = flow(part.blocks, self._language)
            about = " ".join((self._title, chapter.heading, part.heading))
            weights = rank(sentences, about, self._language, self._concepts)
            if number and self._is_example(part):
                weights = [0.5 * weight for weight in weights]
            title = part.heading or chapter.heading
            made.append(Telling(title, sentences, weights, number, self._language, budget))
        return made

    def _chapter(self, chapter: Chapter, budget: float, skipped: frozenset[int]) -> list[Scene]:
        budget = max(budget, _LEAST_CHAPTER)
        tellings = self._tellings(chapter, budget)
        told: list[set[int]] = [set() for _ in tellings]
        if tellings:
            told[0] |= skipped
        structured: list[Draft] = []
        for telling, part in zip(tellings, chapter.parts, strict=True):
            if part.role == "text":
                found = self._structured(telling, part)
                if part is not chapter.parts[0] and self._is_example(part):
                    for draft in found:
                        draft.value *= 0.55
                structured += found
            elif part.role == "exercises":
                structured += media.questions(telling, part.blocks)[:1]
        picked: list[Draft] = []
        spent = 0.0
        while structured:
            kinds = Counter(one.kind for one in picked)
            draft = min(structured, key=lambda one: (-_bargain(one, budget, kinds), one.place))
            structured.remove(draft)
            if draft.uses & told[draft.place[0]]:
                continue
            if spent + 0.5 * draft.seconds > budget and (picked or draft.seconds > 2.6 * budget):
                continue
            picked.append(draft)
            told[draft.place[0]] |= draft.uses
            spent += draft.seconds
        candidates = [
            point
            for telling, part, done in zip(tellings, chapter.parts, told, strict=True)
            if part.role == "text"
            for point in points(telling, done)
        ]
        if budget - spent >= 4 or not picked:
            picked += packed(chosen(candidates, budget - spent), chapter.heading)
        if not picked:
            picked = packed(chosen(_anything(tellings), budget), chapter.heading)
        self._remember(tellings, picked)
        picked.sort(key=lambda one: one.place)
        self._open_up(chapter, tellings[0], picked)
        return self._named(chapter, picked)

    def _open_up(self, chapter: Chapter, telling: Telling, picked: Sequence[Draft]) -> None:
        """Begin a chapter with its first sentence, where that says what it is about."""
        sentences = telling.sentences
        if not picked or not sentences or not chapter.heading:
            return
        first, draft = sentences[0], picked[0]
        told = any(0 in one.uses for one in picked if one.place[0] == 0)
        plain = first.is_speakable and not first.is_question and not first.formulas
        if told or not plain or first.text.endswith(":") or leans(first, self._language):
            return
        defines = self._language.defines
        says_much = defines is not None and defines.search(first.text[:90])
        if says_much and seconds_of(first.text) <= 9 and draft.seconds <= 18:
            draft.script.prepend(telling.said(0))

    def _is_example(self, part: Part) -> bool:
        pattern = self._language.examples
        return pattern is not None and bool(pattern.search(part.heading))

    def _structured(self, telling: Telling, part: Part) -> list[Draft]:
        shown = formulas.formulas(telling)
        drawn = formulas.plots(telling)
        made = [*shown, *drawn, *definitions(telling), *listings.arrays(telling)]
        if not shown and not drawn:
            made += formulas.inline_formulas(telling)
        dated = listings.dated_sentences(telling)
        if dated is not None:
            made.append(dated)
        paragraphs = [one.rich.text for one in part.blocks if isinstance(one, Paragraph)]
        graph = listings.arrows(telling, paragraphs, 0)
        if graph is not None:
            made.append(graph)
        for place, block in enumerate(part.blocks):
            made += self._of_block(telling, part.blocks, place, block)
        return [*made, *media.questions(telling, part.blocks)]

    def _of_block(
        self, telling: Telling, blocks: Sequence[Block], place: int, block: Block
    ) -> list[Draft]:
        if isinstance(block, Paragraph | Display):
            return []
        if isinstance(block, Figure):
            return media.image(telling, block, self._pictures, place)
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

    def _exercises(self, chapter: Chapter) -> list[Scene]:
        for telling, part in zip(self._tellings(chapter, 12.0), chapter.parts, strict=True):
            found = sorted(media.questions(telling, part.blocks), key=lambda one: -one.value)
            if found:
                return self._named(chapter, found[:1])
        return []

    def _named(self, chapter: Chapter, drafts: Iterable[Draft]) -> list[Scene]:
        counts: Counter[str] = Counter()
        made: list[Scene] = []
        for draft in drafts:
            counts[draft.kind] += 1
            number = counts[draft.kind]
            name = f"{chapter.slug}-{draft.kind}" + (f"-{number}" if number > 1 else "")
            if not made:
                self._announce(chapter, draft)
            made.append(self._scene(name, draft))
        return made

    def _announce(self, chapter: Chapter, draft: Draft) -> None:
        """Say the heading of a chapter, unless its first words say the same."""
        spoken = heading(chapter.heading)
        if not spoken or not draft.script.lines:
            return
        asks = spoken.endswith(("?", "？", "؟"))
        first = set(keys(draft.script.lines[0], self._language))
        if not asks and first & set(keys(spoken, self._language)):
            return
        draft.script.prepend(spoken)

    def _scene(self, name: str, draft: Draft) -> Scene:
        said = " ".join((*draft.script.lines, draft.title)).casefold()
        concepts = [one[:80] for one in self._concepts if one.casefold() in said]
        narration = draft.script.narration()[:12]
        lines = {line.id for line in narration}
        parts = set(draft.visual.parts())
        cues = [one for one in draft.script.cues if one.line in lines and one.target in parts]
        return Scene(
            id=name[:40].strip("-"),
            title=draft.title,
            concepts=concepts[:12],
            narration=narration,
            visual=draft.visual,
            cues=cues[:40],
            seconds=draft.least if draft.least > draft.script.seconds else None,
        )

    # The beginning and the end -------------------------------------------------------------

    def _opening(self, title: str, chapters: Sequence[Chapter]) -> tuple[Draft, frozenset[int]]:
        """A title card, with the first sentences of what stands before all headings."""
        script = Script(self._language)
        bare = title.rstrip(" .:")
        asks = bare.endswith(("?", "!", "？", "！", "؟"))
        script.say(bare if asks else self._language.opening.format(title=bare))
        used: list[int] = []
        subtitle = ""
        if chapters and not chapters[0].heading:
            sentences = flow(chapters[0].parts[0].blocks, self._language)
            for number, sentence in enumerate(sentences[:3]):
                plain = sentence.is_speakable and not sentence.formulas
                first = number > 0 or not leans(sentence, self._language)
                fits = script.seconds + seconds_of(sentence.text) < 16
                if not plain or not first or not fits or sentence.text.endswith(":"):
                    break
                script.say(sentence.text)
                used.append(number)
        elif len(chapters) > 2:
            names = [heading(one.heading).rstrip(":") for one in chapters if one.heading]
            if len(names) < 7 and sum(len(name.split()) for name in names) <= 16:
                subtitle = fit(" · ".join(names), 160)
                line = script.say(", ".join(names))
                script.at(line, names[0], "subtitle")
        card = Title(kind="title", title=fit(title, 80), subtitle=subtitle)
        return Draft("title", fit(title, 80), card, script, 9, (0, 0, 0)), frozenset(used)

    def _remember(self, tellings: Sequence[Telling], picked: Sequence[Draft]) -> None:
        """Keep the weightiest sentence that a chapter was told in, for the recap."""
        alone: list[Point] = []
        for draft in picked:
            telling = tellings[draft.place[0]]
            if draft.kind not in {"points", "term", "terms", "formula"} or draft.value < 0.7:
                continue
            for number in sorted(draft.uses):
                point = Point(telling, (number,), telling.weights[number])
                if telling.before(number) == [number] and self._closes(point):
                    alone.append(point)
        if alone:
            self._best.append(max(alone, key=_worth))

    def _closes(self, point: Point) -> bool:
        """Whether a sentence stands alone at the end."""
        sentence = point.telling.sentences[point.chain[0]]
        said = set(re.findall(r"[^\W\d_]+", sentence.text.lower()))
        plain = sentence.is_speakable and not sentence.is_question and not sentence.is_formula
        whole = not sentence.text.endswith(":") and len(sentence.text.split()) != 1
        alone = plain and whole and not self._language.pronouns & said
        return alone and point.seconds < 10 and self._is_key(sentence)

    def _is_key(self, sentence: Sentence) -> bool:
        """Whether a sentence says what something is, or that it matters."""
        language = self._language
        if language.defines is None or language.weighty is None or language.light is None:
            return True
        says = language.defines.search(sentence.text) or language.weighty.search(sentence.text)
        tells = sentence.marked or bool(sentence.formulas) or bool(says)
        return tells and not language.light.search(sentence.text)

    def _recap(self, summary: Sequence[Part], most: float) -> Draft | None:
        texts_ = _summed_up(summary, self._language)
        if not texts_:
            best = sorted(self._best, key=lambda one: -_worth(one))[:5]
            texts_ = [one.telling.said(one.chain[0]) for one in self._best if one in best]
        if len(texts_) < (1 if summary else 2):
            return None
        script = Script(self._language)
        items: list[str] = []
        for number, text in enumerate(texts_[:6]):
            said = text
            if number == 0 and self._language.recap:
                said = f"{self._language.recap}: {text}"
            if len(items) > 1 and script.seconds + seconds_of(said) > most:
                break
            line = script.say(said)
            items.append(short(text, self._language))
            script.at(line, items[-1], f"item-{len(items)}")
        title = self._language.recap or fit(_line(self._title), 80)
        visual = Bullets(kind="bullets", title=title, items=items)
        return Draft("recap", title, visual, script, 1, (0, 0, 0))


def _anything(tellings: Sequence[Telling]) -> list[Point]:
    """What can be said at all, for chapters of which nothing stands alone."""
    return [
        Point(telling, (number,), telling.weights[number])
        for telling in tellings
        for number, sentence in enumerate(telling.sentences)
        if sentence.is_speakable and re.search(r"\w", sentence.text)
    ][:200]


def _bargain(draft: Draft, budget: float, kinds: Mapping[str, int]) -> float:
    """What a scene is worth where there is room for ``budget`` seconds; the same again is less."""
    return draft.value * min(1.0, budget / draft.seconds) ** 0.5 * 0.6 ** kinds.get(draft.kind, 0)


def _worth(point: Point) -> float:
    """What a sentence is worth at the end: openings more, examples full of figures less."""
    sentence = point.telling.sentences[point.chain[0]]
    figures = len(re.findall(r"\d", re.sub(r"\$[^$]*\$", "", sentence.text)))
    opens = 1.4 if point.chain[0] == 0 else 1.0
    names = 1.6 if sentence.term else (3.0 if sentence.formulas else 1.0)
    return point.weight * opens * names * (0.4 if figures > 1 else 1.0)


def _around(telling: Telling, blocks: Sequence[Block], place: int) -> list[int]:
    """The sentence before a block, and those behind it."""
    before = [n for n, one in enumerate(telling.sentences) if one.paragraph < place][-1:]
    following = next(
        (n for n in range(place + 1, len(blocks)) if isinstance(blocks[n], Paragraph)), None
    )
    if following != place + 1:
        return before
    behind = [n for n, one in enumerate(telling.sentences) if one.paragraph == following]
    chain = (telling.before(before[0]) or before) if before else []
    return [*chain, *behind[:2]]


def _lead(telling: Telling, blocks: Sequence[Block], place: int) -> tuple[str, frozenset[int]]:
    """The sentence that leads to a list or a table, and those that it leans on."""
    if not place or not isinstance(blocks[place - 1], Paragraph | Display):
        return "", frozenset()
    before = [n for n, one in enumerate(telling.sentences) if one.paragraph < place]
    if not before:
        return "", frozenset()
    chain = telling.before(before[-1])
    if chain is None or len(chain) > 2:
        return "", frozenset()
    sentences = [telling.sentences[number] for number in chain]
    if not all(one.is_speakable for one in sentences) or any(one.formulas for one in sentences):
        return "", frozenset()
    if len(sentences[-1].text.split()) < 3 and " " in telling.title:
        return "", frozenset()  # "Suppose:"
    text = " ".join(telling.said(number) for number in chain)
    return (text, frozenset(chain)) if seconds_of(text) < 12 else ("", frozenset())


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


def _unique(scenes: Sequence[Scene]) -> list[Scene]:
    taken: Counter[str] = Counter()
    made: list[Scene] = []
    for scene in scenes:
        taken[scene.id] += 1
        if taken[scene.id] > 1:
            scene = scene.model_copy(update={"id": f"{scene.id[:36]}-{taken[scene.id]}"})
        made.append(scene)
    return made

"""Scenes of running text: definitions, and the sentences that matter most."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bloop_outline.languages import Language
from bloop_outline.script import Draft, Script, heading, seconds_of
from bloop_outline.sentences import Sentence, fit, leans, short, without_asides
from bloop_sdk.storyboard import Bullets, Title

MOST_POINTS = 4
MOST_TERMS = 5
SCENE_SECONDS = 19.0
LEAST_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Telling:
    """The sentences of one part with their weights, and what is above them."""

    title: str
    sentences: Sequence[Sentence]
    weights: Sequence[float]
    number: int
    language: Language
    seconds: float = 19.0
    """What its chapter may take."""

    def said(self, number: int) -> str:
        """A sentence as it is spoken."""
        return without_asides(self.sentences[number].text, self.language)

    def place(self, number: int) -> tuple[int, int, int]:
        """Where a sentence stands in its chapter."""
        return self.number, self.sentences[number].paragraph, number

    def before(self, number: int) -> list[int] | None:
        """A sentence with those that it leans on; None where these are missing or too many."""
        chain = [number]
        while leans(self.sentences[chain[0]], self.language):
            earlier = chain[0] - 1
            if earlier < 0 and self.sentences[0].text[0].islower():
                return chain  # It begins small, as those who write in haste do.
            if earlier < 0 or len(chain) > 2:
                return None
            if self.sentences[earlier].paragraph < self.sentences[number].paragraph - 2:
                return None
            if not self.sentences[earlier].is_speakable:
                return None
            chain.insert(0, earlier)
        return chain


def definitions(telling: Telling) -> list[Draft]:
    """A card for a term that a sentence marks and defines; a list for several."""
    defined = [n for n in range(len(telling.sentences)) if _defines(telling, n)]
    if len(defined) < 2:
        return [_card(telling, number) for number in defined]
    script = Script(telling.language)
    items: list[str] = []
    uses: list[int] = []
    for number in defined[:MOST_TERMS]:
        said = telling.said(number)
        if items and script.seconds + seconds_of(said) > SCENE_SECONDS + 3:
            break
        line = script.say(said)
        uses.append(number)
        items.append(short(telling.sentences[number].text, telling.language, 120))
        script.at(line, telling.sentences[number].term, f"item-{len(items)}")
    title = heading(telling.title)
    visual = Bullets(kind="bullets", title=title, items=items)
    place = telling.place(uses[0])
    return [Draft("terms", title, visual, script, 1.1, place, frozenset(uses))]


def _defines(telling: Telling, number: int) -> bool:
    sentence = telling.sentences[number]
    plain = bool(sentence.term) and not sentence.formulas and sentence.is_speakable
    if not plain or leans(sentence, telling.language) or len(sentence.term.split()) > 5:
        return False
    before, _, rest = sentence.text.casefold().partition(sentence.term.casefold())
    if len(before) < 16 and rest[:1] in {":", ".", "–", "—"}:
        return len(rest) > 12
    pattern = telling.language.defines
    return pattern is not None and bool(pattern.match(rest[:40]))


def _card(telling: Telling, number: int) -> Draft:
    sentence = telling.sentences[number]
    script = Script(telling.language)
    line = script.say(telling.said(number))
    script.at(line, sentence.text[len(sentence.term) :], "subtitle")
    more = _explanation(telling, number)
    for follower in more:
        script.say(telling.said(follower))
    term = fit(sentence.term[:1].upper() + sentence.term[1:], 80)
    subtitle = short(_meaning(sentence), telling.language, 150)
    visual = Title(kind="title", title=term, subtitle=subtitle)
    uses = frozenset({number, *more})
    return Draft("term", term, visual, script, 1.1, telling.place(number), uses)


def _meaning(sentence: Sentence) -> str:
    rest = sentence.text.partition(sentence.term)[2]
    if len(rest) >= len(sentence.text) - len(sentence.term) - 16 and rest[:1] in {":", ".", "–"}:
        meaning = rest[1:].strip(" –—")
        return meaning[:1].upper() + meaning[1:]
    return sentence.text


def _explanation(telling: Telling, number: int) -> list[int]:
    """What goes on about the same in the next sentences of the paragraph."""
    found: list[int] = []
    spent = seconds_of(telling.said(number))
    for follower in range(number + 1, min(number + 3, len(telling.sentences))):
        sentence = telling.sentences[follower]
        same = sentence.paragraph == telling.sentences[number].paragraph
        if not same or sentence.is_question or sentence.formulas or not sentence.is_speakable:
            break
        spent += seconds_of(telling.said(follower))
        if spent > SCENE_SECONDS - 4:
            break
        found.append(follower)
    return found


@dataclass(frozen=True, slots=True)
class Point:
    """A sentence that matters, with those that it leans on."""

    telling: Telling
    chain: tuple[int, ...]
    weight: float

    @property
    def head(self) -> str:
        """The sentence that stands on the screen."""
        return self.telling.sentences[self.chain[0]].text

    @property
    def seconds(self) -> float:
        """About how long it takes to be said."""
        return sum(seconds_of(self.telling.said(one)) for one in self.chain)


def points(telling: Telling, told: Collection[int]) -> list[Point]:
    """What could be told of a part beside what is told already."""
    found: list[Point] = []
    for number, sentence in enumerate(telling.sentences):
        if number in told or not _tellable(sentence):
            continue
        chain = telling.before(number)
        if chain is None or any(one in told for one in chain):
            continue
        found.append(Point(telling, tuple(chain), telling.weights[number]))
    return found


def chosen(candidates: Sequence[Point], seconds: float) -> list[Point]:
    """The weightiest of them that take about ``seconds``, in their order; at least one."""
    kept: list[Point] = []
    spent = 0.0
    for point in sorted(candidates, key=lambda one: -one.weight):
        if kept and spent + 0.5 * point.seconds > seconds:
            continue
        same = [one for one in kept if one.telling is point.telling]
        mine = set(point.chain)
        if any(mine & set(one.chain) and not set(one.chain) < mine for one in same):
            continue
        within = [one for one in same if set(one.chain) < mine]
        kept = [one for one in kept if one not in within]
        kept.append(point)
        spent += point.seconds - sum(one.seconds for one in within)
    return sorted(kept, key=lambda one: one.telling.place(one.chain[0]))


def _tellable(sentence: Sentence) -> bool:
    return (
        sentence.is_speakable
        and not sentence.is_question
        and not sentence.is_formula
        and not sentence.formulas
        and not sentence.text.endswith((":", "："))
        and len(sentence.text) > 12
    )


def packed(kept: Sequence[Point], title: str) -> list[Draft]:
    """Points as scenes of two to four, those of one part together where they fill a scene."""
    scenes: list[list[Point]] = []
    for point in kept:
        last = scenes[-1] if scenes else []
        spent = sum(one.seconds for one in last)
        other_part = bool(last) and last[-1].telling is not point.telling
        room = SCENE_SECONDS + (6 if len(last) == 1 else 0)
        full = len(last) >= MOST_POINTS or spent + point.seconds > room
        if not last or full or (other_part and spent >= LEAST_SECONDS):
            scenes.append([point])
        else:
            last.append(point)
    if len(scenes) > 1:
        tail = sum(one.seconds for one in scenes[-1])
        total = tail + sum(one.seconds for one in scenes[-2])
        if tail < LEAST_SECONDS and len(scenes[-2]) <= MOST_POINTS and total <= SCENE_SECONDS + 4:
            last = scenes.pop()
            scenes[-1] += last
    return [_listed(scene, title) for scene in scenes]


def _listed(scene: Sequence[Point], title: str) -> Draft:
    first = scene[0]
    language = first.telling.language
    if len({id(one.telling) for one in scene}) == 1 and first.telling.title:
        title = first.telling.title
    title = heading(title)
    script = Script(language)
    items: list[str] = []
    uses: set[int] = set()
    card = len(scene) == 1 and bool(title)
    for number, point in enumerate(scene, 1):
        items.append(short(point.head, language, 150 if card else 110))
        lines = [script.say(point.telling.said(one)) for one in point.chain]
        script.at(lines[0], items[-1], "subtitle" if card else f"item-{number}")
        uses.update(point.chain)
    place = first.telling.place(first.chain[0])
    visual: Title | Bullets = (
        Title(kind="title", title=title, subtitle=items[0])
        if card
        else Bullets(kind="bullets", title=title, items=items)
    )
    return Draft("points", title, visual, script, 1.0, place, frozenset(uses))

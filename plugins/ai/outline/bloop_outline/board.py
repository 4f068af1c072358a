"""From a lesson to its storyboard: which chapters are told, for how long, and how it begins."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bloop_outline.chapters import Chapter, Part, chapters_of, texts
from bloop_outline.config import OutlineConfig
from bloop_outline.inline import DOLLAR, plain, uncoded
from bloop_outline.languages import Language, language_of
from bloop_outline.picking import Material, exercises, pick
from bloop_outline.prose import Point
from bloop_outline.ranking import keys
from bloop_outline.reading import read_html
from bloop_outline.recap import closing_point, recap
from bloop_outline.script import WORDS_A_SECOND, Draft, Script, heading, seconds_of
from bloop_outline.sentences import fit, flow, leans
from bloop_sdk import UnsupportedError
from bloop_sdk.providers.ai import Lesson
from bloop_sdk.storyboard import Asset, Scene, Storyboard, Title

SHORTEST_SECONDS = 60.0
"""A lesson is told so long, unless it is shorter itself."""
ENDS_SECONDS = 15.0
"""What the title and the recap take of it."""
WHOLE_SECONDS = 16.0
"""What is read in so long is told whole;"""
SHORT_SHARE = 0.6
"""of what takes longer to read no more than this share, for a video is to be shorter."""
OPENED_FROM = 3
"""A lesson of one chapter with so many sentences begins on its title card."""
RECAP_FROM_SECONDS = 50.0
CHAPTER_SECONDS = 14.0
"""What a chapter takes that has but one scene."""
MOST_CHAPTERS = 60
MOST_SCENES = 78


def outline(lesson: Lesson, config: OutlineConfig) -> Storyboard:
    """The storyboard of a lesson; raises UnsupportedError where there is nothing to tell."""
    blocks = read_html(lesson.html)
    language = language_of(lesson.language, " ".join(texts(blocks)))
    title = plain(lesson.title)
    chapters = chapters_of(blocks, title, language)
    if not chapters and not title:
        raise UnsupportedError(
            "the lesson has neither a title nor text to tell of",
            cure="write something into it, or choose another lesson",
        )
    pictures = {one.source: one for one in lesson.pictures}
    material = Material(language, title, lesson.concepts, pictures)
    name = title or next((one.heading for one in chapters if one.heading), "…")
    scenes = _scenes(material, name, chapters, config)
    shown = {scene.visual.asset for scene in scenes if scene.visual.kind == "image"}
    board = Storyboard(
        title=fit(name, 160).replace(DOLLAR, "$"),
        language=language.code,
        made_by="extraction",
        scenes=scenes,
        assets=[
            Asset(id=one.id, source=one.source, alt=fit(plain(one.alt), 400))
            for one in lesson.pictures
            if one.id in shown
        ],
    )
    written = board.model_dump_json()
    bare = uncoded(written)
    return board if bare == written else Storyboard.model_validate_json(bare)


def _scenes(
    material: Material, title: str, chapters: Sequence[Chapter], config: OutlineConfig
) -> list[Scene]:
    if chapters and chapters[0].parts[0].role == "summary":
        chapters[0].parts[0].role = "text"  # What stands first is no recap.
    told = [one for one in chapters if any(part.role == "text" for part in one.parts)]
    told, rate = _planned(told, config)
    opening, used = _opening(material.language, title, told)
    made = [_scene(material, "title", opening)]
    best: list[Point] = []
    for chapter in chapters:
        first = bool(told) and chapter is told[0]
        if chapter in told:
            budget = chapter.words * rate - (opening.seconds if first and used else 0.0)
            if first and used and budget < ENDS_SECONDS / 3:
                continue  # The title card has told it.
            drafts, tellings = pick(material, chapter, budget, used if first else frozenset())
            point = closing_point(material.language, tellings, drafts)
            best += [point] if point else []
        else:
            drafts = exercises(material, chapter)
        made += _named(material, chapter, drafts)
    made = _unique(made[:MOST_SCENES])
    summary = [part for one in chapters for part in one.parts if part.role == "summary"]
    ending = _ending(material, summary, best, made) if config.recap else None
    return [*made, ending] if ending else made


def _planned(chapters: Sequence[Chapter], config: OutlineConfig) -> tuple[list[Chapter], float]:
    """The chapters to be told, and the seconds for each of their words.

    The rate moves in steps, so that a small change of the lesson leaves it as it is.
    """
    kept = list(chapters)
    most = min(MOST_CHAPTERS, max(1, int(60 * config.longest_minutes / CHAPTER_SECONDS)))
    if len(kept) > most:
        longest = sorted(kept, key=lambda one: -one.words)[:most]
        kept = [one for one in kept if one in longest]
    count = max(1, sum(one.words for one in kept))
    usual = count * config.seconds_per_thousand_words / 1000
    read = count / WORDS_A_SECOND
    short = ENDS_SECONDS + max(min(read, WHOLE_SECONDS), SHORT_SHARE * read)
    aim = min(max(usual, min(short, SHORTEST_SECONDS)), 60.0 * config.longest_minutes)
    rate: float = 2 ** (round(4 * math.log2((aim - ENDS_SECONDS) / count)) / 4)
    return kept, rate


def _opening(
    language: Language, title: str, chapters: Sequence[Chapter]
) -> tuple[Draft, frozenset[int]]:
    """A title card, with the first sentences of what stands before all headings.

    Gives the numbers of these sentences too. Where there are none, it names the chapters.
    """
    script = Script(language)
    bare = title.rstrip(" .:")
    asks = bare.endswith(("?", "!", "？", "！", "؟"))
    script.say(bare if asks else language.opening.format(title=bare))
    used: list[int] = []
    subtitle = ""
    if chapters and not chapters[0].heading:
        begins_with = flow(chapters[0].parts[0].blocks, language)
        most = 3 if len(chapters) > 1 else int(len(begins_with) >= OPENED_FROM)
        for number, sentence in enumerate(begins_with[:most]):
            fits = script.seconds + seconds_of(sentence.text) < ENDS_SECONDS
            begins = number > 0 or not leans(sentence, language)
            tells = sentence.is_plain and not sentence.term and "$" not in sentence.text
            if not tells or not fits or not begins or sentence.text.endswith(":"):
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
    return Draft("title", fit(title, 80), card, script, 1.0, (0, 0, 0)), frozenset(used)


def _ending(
    material: Material, summary: Sequence[Part], best: Sequence[Point], made: Sequence[Scene]
) -> Scene | None:
    spoken = sum(seconds_of(line.text) for scene in made for line in scene.narration)
    if not summary and spoken < RECAP_FROM_SECONDS:
        return None
    draft = recap(material.language, material.title, summary, best, 0.15 * spoken)
    return _scene(material, "recap", draft) if draft else None


def _named(material: Material, chapter: Chapter, drafts: Iterable[Draft]) -> list[Scene]:
    """Scenes of a chapter: their ids are its slug, their kind, and which of that kind it is."""
    counts: Counter[str] = Counter()
    made: list[Scene] = []
    for draft in drafts:
        counts[draft.kind] += 1
        number = counts[draft.kind]
        name = f"{chapter.slug}-{draft.kind}" + (f"-{number}" if number > 1 else "")
        if not made:
            _announce(material.language, chapter, draft)
        made.append(_scene(material, name, draft))
    return made


def _announce(language: Language, chapter: Chapter, draft: Draft) -> None:
    """Say the heading of a chapter, unless its first words say the same."""
    spoken = heading(chapter.heading)
    if not spoken or not draft.script.lines:
        return
    asks = spoken.endswith(("?", "？", "؟"))
    if draft.script.lines[0].casefold().startswith(spoken.casefold()):
        return
    first = set(keys(draft.script.lines[0], language))
    if asks or not first & set(keys(spoken, language)):
        draft.script.prepend(spoken)


def _scene(material: Material, name: str, draft: Draft) -> Scene:
    said = " ".join((*draft.script.lines, draft.title)).casefold()
    concepts = [one[:80] for one in material.concepts if one.casefold() in said]
    narration = draft.script.narration()[:12]
    lines, parts = {line.id for line in narration}, set(draft.visual.parts())
    cues = [one for one in draft.script.cues if one.line in lines and one.target in parts]
    return Scene(
        id=name[:40].strip("-"),
        title=draft.title.replace(DOLLAR, "$"),
        concepts=concepts[:12],
        narration=narration,
        visual=_with_dollars(draft.visual),
        cues=cues[:40],
        seconds=draft.least if draft.least > draft.script.seconds else None,
    )


def _with_dollars(visual: Any) -> Any:
    r"""A visual in whose texts money is written ``\$``, where that fits."""
    written = visual.model_dump_json()
    if visual.kind == "code" or DOLLAR not in written:
        return visual
    try:
        return type(visual).model_validate_json(written.replace(DOLLAR, "\\\\$"))
    except ValueError:
        return visual


def _unique(scenes: Sequence[Scene]) -> list[Scene]:
    taken: Counter[str] = Counter()
    made: list[Scene] = []
    for scene in scenes:
        taken[scene.id] += 1
        again = {"id": f"{scene.id[:36]}-{taken[scene.id]}"} if taken[scene.id] > 1 else {}
        made.append(scene.model_copy(update=again))
    return made

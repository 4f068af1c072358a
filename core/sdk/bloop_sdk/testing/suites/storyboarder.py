"""What holds for every ``storyboarder`` provider: its words, its pictures, its cues, its limits."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bloop_sdk.errors import BloopError, MalformedRecordError
from bloop_sdk.providers.ai import Lesson, Storyboarder
from bloop_sdk.storyboard import FORMULA, Storyboard, find_word, read_storyboard
from bloop_sdk.testing import lessons
from bloop_sdk.testing.context import FakeContext
from bloop_sdk.testing.lessons import Lessons
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.providing import ProviderCase

ENORMOUS_SECONDS = 60.0

_UNREAD = frozenset({
    "asset", "expression", "id", "kind", "language", "layout", "line", "made_by", "nth",
    "presenter", "shape", "source", "target", "version",
})  # fmt: skip
"""Keys whose values nobody reads; so is the ``text`` of code."""
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|&(?:[a-z]{2,8}|#\d+|#x[0-9a-f]+);|\*\*\w|```")
_LATEX = re.compile(r"\\[a-zA-Z]+|\\[()\[\]]|[_^]\{")
_ADDRESS = re.compile(r"\b(?:https?|ftp|file|javascript|data):\S|\bwww\.\w", re.IGNORECASE)
_ORDER_MARKS = re.compile("[\u202a-\u202e\u2066-\u2069]")


class StoryboarderCase(ProviderCase[Lessons, Storyboarder]):
    """A storyboarder's class, and what its context is given."""

    def fresh(self) -> Storyboarder:
        """One, as in a process of its own."""
        plugin = self.plugin
        ctx = FakeContext(
            plugin_id=plugin.manifest.id,
            config=plugin.config(dict(self.subject.settings)),
            data_dir=self.folder,
            package=plugin.package,
        )
        if self.subject.prepare is not None:
            self.subject.prepare(ctx)
        return self.make(ctx)

    async def tell(self, lesson: Lesson, where: str) -> Storyboard:
        """Its storyboard of a lesson, read again as the hub reads it."""
        try:
            async with asyncio.timeout(ENORMOUS_SECONDS):
                made = await self.fresh().storyboard(lesson)
        except TimeoutError as err:
            raise ContractError(f"{where}: it took more than {ENORMOUS_SECONDS:.0f} s") from err
        except Exception as err:
            raise ContractError(f"{where}: {type(err).__name__}: {err}") from err
        hold(isinstance(made, Storyboard), f"{where}: {type(made).__name__} is no Storyboard")
        try:
            again = read_storyboard(made.model_dump_json(warnings=False))
        except MalformedRecordError as err:
            raise ContractError(f"{where}: {err}") from err
        hold(again == made, f"{where}: it is another one once it was written and read")
        return made


STORYBOARDER = Suite("`storyboarder`", StoryboarderCase)


def texts(board: Storyboard) -> Iterator[tuple[str, str]]:
    """Each text that people see or hear, with its place."""
    yield "title", board.title
    for scene in board.scenes:
        yield f"{scene.id}: title", scene.title
        for line in scene.narration:
            yield f"{scene.id}: {line.id}", line.text
        yield from _within(scene.visual.model_dump(), f"{scene.id}: {scene.visual.kind}")


def _within(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        code = value.get("kind") == "code"
        for key, inner in value.items():
            if key not in _UNREAD and not (code and key == "text") and key != "steps":
                yield from _within(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _within(inner, f"{where} {number}")


def _letters(board: Storyboard, first: str, last: str) -> float:
    """The share of letters of a script among all that is said."""
    said = "".join(line.text for scene in board.scenes for line in scene.narration)
    letters = [sign for sign in FORMULA.sub("", said) if sign.isalpha()]
    return sum(first <= sign <= last for sign in letters) / max(1, len(letters))


@STORYBOARDER.rule()
async def a_lesson(case: StoryboarderCase) -> None:
    """A storyboard fits its schema, and every scene is told or says how long it is seen."""
    board = await case.tell(lessons.PHOTOSYNTHESIS, "a lesson")
    hold(len(board.scenes) > 1, "a lesson with four headings has one scene")
    for scene in board.scenes:
        told = scene.narration or scene.seconds is not None
        hold(told, f"scene {scene.id} has neither narration nor seconds")
    hold(board.made_by != "author", 'made_by is "author": say "extraction" or "model"')


@STORYBOARDER.rule()
async def the_same_again(case: StoryboarderCase) -> None:
    """The same lesson gives the same ids of scenes and lines, in another process too."""
    first = await case.tell(lessons.PHOTOSYNTHESIS, "a lesson")
    second = await case.tell(lessons.PHOTOSYNTHESIS, "the same lesson")

    def ids(board: Storyboard) -> list[tuple[str, list[str]]]:
        return [(scene.id, [line.id for line in scene.narration]) for scene in board.scenes]

    hold(ids(first) == ids(second), "the same lesson gave other ids of scenes or lines")


@STORYBOARDER.rule()
async def language(case: StoryboarderCase) -> None:
    """A storyboard has its lesson's language."""
    for lesson in (lessons.PHOTOSYNTHESIS, lessons.GERMAN, lessons.ARABIC, lessons.JAPANESE):
        board = await case.tell(lesson, f"a lesson in {lesson.language}")
        same = board.language == lesson.language
        hold(same, f"a lesson in {lesson.language} has a storyboard in {board.language}")


@STORYBOARDER.rule()
async def pictures(case: StoryboarderCase) -> None:
    """Every asset is a picture of the lesson, by its id and source, and is shown."""
    for lesson in (lessons.PHOTOSYNTHESIS, lessons.HOSTILE, lessons.INJECTED, lessons.GERMAN):
        board = await case.tell(lesson, lesson.title)
        known = {picture.id: picture.source for picture in lesson.pictures}
        for asset in board.assets:
            same = known.get(asset.id) == asset.source
            hold(same, f"asset {asset.id} ({asset.source}) is no picture of the lesson")
        shown = {scene.visual.asset for scene in board.scenes if scene.visual.kind == "image"}
        unseen = sorted({asset.id for asset in board.assets} - shown)
        hold(not unseen, f"no scene shows asset {', '.join(unseen)}")


@STORYBOARDER.rule()
async def nothing_to_tell(case: StoryboarderCase) -> None:
    """An empty lesson is refused with a cure; one that has but a title may have a title card."""
    for lesson in (lessons.EMPTY, lessons.BLANK, lessons.UNTOLD):
        where = f"a lesson without text, title {lesson.title!r}"
        try:
            board = await case.fresh().storyboard(lesson)
        except BloopError as err:
            hold(err.cure, f"{where}: {err.message!r} has no cure")
            continue
        except Exception as err:
            raise ContractError(
                f"{where}: {type(err).__name__}: {err}; raise UnsupportedError"
            ) from err
        hold(lesson.title, f"{where}: it has a storyboard: {board.title!r}")
        kinds = {scene.visual.kind for scene in board.scenes}
        hold(kinds == {"title"}, f"{where}: it is told in scenes of {', '.join(sorted(kinds))}")


@STORYBOARDER.rule()
async def an_enormous_lesson(case: StoryboarderCase) -> None:
    """A book is told within the limits of the schema, and within a minute."""
    board = await case.tell(lessons.enormous(), "a book")
    hold(len(board.scenes) > 3, f"a book is told in {len(board.scenes)} scenes")


@STORYBOARDER.rule()
async def other_scripts(case: StoryboarderCase) -> None:
    """Arabic and Japanese are told in their own letters, in the order in which they are read."""
    for lesson, first, last in (
        (lessons.ARABIC, "\u0600", "\u06ff"),
        (lessons.JAPANESE, "\u3040", "\u9fff"),
    ):
        board = await case.tell(lesson, f"a lesson in {lesson.language}")
        share = _letters(board, first, last)
        hold(share > 0.9, f"{share:.0%} of what is said in {lesson.language} is in its letters")
        for where, text in texts(board):
            hold(not _ORDER_MARKS.search(text), f"{where}: marks of direction in {text!r}")


@STORYBOARDER.rule()
async def what_nobody_sees(case: StoryboarderCase) -> None:
    """Scripts, styles, comments and hidden text are not told; broken nesting does no harm."""
    board = await case.tell(lessons.HOSTILE, "hostile HTML")
    for where, text in texts(board):
        hold(lessons.SECRET not in text, f"{where}: tells what is hidden: {text!r}")
    said = " ".join(line.text for scene in board.scenes for line in scene.narration)
    hold("wave" in said, "what can be seen between hostile markup is not told")


@STORYBOARDER.rule()
async def an_instruction_in_a_lesson(case: StoryboarderCase) -> None:
    """What a lesson asks of its reader changes neither title, language nor assets."""
    board = await case.tell(lessons.INJECTED, "a lesson with instructions")
    hold("pwned" not in board.title.casefold(), f"the title is {board.title!r}")
    hold(board.language == "en", f"the language is {board.language}")
    written = board.model_dump_json()
    hold("evil.example/" not in written, "it holds an address that the lesson asked for")


@STORYBOARDER.rule()
async def plain_texts(case: StoryboarderCase) -> None:
    """Texts hold no markup, and dollars around LaTeX or for money, so written that it is plain."""
    for lesson in (lessons.PHOTOSYNTHESIS, lessons.HOSTILE, lessons.GERMAN):
        board = await case.tell(lesson, lesson.title)
        for where, text in texts(board):
            found = _MARKUP.search(FORMULA.sub("", text))
            hold(not found, f"{where}: markup {found[0] if found else ''!r} in {text!r}")
        for scene in board.scenes:
            for line in scene.narration:
                left = re.sub(r"\$(?=\d)|(?<=\d)\$", "", FORMULA.sub("", line.text))
                hold("$" not in left, f"{scene.id}: a dollar that is no money in {line.text!r}")
            for where, text in _within(scene.visual.model_dump(), scene.id):
                bare = FORMULA.sub("", text).replace("\\$", "")
                left = re.sub(r"\$(?=\d)|(?<=\d)\$", "", bare)
                hold("$" not in left, f"{where}: a dollar that opens nothing in {text!r}")
        for scene in board.scenes:
            for step in getattr(scene.visual, "steps", ()):
                hold("$" not in step, f"{scene.id}: a dollar within a step: {step!r}")


def _kept_unless_between_dollars(found: re.Match[str]) -> str:
    return "" if found[0].startswith("$") else found[0]


@STORYBOARDER.rule()
async def speakable_lines(case: StoryboarderCase) -> None:
    """Lines can be read aloud: no addresses, and no LaTeX outside of dollars."""
    for lesson in (lessons.PHOTOSYNTHESIS, lessons.HOSTILE, lessons.INJECTED, lessons.JAPANESE):
        board = await case.tell(lesson, lesson.title)
        for scene in board.scenes:
            for line in scene.narration:
                plain = FORMULA.sub(_kept_unless_between_dollars, line.text)
                hold(not _ADDRESS.search(plain), f"{scene.id}: an address in {line.text!r}")
                hold(not _LATEX.search(plain), f"{scene.id}: bare LaTeX in {line.text!r}")
                spoken = any(sign.isalnum() for sign in line.text)
                hold(spoken, f"{scene.id}: nothing to say in {line.text!r}")


@STORYBOARDER.rule()
async def cues(case: StoryboarderCase) -> None:
    """A cue's word is in its line as often as it says."""
    for lesson in (lessons.PHOTOSYNTHESIS, lessons.GERMAN, lessons.ARABIC, lessons.JAPANESE):
        board = await case.tell(lesson, lesson.title)
        for scene in board.scenes:
            lines = {line.id: line.text for line in scene.narration}
            for cue in scene.cues:
                there = find_word(lines[cue.line], cue.word, cue.nth)
                times = f" {cue.nth} times" if cue.nth > 1 else ""
                hold(there, f"{scene.id}: {cue.line} does not say {cue.word!r}{times}")

"""The suite for storyboarders: a good one passes, and for every rule there is a broken one."""

from __future__ import annotations

import itertools
import json

import pytest

from bloop_sdk import UnsupportedError
from bloop_sdk.storyboard import Storyboard, read_storyboard
from bloop_sdk.testing import ContractError, Lessons, plugin_tests
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.storyboarder import STORYBOARDER, StoryboarderCase

PLUGIN = PluginUnderTest("bloop_shelf")
COUNTER = itertools.count()


def scene(name, *lines, visual=None, cues=(), **more):
    return {
        "id": name,
        "narration": [{"id": f"line-{n}", "text": text} for n, text in enumerate(lines, 1)],
        "visual": visual or {"kind": "title", "title": lines[0]},
        "cues": list(cues),
        **more,
    }


LEAF = scene(
    "leaf",
    "Light, water and air come in; sugar and oxygen go out.",
    visual={"kind": "image", "asset": "diagram", "caption": "A leaf"},
)
ENERGY = scene(
    "energy",
    "The energy grows with the frequency, so $E = h f$.",
    "A leaf costs the plant $2 or $3 of sugar, and $f$ of light.",
    visual={
        "kind": "formula",
        "title": "For \\$2 or $3 x$",
        "steps": ["E = h f"],
        "caption": "by $f$",
    },
    cues=[{"line": "line-1", "word": "the", "nth": 2, "target": "step-1"}],
)
COUNT = scene(
    "count",
    "This line counts the leaves.",
    visual={"kind": "code", "language": "python", "text": "n = len(<leaves>)  # **all** of $n"},
)
TOLD = {
    "Photosynthesis": [LEAF, ENERGY, COUNT],
    "Der Wasserkreislauf": [scene("dampf", "Die Sonne erwärmt das Wasser der Meere.")],
    "دورة الماء": [scene("maa", "تسخن الشمس مياه البحار فيتبخر الماء.")],
    "光合成": [scene("hikari", "光合成は糖を作る働きである。")],
    "Sound waves": [scene("sound", "Sound is a wave that travels through air.")],
    "The water cycle": [scene("rain", "Rain brings the water back to the earth.")],
    "Rivers": [scene(f"river-{n}", f"Region {n} is a basin.") for n in range(5)],
}


class Good:
    """As it should be: it knows the lessons by heart."""

    def __init__(self, ctx=None):
        pass

    async def storyboard(self, lesson):
        if not lesson.title:
            raise UnsupportedError("there is nothing to tell", cure="write something")
        board = {
            "title": lesson.title,
            "language": lesson.language,
            "made_by": "model",
            "scenes": json.loads(json.dumps(TOLD[lesson.title])),
            "assets": [],
        }
        if lesson.title == "Photosynthesis":
            board["assets"] = [{"id": "diagram", "source": "/files/leaf.png"}]
        if not lesson.html.strip("<p> /"):
            board["scenes"] = [scene("title", lesson.title)]
        self.change(board, lesson)
        return self.made(board)

    def change(self, board, lesson):
        pass

    def made(self, board):
        return read_storyboard(board)


BROKEN = []


def broken(rule):
    def add(storyboarder):
        BROKEN.append((rule, storyboarder))
        return storyboarder

    return add


def changing(rule, name, change):
    """A storyboarder that changes what a good one makes."""
    made = type(name, (Good,), {"change": lambda self, board, lesson: change(board)})
    BROKEN.append((rule, made))


def says(text):
    def change(board):
        board["scenes"][0]["narration"] = [{"id": "line-1", "text": text}]
        board["scenes"][0]["cues"] = []

    return change


def shows(**visual):
    def change(board):
        board["scenes"][0]["visual"] = visual
        board["scenes"][0]["cues"] = []
        board["assets"] = []

    return change


def cue(**wanted):
    def change(board):
        one = board["scenes"][-1]
        title = {"kind": "title", "title": "x", "subtitle": "y"}
        one.update(visual=title, cues=[{"line": "line-1", "target": "subtitle", **wanted}])

    return change


changing("a_lesson", "OneScene", lambda board: board.update(scenes=board["scenes"][:1]))
changing("a_lesson", "ByAnAuthor", lambda board: board.update(made_by="author"))
changing("a_lesson", "Silent", lambda board: board["scenes"][2].update(narration=[]))


@broken("a_lesson")
class GivesJson(Good):
    def made(self, board):
        return board


@broken("a_lesson")
class Unchecked(Good):
    def made(self, board):
        return Storyboard.model_construct(**{**board, "title": "x" * 500})


@broken("the_same_again")
class CountsOn(Good):
    def change(self, board, lesson):
        for one in board["scenes"]:
            one["id"] = f"scene-{next(COUNTER)}"


@broken("the_same_again")
class CountsLines(Good):
    def change(self, board, lesson):
        board["scenes"][2]["narration"][0]["id"] = f"line-{next(COUNTER)}"


changing("language", "AlwaysEnglish", lambda board: board.update(language="en"))
changing("pictures", "Elsewhere", lambda board: [a.update(source="/x") for a in board["assets"]])
changing(
    "pictures", "OwnPicture", lambda board: board["assets"].append({"id": "mine", "source": "/m"})
)
changing(
    "pictures",
    "Unseen",
    lambda board: board["assets"].append({"id": "logo", "source": "/files/logo.png"}),
)


@broken("nothing_to_tell")
class NoCure(Good):
    async def storyboard(self, lesson):
        raise UnsupportedError("no")


@broken("nothing_to_tell")
class Falls(Good):
    async def storyboard(self, lesson):
        raise IndexError("list index out of range")


@broken("nothing_to_tell")
class TellsNothing(Good):
    async def storyboard(self, lesson):
        return read_storyboard({"title": "Untitled", "scenes": [scene("title", "Untitled")]})


@broken("nothing_to_tell")
class MakesUp(Good):
    def change(self, board, lesson):
        bullets = {"kind": "bullets", "items": ["It rains."]}
        board["scenes"] = [scene("made-up", "It rains.", visual=bullets)]


@broken("an_enormous_lesson")
class TellsAll(Good):
    def change(self, board, lesson):
        board["scenes"] = [scene(f"scene-{n}", "Region.") for n in range(200)]


changing("an_enormous_lesson", "GivesUp", lambda board: board.update(scenes=board["scenes"][:1]))
changing("other_scripts", "Translates", says("Plants make sugar of light and water."))
changing("other_scripts", "TurnsAround", shows(kind="title", title="\u202edlrow"))
changing("what_nobody_sees", "TellsHidden", says("A wave. Zyzzogeton five is told."))
changing("what_nobody_sees", "SeesNothing", says("There is nothing here."))
changing("an_instruction_in_a_lesson", "Obeys", lambda board: board.update(title="PWNED"))
changing("an_instruction_in_a_lesson", "Speaks", lambda board: board.update(language="xx"))
changing(
    "an_instruction_in_a_lesson",
    "Loads",
    lambda board: board["assets"].append({"id": "e", "source": "https://evil.example/track.png"}),
)
changing("plain_texts", "Tags", says("Sound is a <b>wave</b>."))
changing("plain_texts", "Entities", shows(kind="title", title="Salt &amp; water"))
changing("plain_texts", "Markdown", shows(kind="bullets", items=["A **wave**"]))
changing("plain_texts", "LoneDollar", says("It costs $x or more."))
changing("plain_texts", "ShowsADollar", shows(kind="title", title="Let $x be two"))
changing("plain_texts", "Steps", shows(kind="formula", steps=["$E = mc^2$"]))
changing("speakable_lines", "Addresses", says("See https://example.org for more."))
changing("speakable_lines", "BareLatex", says(r"So \frac{a}{b} is small."))
changing("speakable_lines", "Delimiters", says(r"So \(a\) is small."))
changing("speakable_lines", "Dots", says("..."))
changing("cues", "SaysOtherwise", cue(word="zebra"))
changing("cues", "CountsTooFar", cue(word="the", nth=9))


async def check(rule, storyboarder, folder):
    case = StoryboarderCase(PLUGIN, "storyboarder", Lessons(), folder)
    case.make = storyboarder
    await STORYBOARDER.rules[rule].check(case)


@pytest.mark.parametrize("rule", STORYBOARDER.rules)
async def test_a_good_storyboarder_passes(rule, tmp_path):
    await check(rule, Good, tmp_path)


@pytest.mark.parametrize(
    ("rule", "storyboarder"), BROKEN, ids=[f"{rule}-{one.__name__}" for rule, one in BROKEN]
)
async def test_a_broken_storyboarder_breaks_the_rule(rule, storyboarder, tmp_path):
    with pytest.raises(ContractError):
        await check(rule, storyboarder, tmp_path)


def test_every_rule_is_broken_by_some_storyboarder():
    assert STORYBOARDER.rules.keys() == {rule for rule, _ in BROKEN}


def test_a_context_is_prepared_with_what_a_storyboarder_asks(tmp_path):
    seen = []
    subject = Lessons(prepare=seen.append)
    case = StoryboarderCase(PLUGIN, "storyboarder", subject, tmp_path)
    case.plugin = type(
        "Plugin",
        (),
        {
            "manifest": type("M", (), {"id": "x", "provides": {"storyboarder": "x:y"}}),
            "package": "x",
            "load": lambda self, path: lambda ctx: ("made with", ctx),
            "config": lambda self, settings: PLUGIN.config(None) if settings else None,
        },
    )()
    assert case.fresh() == ("made with", seen[0])


def test_a_plugin_that_tells_nothing_needs_no_lessons():
    with pytest.raises(TypeError, match="provides"):
        plugin_tests("bloop_shelf", storyboarder=Lessons())

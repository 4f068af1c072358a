"""The studio in German and Arabic: its pages, and what it refuses, down to the last part of it."""

from __future__ import annotations

import ast
import html
from pathlib import Path

import pytest

import bloop_sdk.storyboard
from bloop_sdk import words_of
from bloop_sdk.storyboard import Storyboard
from tests.web.conftest import csrf_of

BOARD = {
    "title": "Waves",
    "scenes": [
        {
            "id": name,
            "title": name.title(),
            "narration": [{"id": "l1", "text": f"This is {name}."}],
            "visual": {"kind": "bullets", "items": [name]},
        }
        for name in ("one", "two")
    ],
}


@pytest.fixture
async def lesson(hub, write_lesson, ctx):
    """A lesson with a storyboard of two scenes; gives its id."""
    from bloop_studio import asking

    id_ = await hub.database.run(write_lesson)
    await asking.write(ctx, await ctx.content.item(id_), Storyboard.model_validate(BOARD), 0)
    return id_


async def test_the_editor_speaks_german_and_arabic_from_right_to_left(visit, lesson):
    teacher = await visit("educator")
    for path, german, arabic in (
        (f"lessons/{lesson}", ("Video zu", "Neue Szene", "Liste"), ("مشهد جديد", "قائمة")),
        (f"lessons/{lesson}/scenes/two", ("Szene 2 von 2", "Anhören"), ("المشهد 2 من 2",)),
        (f"lessons/{lesson}/versions", ("Fassung 1", " UTC<"), ("النسخة 1", " UTC<")),
    ):
        said = {}
        for locale in ("de", "ar"):
            page = await teacher.get(f"/x/studio/{path}", headers={"accept-language": locale})
            said[locale] = html.unescape(page.text)
        assert [one for one in german if one not in said["de"]] == []
        assert [one for one in arabic if one not in said["ar"]] == []
        assert '<html lang="ar" dir="rtl"' in said["ar"]


async def test_a_refusal_is_german_with_its_line_and_the_reason_within(visit, lesson, hub):
    teacher = await visit("educator")
    at = f"/x/studio/lessons/{lesson}"
    sent = {"csrf": csrf_of(await teacher.get("/")), "base": "1"}
    german = {"accept-language": "de"}

    async def refused(path, **fields):
        page = await teacher.post(f"{at}/{path}", data=sent | fields, headers=german)
        assert page.status_code == 422, page.text
        return html.unescape(page.text)

    scene = {"kind": "bullets", "was": "bullets", "do": "keep", "title": "Two"}
    said = await refused("scenes/two", **scene, **{"v.items": f"a\n{'x' * 201}"}, seconds="900")
    assert "Zeile 2: höchstens 200 Zeichen" in said
    plot = {**scene, "kind": "plot", "was": "plot", "v.x": "0 | far"}
    assert "Zeile 1: Teil 2 ist eine Zahl, nicht 'far'" in await refused("scenes/two", **plot)
    plot |= {"v.x": "0 | 1", "v.curves": "y + 1"}
    assert "Zeile 1: 'y' kennt man hier nicht" in await refused("scenes/two", **plot)
    assert "Zeile 1: ein Skript beginnt mit" in await refused("write", text="Waves")
    text = "---\ntitle: Waves\nlanguage: en\n---\n\n## One {#one}\n"
    assert "Zeile 6: visual: hier fehlt etwas" in await refused("write", text=text)
    assert "quality: eines von '480p', " in await refused("make", quality="4k")
    assert "language: es muss zu ^[a-z]" in await refused("about", title="a", language="?")


def test_an_error_that_was_kept_is_told_with_what_it_tells_of():
    german = words_of("bloop_studio", "de")
    assert german.translate("tried again: the disk is full: a.mp4") == (
        "neuer Versuch: der Datenträger ist voll: a.mp4"
    )
    assert german.translate("it broke off: OSError: x") == "es brach ab: OSError: x"
    # What a renderer says is in no catalogue of ours, and no half of it is taken for one.
    for foreign in ("line 3: too long", "use 3 colours or more", "Scene 3 overlaps", "at least 2"):
        assert german.translate(foreign) == foreign


def _raised():
    """What the contract's storyboard refuses, with 7 for each value."""
    for path in Path(bloop_sdk.storyboard.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
                continue
            if getattr(node.exc.func, "id", "") == "ValueError":
                (said,) = node.exc.args
                parts = said.values if isinstance(said, ast.JoinedStr) else [said]
                yield "".join(one.value if isinstance(one, ast.Constant) else "7" for one in parts)


@pytest.mark.parametrize("locale", ["de", "ar"])
def test_all_that_the_contract_refuses_is_known_here(locale):
    words = words_of("bloop_studio", locale)
    said = list(_raised())
    assert len(said) > 15
    assert [one for one in said if words.translate(one) == one] == []


async def test_the_hub_says_what_the_studio_raises_and_its_step_of_the_setup(visit, hub):
    from bloop.web.navigation import said_by

    raised = "there is no voice 'x'"
    assert said_by(hub, "studio", raised, "de", filled=True) == "es gibt keine Stimme 'x'"
    admin = await visit("admin")
    page = await admin.get("/setup", headers={"accept-language": "de"})
    assert "Ein erstes Video machen" in page.text and "Make a first video" not in page.text


def test_a_new_scene_is_written_in_the_language_of_its_video():
    from bloop_studio.scene_forms import blank, carried, form_of

    german = Storyboard.model_validate(BOARD | {"language": "de-AT"})
    made = blank("bullets", german)
    assert (made.title, made.visual.items) == ("Neue Szene", ["Erster Punkt"])
    quiz = carried(form_of(made), "quiz", german.language)
    assert quiz.values["v.question"] == "Was ist das?"
    finnish = Storyboard.model_validate(BOARD | {"language": "fi"})
    assert blank("bullets", finnish).title == "New scene"

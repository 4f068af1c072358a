"""Storyboards as other plugins change them, before they are spoken and drawn."""

from __future__ import annotations

import pytest

from bloop_sdk.testing.distributions import write_plugin

FILTER = """
    from bloop_sdk import Plugin, hookimpl

    class Main(Plugin):
        @hookimpl
        def filter_storyboard(self, storyboard, lesson):
            {body}
"""
BODIES = {
    "a_first": 'storyboard["title"] = f"{lesson.title}, kept short"; return storyboard',
    "b_raises": 'storyboard["scenes"].clear(); raise ZeroDivisionError("no scene left")',
    "c_rubbish": 'storyboard["scenes"] = "none"; return storyboard',
    "d_text": 'return "a storyboard"',
    "e_nothing": "return None",
    "f_last": 'del storyboard["scenes"][1:]; return storyboard',
}


@pytest.fixture
def studio_toml(studio_toml, site):
    with studio_toml.open("a") as file:
        for name, body in BODIES.items():
            code = FILTER.format(body=body)
            write_plugin(site, name, code=code, manifest={"hooks": ["filter_storyboard"]})
            file.write(f"\n[plugins.{name}]\nenabled = true\n")
    return studio_toml


async def test_each_filter_has_its_effect_or_none(hub, ctx, write_lesson, made, toys):
    from bloop_sdk import words_of
    from bloop_studio import asking, storyboards
    from bloop_studio.options import Options
    from bloop_studio.pages import shown

    item = await ctx.content.item(await hub.database.run(write_lesson))
    row = await made(await asking.ask(ctx, item, Options(quality="480p")))
    assert row.state == "ready", row.error
    assert row.storyboard["title"] == "Waves, kept short"
    assert len(row.storyboard["scenes"]) == row.report["scenes"] == 1
    assert [one["plugin"] for one in row.report["filters"]] == ["b_raises", "c_rubbish", "d_text"]
    raised, rubbish, text = (one["reason"] for one in row.report["filters"])
    assert "no scene left" in raised and "scenes" in rubbish and "str" in text
    assert (
        sum(
            "changed nothing" in one
            for one in shown(row, words_of("bloop_studio", "en"))["problems"]
        )
        == 3
    )
    version = await ctx.read(storyboards.newest, item.id)
    assert len(version.body["scenes"]) > 1, "what people edit is the unfiltered one"


async def test_only_filter_hooks_of_the_hub_are_called(ctx):
    from bloop_sdk import UnsupportedError

    for name in ("health_checks", "nonsense"):
        with pytest.raises(UnsupportedError, match=name):
            await ctx.providers.filtered(name, {}, dict)

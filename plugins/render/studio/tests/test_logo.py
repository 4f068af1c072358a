"""The institution's logo: set, refused, drawn, and part of what a clip is kept under."""

from __future__ import annotations

import dataclasses

import pytest

from bloop_sdk import UnsupportedError
from tests.web.conftest import csrf_of

RED, BLUE = (f'<svg xmlns="http://www.w3.org/2000/svg" fill="{one}"/>' for one in ("red", "blue"))


@pytest.fixture
def logos(hub):
    """The logos of the scenes that the toy has drawn."""
    from bloop_crayon.plugin import LOGOS

    LOGOS.clear()
    return LOGOS


@pytest.fixture
def signed(visit):
    """A browser of a role, which sends its token."""

    async def signed(role):
        browser = await visit(role)
        browser.headers.update(
            {"x-csrf-token": csrf_of(await browser.get("/")), "accept": "application/json"}
        )
        return browser

    return signed


@pytest.fixture
async def make(ctx, hub, write_lesson, made):
    """Ask for a lesson's video and wait for it; gives its row."""
    from bloop_studio import asking
    from bloop_studio.options import Options

    item = await ctx.content.item(await hub.database.run(write_lesson))

    async def make():
        row = await made(await asking.ask(ctx, item, Options(quality="480p")))
        assert row.state == "ready", row.error
        return row

    return make


async def test_scenes_have_the_logo_and_another_one_makes_another_video(signed, make, logos):
    admin = await signed("admin")
    plain = await make()
    assert set(logos) == {None}
    logos.clear()
    answer = await admin.put("/x/studio/logo", content=RED)
    assert answer.status_code == 204, answer.text
    assert (await admin.get("/x/studio/logo")).text == RED
    row = await make()
    assert row.id != plain.id
    assert set(logos) == {RED.encode()}
    await admin.delete("/x/studio/logo")
    assert (await admin.get("/x/studio/logo")).status_code == 404
    assert (await make()).id == plain.id


async def test_what_can_not_be_shown_is_refused_and_changes_nothing(signed):
    admin, teacher = await signed("admin"), await signed("educator")
    assert (await teacher.put("/x/studio/logo", content=RED)).status_code == 403
    assert (await admin.put("/x/studio/logo", content=RED)).status_code == 204
    for data, told in (
        (b"<svg>BROKEN", "the logo is broken"),
        (b"GIF89a", "a PNG, a JPEG or an SVG"),
        (b"<svg>" + b" " * 1_000_000, "1000000 bytes at most"),
    ):
        answer = await admin.put("/x/studio/logo", content=data)
        assert answer.status_code >= 400
        assert told in answer.text
    assert (await admin.get("/x/studio/logo")).text == RED


async def test_the_logo_of_hub_toml_is_that_of_all_who_have_none(ctx, tmp_path):
    from bloop_studio import logo

    path = tmp_path / "logo.svg"
    path.write_text(RED)
    other = dataclasses.replace(ctx, config=ctx.config.model_copy(update={"logo": path}))
    name = await logo.name_of(other)
    assert (await logo.fetch(other, name, tmp_path)).read_text() == RED
    await logo.keep(ctx, BLUE.encode())
    assert await logo.name_of(other) != name
    await logo.forget(ctx)
    path.unlink()
    with pytest.raises(UnsupportedError, match="can't be read"):
        await logo.name_of(other)


@pytest.mark.parametrize("path", ["logo.png", "/nowhere/logo.png"])
def test_a_logo_that_is_not_there_is_told_when_settings_are_read(hub, path):
    from bloop_studio.config import StudioConfig

    with pytest.raises(ValueError, match="logo"):
        StudioConfig(logo=path)

"""The first steps of an empty hub: each knows from the database whether it is done."""

from __future__ import annotations

import pytest

from bloop.hub import Hub


@pytest.fixture
async def hub(hub_toml):
    hub_toml.write_text(hub_toml.read_text() + "\n[plugins.cartridge]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def test_whoever_starts_an_empty_hub_lands_on_its_first_steps(hub, visit):
    client = await visit()
    answer = await client.get(f"/start?token={await hub.login_token()}")
    assert answer.headers["location"] == "/setup"
    client.cookies.update(answer.cookies)
    text = (await client.get("/setup")).text
    assert "0 of 4 done" in text

"""What plugins make of recommendations: they reorder and drop, and add nothing."""

from __future__ import annotations

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import placing, service
from bloop.content.models import Item
from bloop.hub import Hub
from bloop_sdk.testing.distributions import write_plugin

CODE = """
    from bloop_sdk import Plugin, hookimpl

    class Main(Plugin):
        @hookimpl
        def filter_recommendations(self, recommendations, learner):
            added = dict(recommendations[0], item="of-somebody-else")
            return [added, *reversed(recommendations[1:])]
"""


@pytest.fixture
async def hub(hub_toml, site):
    write_plugin(site, "turns", code=CODE, manifest={"hooks": ["filter_recommendations"]})
    with hub_toml.open("a") as file:
        file.write("\n[plugins.turns]\nenabled = true\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


async def test_a_plugin_reorders_and_drops_and_adds_nothing(visit, hub):
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = service.create_container(unit, title="Waves", published=True)
        for title in ("One", "Two", "Three"):
            item = service.create_item(unit, course.id, kind="page", title=title, html="<p>x</p>")
            service.publish(unit, Item, item.id, None, lambda item, principal: None)
            placing.create_node(unit, course.id, title=title, item=item.id)
    learner = await visit("learner")
    await learner.put(f"/api/v1/account/goals/container/{course.id}", json={})
    found = (await learner.get("/api/v1/account/next?limit=3")).json()["items"]
    assert len(found) == 2
    assert len({one["item"] for one in found}) == 2
    assert {one["title"] for one in found} < {"One", "Two", "Three"}

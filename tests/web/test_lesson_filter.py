"""What plugins make of a lesson's text: in order, sanitised, and only where they are wanted."""

from __future__ import annotations

import pytest

from bloop.accounts.sessions import system_call
from bloop.content import service
from bloop.content.models import Container, Item
from bloop.hub import Hub
from bloop.kernel.models import InstitutionPlugin
from bloop_sdk.testing.distributions import write_plugin

CODE = """
    from bloop_sdk import Plugin, hookimpl

    GREETING = "<p onclick='evil()'>Welcome to {}</p><script>evil()</script>"

    class Main(Plugin):
        @hookimpl
        def filter_lesson_html(self, html, lesson):
            return ANSWER
"""
ANSWERS = {
    "greets": "GREETING.format(lesson.title) + html",
    "shouts": 'html.replace("Welcome", "WELCOME")',
    "silent": "None",
}


@pytest.fixture
async def hub(hub_toml, site):
    with hub_toml.open("a") as file:
        for order, (plugin_id, answer) in enumerate(ANSWERS.items()):
            code = CODE.replace("ANSWER", answer)
            write_plugin(site, plugin_id, code=code, manifest={"hooks": ["filter_lesson_html"]})
            file.write(f"\n[plugins.{plugin_id}]\nenabled = true\norder = {order}\n")
    hub = Hub.open(hub_toml, "api")
    await hub.start()
    await hub.loaded()
    yield hub
    await hub.stop()


@pytest.fixture
def lesson(hub):
    """A published page of a published course."""
    with hub.database.unit(system_call(hub.institution)) as unit:
        course = service.create_container(unit, title="Waves", published=True)
        item = service.create_item(unit, course.id, kind="page", title="Sound", html="<p>Air</p>")
        service.publish(unit, Item, item.id, None, lambda item, principal: None)
        assert unit.get(Container, course.id).published
        return f"/lessons/{item.id}"


async def test_filters_hand_on_what_they_made_and_it_is_sanitised_again(visit, lesson):
    shown = (await (await visit("learner")).get(f"{lesson}/text")).text
    assert "<p>WELCOME to Sound</p><p>Air</p>" in shown
    assert "evil" not in shown


async def test_a_plugin_that_an_institution_has_off_changes_nothing_there(visit, lesson, hub):
    with hub.database.unit(system_call(hub.institution)) as unit:
        row = InstitutionPlugin(institution_id=unit.institution, plugin_id="greets", enabled=False)
        unit.session.add(row)
    hub.choices.forget(hub.institution)
    shown = (await (await visit("learner")).get(f"{lesson}/text")).text
    assert "<p>Air</p>" in shown
    assert "to Sound" not in shown

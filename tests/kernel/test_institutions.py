"""Institutions choose among the loaded plugins, and bring settings of their own."""

import pytest
from pydantic import SecretStr

from bloop.kernel import institutions
from bloop.kernel.config import parse
from bloop.kernel.institutions import Choice, InstitutionPlugins, set_settings
from bloop.kernel.models import InstitutionPlugin
from bloop.store.errors import ConflictError
from bloop_sdk import ConfigError, PluginConfig, Scope, setting


class Config(PluginConfig):
    size: int = setting(1, scope=Scope.HUB, description="The hub's")
    word: str = setting("hub", scope=Scope.INSTITUTION, description="Anybody's")
    token: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="Secret")


@pytest.fixture
def config():
    return parse("[plugins.pp]\nenabled = true\nsize = 7\n", None, {})


def switch(database, call, *, enabled):
    with database.unit(call) as unit:
        unit.session.merge(
            InstitutionPlugin(
                institution_id=unit.institution, plugin_id="pp", enabled=enabled, settings={}
            )
        )


async def test_an_institution_uses_what_is_loaded_unless_it_says_so(database, call, other_call):
    plugins = InstitutionPlugins(database)
    switch(database, call, enabled=False)
    assert not await plugins.enabled_for(call, "pp")
    assert await plugins.enabled_for(call, "q")
    assert await plugins.enabled_for(other_call, "pp")


async def test_an_answer_is_kept_for_a_moment_and_then_asked_again(database, call, monkeypatch):
    plugins = InstitutionPlugins(database)
    assert await plugins.enabled_for(call, "pp")
    switch(database, call, enabled=False)
    assert await plugins.enabled_for(call, "pp")
    plugins.forget(call.institution)
    assert not await plugins.enabled_for(call, "pp")
    switch(database, call, enabled=True)
    monkeypatch.setattr(institutions, "FRESH_SECONDS", 0)
    assert await plugins.enabled_for(call, "pp")


async def test_settings_of_an_institution_lie_over_those_of_the_hub(
    database, call, other_call, config
):
    with database.unit(call) as unit:
        assert set_settings(unit, config, "pp", Config, {"word": "own"}, None) == 1
    plugins = InstitutionPlugins(database)
    for each, word, origin in ((call, "own", "institution row"), (other_call, "hub", "default")):
        choice = (await plugins.choices(each)).get("pp", Choice())
        found = config.plugin("pp", Config, (choice.layer,))
        assert (found.config.size, found.config.word) == (7, word)
        assert found.origins["word"] == origin


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"size": 2}, "belongs to the hub"),
        ({"word": []}, "word"),
        ({"wrod": "x"}, "wrod"),
        ({"token": "hunter2"}, "encrypted"),
    ],
)
def test_what_an_institution_may_not_set_is_refused(database, call, config, settings, fault):
    with pytest.raises(ConfigError, match=fault), database.unit(call) as unit:
        set_settings(unit, config, "pp", Config, settings, None)
    with database.unit(call) as unit:
        assert unit.session.get(InstitutionPlugin, (unit.institution, "pp")) is None


def test_settings_changed_by_somebody_else_are_not_overwritten(database, call, config):
    for number, version in ((1, None), (2, 1)):
        with database.unit(call) as unit:
            assert (
                set_settings(unit, config, "pp", Config, {"word": str(number)}, version) == number
            )
    with pytest.raises(ConflictError), database.unit(call) as unit:
        set_settings(unit, config, "pp", Config, {"word": "stale"}, 1)

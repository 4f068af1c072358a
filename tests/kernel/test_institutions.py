"""Institutions choose among the loaded plugins, and bring settings of their own."""

import pytest
from pydantic import SecretStr
from sqlalchemy import delete, select

from bloop.accounts.models import User
from bloop.kernel import institutions
from bloop.kernel.config import parse
from bloop.kernel.faults import PluginUnavailableError
from bloop.kernel.institutions import InstitutionPlugins, switch_plugin
from bloop.kernel.models import InstitutionPlugin, UserPlugin
from bloop.kernel.own_settings import Owner, set_own
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError
from bloop.store.models import AuditLine, OutboxEvent
from bloop.store.sealing import SealError
from bloop_sdk import ConfigError, PluginConfig, Scope, setting
from tests.support.database import OTHER, make_call, make_system_call


class Config(PluginConfig):
    size: int = setting(1, scope=Scope.HUB, description="The hub's")
    word: str = setting("hub", scope=Scope.INSTITUTION, description="Anybody's")
    token: SecretStr | None = setting(None, scope=Scope.INSTITUTION, description="Secret")
    tone: str = setting("hub", scope=Scope.USER, description="Everybody's own")
    pin: SecretStr | None = setting(None, scope=Scope.USER, description="Everybody's secret")
    hub_key: SecretStr | None = setting(None, description="The operator's secret")


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


def set_for(unit, config, settings, version=None, secrets=(), user=None):
    owner = Owner(unit.institution, "pp", user)
    return set_own(unit, config, Config, owner, settings, dict(secrets), version).row_version


async def found_for(database, config, call):
    layers = await InstitutionPlugins(database).layers(call, "pp", Config)
    return config.plugin("pp", Config, layers)


async def test_settings_of_an_institution_lie_over_those_of_the_hub(
    database, call, other_call, config
):
    with database.unit(call) as unit:
        assert set_for(unit, config, {"word": "own"}) == 1
    for each, word, origin in ((call, "own", "institution row"), (other_call, "hub", "default")):
        found = await found_for(database, config, each)
        assert (found.config.size, found.config.word) == (7, word)
        assert found.origins["word"] == origin


@pytest.mark.parametrize(
    ("settings", "secrets", "fault"),
    [
        ({"size": 2}, {}, "belongs to the hub"),
        ({"word": []}, {}, "word"),
        ({"wrod": "x"}, {}, "wrod"),
        ({"token": "hunter2"}, {}, "encrypted"),
        ({}, {"word": "x"}, "is no secret"),
        ({}, {"tokne": "x"}, "token"),
        ({}, {"token": ""}, "1 to"),
        ({}, {"token": "x" * 70_000}, "1 to"),
        ({}, {"hub_key": "hunter2"}, "belongs to the hub"),
    ],
)
def test_what_an_institution_may_not_set_is_refused(
    database, call, config, settings, secrets, fault
):
    with pytest.raises(ConfigError, match=fault) as told, database.unit(call) as unit:
        set_for(unit, config, settings, None, secrets)
    assert "hunter2" not in str(told.value)
    with database.unit(call) as unit:
        assert unit.session.get(InstitutionPlugin, (unit.institution, "pp")) is None


def test_settings_changed_by_somebody_else_are_not_overwritten(database, call, config):
    for number, version in ((1, None), (2, 1)):
        with database.unit(call) as unit:
            assert set_for(unit, config, {"word": str(number)}, version) == number
    with pytest.raises(ConflictError), database.unit(call) as unit:
        set_for(unit, config, {"word": "stale"}, 1)


@pytest.fixture
def ann(database):
    """A user of the institution."""
    with database.unit(make_call()) as unit:
        unit.session.add(
            User(id="ann", institution_id=unit.institution, name="Ann", role="learner")
        )
    return make_call(name="ann")


async def test_what_a_user_sets_lies_over_the_institutions_for_that_user_alone(
    database, call, config, ann
):
    with database.unit(call) as unit:
        set_for(unit, config, {"word": "all", "tone": "all"}, None, {"token": "t", "pin": "all"})
        set_for(unit, config, {"tone": "ann"}, None, {"pin": "anns"}, user="ann")
    for each, tone, pin in ((ann, "ann", "anns"), (call, "all", "all")):
        found = (await found_for(database, config, each)).config
        assert (found.word, found.tone, found.pin.get_secret_value()) == ("all", tone, pin)
        assert found.token.get_secret_value() == "t"


def test_a_user_may_not_set_what_is_the_institutions(database, config, ann):
    for settings, secrets in (({"word": "x"}, {}), ({}, {"token": "x"})):
        with pytest.raises(ConfigError, match="belongs to the institution"):
            in_unit(database, ann, set_for, config, settings, None, secrets, "ann")


async def test_a_users_settings_go_with_the_user(database, call, config, ann):
    in_unit(database, ann, set_for, config, {"tone": "ann"}, None, {"pin": "anns"}, "ann")
    with database.unit(call) as unit:
        unit.session.execute(delete(User).where(User.id == "ann"))
    with database.unit(call) as unit:
        assert unit.session.scalars(select(UserPlugin)).all() == []


async def test_secrets_are_sealed_set_one_by_one_and_never_read_back(database, call, config):
    first = in_unit(database, call, set_for, config, {}, None, {"token": "t", "pin": "p"})
    in_unit(database, call, set_for, config, {"word": "x"}, first, {"pin": None})
    with database.unit(call) as unit:
        row = unit.session.get(InstitutionPlugin, (unit.institution, "pp"))
        assert list(row.secrets_set_at) == ["token"]
        assert b"token" not in row.secrets and row.settings == {"word": "x"}
        detail = unit.session.scalars(select(AuditLine).order_by(AuditLine.seq)).all()[-1].detail
        assert detail == {"keys": ["word"], "secret_names": ["pin"]}
    found = (await found_for(database, config, call)).config
    assert (found.token.get_secret_value(), found.pin) == ("t", None)
    in_unit(database, call, set_for, config, {}, None, {"token": None})
    with database.unit(call) as unit:
        assert unit.session.get(InstitutionPlugin, (unit.institution, "pp")).secrets is None


def move(database, **where):
    """Copy the sealed secrets of plugin pp to another row, past the hub."""
    with database.unit(make_system_call()) as unit:
        kept = unit.session.scalars(select(InstitutionPlugin)).one()
        values = {"institution_id": kept.institution_id, "plugin_id": "pp"} | where
        if values["plugin_id"] == "pp":
            unit.session.delete(kept)
            unit.session.flush()
        row = InstitutionPlugin(**values, settings={}, secrets=kept.secrets)
        row.secrets_set_at = dict(kept.secrets_set_at)
        unit.session.add(row)


@pytest.mark.parametrize("where", [{"plugin_id": "thief"}, {"institution_id": OTHER}])
async def test_secrets_that_were_moved_open_for_nobody(database, call, other_call, config, where):
    in_unit(database, call, set_for, config, {}, None, {"token": "hunter2"})
    move(database, **where)
    each = other_call if "institution_id" in where else call
    plugin = where.get("plugin_id", "pp")
    with pytest.raises(SealError) as told:
        await InstitutionPlugins(database).layers(each, plugin, Config)
    assert "hunter2" not in str(told.value)


async def test_secrets_that_do_not_open_can_be_set_anew(database, call, config):
    in_unit(database, call, set_for, config, {}, None, {"token": "old", "pin": "old"})
    with database.unit(call) as unit:
        unit.session.get(InstitutionPlugin, (unit.institution, "pp")).secrets = b"broken"
    with pytest.raises(SealError):
        in_unit(database, call, set_for, config, {}, None, {"token": "new"})
    in_unit(database, call, set_for, config, {}, None, {"token": "new", "pin": None})
    assert (await found_for(database, config, call)).config.token.get_secret_value() == "new"


async def test_a_plugin_that_was_switched_off_is_refused_until_it_is_on_again(
    database, call, other_call
):
    for enabled in (False, False, True, True):
        in_unit(database, call, switch_plugin, "pp", enabled=enabled)
        plugins = InstitutionPlugins(database)
        assert await plugins.off(call) == (frozenset() if enabled else {"pp"})
        assert plugins.choices_now(call)["pp"].enabled is enabled
        await plugins.require(other_call, "pp")
        if enabled:
            await plugins.require(call, "pp")
        else:
            with pytest.raises(PluginUnavailableError, match="switched off for this institution"):
                await plugins.require(call, "pp")
    with database.unit(call) as unit:
        said = unit.session.scalars(select(OutboxEvent).order_by(OutboxEvent.seq)).all()
        topics = [one.topic for one in said if one.aggregate == "plugin:pp"]
    assert topics == ["plugin.switched_off", "plugin.switched_on"], "the same again says nothing"


async def test_layers_are_the_same_without_an_event_loop(database, call, config, ann):
    with database.unit(call) as unit:
        set_for(unit, config, {"word": "all", "tone": "all"}, None, {"token": "t"})
        set_for(unit, config, {"tone": "ann"}, None, {"pin": "anns"}, user="ann")
    plugins = InstitutionPlugins(database)
    for each, user in ((ann, True), (ann, False), (call, True)):
        found = config.plugin("pp", Config, plugins.layers_now(each, "pp", Config, user=user))
        other = config.plugin("pp", Config, await plugins.layers(each, "pp", Config, user=user))
        assert (found.config, found.origins) == (other.config, other.origins)
        assert found.config.tone == ("ann" if each is ann and user else "all")

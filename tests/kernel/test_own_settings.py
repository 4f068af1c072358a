"""The rows of settings: whose they are, and that secrets open for their row and plugin alone."""

from __future__ import annotations

import pytest
from pydantic import SecretBytes, SecretStr
from sqlalchemy import select

from bloop.kernel.config import parse
from bloop.kernel.config_errors import InvalidConfigError
from bloop.kernel.connections import create
from bloop.kernel.models import Connection, InstitutionPlugin
from bloop.kernel.own_settings import (
    Owner,
    OwnSettings,
    keep_own_secrets,
    opened,
    set_own,
    sets_for_users,
)
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import AuditLine
from bloop.store.sealing import SealError
from bloop_sdk import PluginConfig, Scope, setting


class Config(PluginConfig):
    base_url: str = setting(scope=Scope.CONNECTION, description="Its address")
    token: SecretStr = setting(scope=Scope.CONNECTION, description="Its token")
    refresh: SecretStr | None = setting(None, scope=Scope.CONNECTION, description="Another")
    key: SecretBytes | None = setting(None, scope=Scope.CONNECTION, description="In bytes")
    word: str = setting("hub", scope=Scope.INSTITUTION, description="The institution's")


@pytest.fixture
def config():
    return parse("[plugins.lms]\nenabled = true\n", None, {})


@pytest.fixture
def connected(database, call):
    """Makes a connection of plugin lms; gives whose settings it has."""

    def make(key="https://lms.example"):
        with database.unit(call) as unit:
            made = create(unit, plugin_id="lms", capability="lms", key=key, name="LMS")
            return Owner(unit.institution, "lms", connection=made.id)

    return make


@pytest.fixture
def held(database, call):
    """What the row of a connection holds."""

    def read(owner):
        with database.unit(call) as unit:
            row = unit.get(Connection, owner.connection)
            return OwnSettings(row.settings, row.row_version, row.secrets, row.secrets_set_at)

    return read


@pytest.fixture
def found(database, config, held):
    """The settings in force for a connection."""

    def read(owner, **instead):
        layer = held(owner).layer(owner, Config, database.ring.open, instead or None)
        return config.plugin("lms", Config, (layer,)).config

    return read


@pytest.fixture
def put(database, call, config):
    def change(owner, settings, secrets, version=None):
        return in_unit(database, call, set_own, config, Config, owner, settings, secrets, version)

    return change


@pytest.fixture
def keep(database, call):
    def change(owner, secrets, call=call):
        return in_unit(database, call, keep_own_secrets, Config, owner, secrets)

    return change


ADDRESS = {"base_url": "https://lms.example"}


def test_each_owner_has_a_place_of_its_own():
    owners = [
        Owner("i", "lms"),
        Owner("i", "lms", user="u"),
        Owner("i", "lms", connection="c"),
        Owner("j", "lms"),
        Owner("i", "other"),
        Owner("i", "other", connection="c"),
        Owner("j", "lms", connection="c"),
    ]
    assert len({repr(owner.place) for owner in owners}) == len(owners)
    assert [owner.scope for owner in owners[:3]] == ["institution", "user", "connection"]
    assert [owner.resource for owner in owners[:3]] == ["plugin:lms", "plugin:lms", "connection:c"]


def test_a_connection_has_settings_and_secrets_of_its_own(database, call, connected, put, found):
    one, other = connected(), connected("https://other.example")
    put(one, ADDRESS, {"token": "hunter2", "key": "bytes"})
    put(other, {"base_url": "https://other.example"}, {"token": "other"})
    assert found(one).base_url == "https://lms.example"
    assert found(one).token.get_secret_value() == "hunter2"
    assert found(one).key.get_secret_value() == b"bytes"
    assert found(other).token.get_secret_value() == "other"
    with database.unit(call) as unit:
        lines = unit.session.scalars(
            select(AuditLine).where(AuditLine.action == "plugins:settings")
        )
        told = [(line.resource, line.detail) for line in lines]
    assert told[0] == (
        f"connection:{one.connection}",
        {"keys": ["base_url"], "secret_names": ["key", "token"]},
    )
    assert "hunter2" not in str(told)


def test_what_a_connection_lacks_or_may_not_set_is_refused_whole(connected, put, held):
    owner = connected()
    for settings, secrets, fault in (
        ({}, {"token": "hunter2"}, "base_url"),
        (ADDRESS, {}, "token"),
        ({**ADDRESS, "word": "x"}, {"token": "hunter2"}, "belongs to the institution"),
        (ADDRESS, {"token": "hunter2", "base_url": "x"}, "is no secret"),
    ):
        with pytest.raises(InvalidConfigError, match=fault) as told:
            put(owner, settings, secrets)
        assert "hunter2" not in str(told.value)
    assert not held(owner), "nothing was kept"


def test_a_stale_version_changes_nothing(connected, put, held, found):
    owner = connected()
    version = put(owner, ADDRESS, {"token": "t"}).row_version
    put(owner, ADDRESS, {"token": "new"}, version)
    with pytest.raises(ConflictError):
        put(owner, ADDRESS, {"token": "stale"}, version)
    assert found(owner).token.get_secret_value() == "new"


def test_nothing_that_was_set_has_no_version(database, call, config):
    owner = Owner(call.institution, "lms")
    with pytest.raises(ConflictError, match="nothing has been set of plugin lms"):
        in_unit(database, call, set_own, config, Config, owner, {"word": "x"}, {}, 1)


def test_renewed_secrets_are_kept_beside_those_that_stay(connected, put, keep, held, found):
    owner = connected()
    put(owner, ADDRESS, {"token": "old", "refresh": "stays"})
    keep(owner, {"token": "new"})
    assert found(owner).token.get_secret_value() == "new"
    assert found(owner).refresh.get_secret_value() == "stays"
    assert held(owner).settings == ADDRESS
    keep(owner, {"refresh": None})
    assert list(held(owner).set_at) == ["token"]
    assert found(owner).refresh is None
    keep(owner, {"token": None})
    assert (held(owner).sealed, held(owner).set_at) == (None, {})


@pytest.mark.parametrize(
    ("secrets", "fault"),
    [
        ({"tokne": "hunter2"}, "tokne"),
        ({"base_url": "hunter2"}, "is no secret"),
        ({"token": ""}, "1 to"),
        ({"token": "hunter2" * 10_000}, "1 to"),
    ],
    ids=["unknown", "no_secret", "empty", "too_long"],
)
def test_what_is_no_secret_of_the_plugin_is_not_kept(connected, put, keep, held, secrets, fault):
    owner = connected()
    put(owner, ADDRESS, {"token": "old"})
    before = held(owner)
    with pytest.raises(InvalidConfigError, match=fault) as told:
        keep(owner, secrets)
    assert "hunter2" not in str(told.value)
    assert held(owner) == before


def test_another_institution_keeps_nothing_for_a_connection(
    connected, put, keep, other_call, found
):
    owner = connected()
    put(owner, ADDRESS, {"token": "old"})
    for stranger in (owner, Owner(other_call.institution, "lms", connection=owner.connection)):
        with pytest.raises(NotFoundError):
            keep(stranger, {"token": "theirs"}, other_call)
    assert found(owner).token.get_secret_value() == "old"


def test_secrets_of_one_connection_do_not_open_for_another(
    database, call, connected, put, held, found
):
    one, other = connected(), connected("https://other.example")
    put(one, ADDRESS, {"token": "hunter2"})
    moved = held(one)
    with database.unit(call) as unit:
        row = unit.get(Connection, other.connection)
        row.secrets, row.secrets_set_at = moved.sealed, dict(moved.set_at)
        row.settings = ADDRESS
    with pytest.raises(SealError) as told:
        found(other)
    assert "hunter2" not in str(told.value)
    thief = Owner(one.institution, "thief", connection=one.connection)
    with pytest.raises(SealError):
        opened(held(one).sealed, thief, database.ring.open)


def test_where_secrets_do_not_open_all_of_them_can_be_renewed_at_once(
    database, call, connected, put, keep, held, found
):
    owner = connected()
    put(owner, ADDRESS, {"token": "old", "refresh": "old"})
    with database.unit(call) as unit:
        unit.get(Connection, owner.connection).secrets = b"broken"
    with pytest.raises(SealError):
        found(owner)
    with pytest.raises(SealError):
        keep(owner, {"token": "new"})
    assert held(owner).sealed == b"broken", "what could not be read was not thrown away"
    keep(owner, {"token": "new", "refresh": "new"})
    assert found(owner).refresh.get_secret_value() == "new"


def test_where_settings_come_from_is_told_without_opening_a_secret(
    database, call, config, connected, put, held
):
    owner = connected()
    put(owner, ADDRESS, {"token": "hunter2"})
    with database.unit(call) as unit:
        unit.get(Connection, owner.connection).secrets = b"broken"
    told = held(owner).told_layer(owner)
    assert "hunter2" not in repr(told)
    assert {"base_url", "token"} <= set(told.values)


def test_secrets_can_be_tried_before_they_are_kept(connected, put, held, found):
    owner = connected()
    put(owner, ADDRESS, {"token": "old"})
    assert found(owner, token="tried").token.get_secret_value() == "tried"
    assert found(owner).token.get_secret_value() == "old"
    with pytest.raises(InvalidConfigError, match="token"):
        found(owner, token=None)


def test_the_first_settings_of_an_institution_leave_the_plugin_switched_on(database, call, config):
    owner = Owner(call.institution, "lms")
    in_unit(database, call, keep_own_secrets, Config, owner, {"token": "t"})
    with database.unit(call) as unit:
        row = unit.session.get(InstitutionPlugin, (unit.institution, "lms"))
        assert (row.enabled, list(row.secrets_set_at)) == (True, ["token"])
    assert not sets_for_users(Config)

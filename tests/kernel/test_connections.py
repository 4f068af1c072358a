"""Connections: their states have reasons and cures, and are kept."""

import pytest
from sqlalchemy import select

from bloop.accounts.models import User
from bloop.kernel import connections
from bloop.kernel.connections import (
    check,
    choose,
    create,
    find,
    found_by_run,
    set_failed,
    set_state,
    status_of,
)
from bloop.kernel.models import Connection
from bloop.kernel.states import ConnectionState, IllegalTransitionError
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.models import OutboxEvent
from bloop_sdk import AuthError, CheckResult, FatalError, RateLimitedError, RetriableError


def connect(database, call, key="https://lms.example"):
    with database.unit(call) as unit:
        made = create(
            unit, plugin_id="canvas", capability="lms", key=key, name="LMS", settings={"a": 1}
        )
        return made.id


def status(database, call, id_):
    with database.unit(call) as unit:
        return status_of(unit.get(Connection, id_))


class Provider:
    def __init__(self, answer):
        self.answer = answer

    async def check(self):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def test_a_connection_is_found_by_plugin_and_key(database, call, other_call):
    id_ = connect(database, call)
    with database.unit(call) as unit:
        assert find(unit, "canvas", "https://lms.example").id == id_
        assert find(unit, "moodle", "https://lms.example") is None
    with database.unit(other_call) as unit:
        assert find(unit, "canvas", "https://lms.example") is None
    assert connect(database, other_call) != id_


def test_one_system_is_connected_once(database, call):
    connect(database, call)
    with pytest.raises(ConflictError, match=r"is connected with https://lms\.example already"):
        connect(database, call)


async def test_a_check_that_works_makes_it_active(database, call):
    id_ = connect(database, call)
    assert status(database, call, id_).state is ConnectionState.UNCONFIGURED
    found = await check(database, call, id_, Provider(CheckResult(account="somebody")))
    assert found == status(database, call, id_)
    assert (found.state, found.reason) == (ConnectionState.ACTIVE, None)


@pytest.mark.parametrize(
    ("error", "state", "recoverable"),
    [
        (AuthError("401", cure="renew the token"), "auth_failed", False),
        (RetriableError("503", cure="wait"), "retrying", True),
        (FatalError("no Canvas", cure="check the address"), "degraded", True),
        (KeyError("oops"), "degraded", True),
    ],
)
async def test_what_a_check_raises_becomes_the_state_with_reason_and_cure(
    database, call, error, state, recoverable
):
    id_ = connect(database, call)
    found = await check(database, call, id_, Provider(error))
    assert (found.state, found.recoverable) == (state, recoverable)
    assert found.cure == getattr(error, "cure", None)
    assert found == status(database, call, id_)


async def test_a_credential_that_lacks_something_degrades_and_says_what(database, call):
    id_ = connect(database, call)
    answer = CheckResult(account="somebody", missing=("files:read", "quizzes:read"))
    found = await check(database, call, id_, Provider(answer))
    assert (found.state, found.reason) == (
        "degraded",
        "the credential lacks files:read, quizzes:read",
    )
    assert found.cure


async def test_it_recovers_by_a_check(database, call):
    id_ = connect(database, call)
    await check(database, call, id_, Provider(AuthError("401")))
    assert (await check(database, call, id_, Provider(CheckResult(account="x")))).state == "active"


def test_a_step_that_there_is_not_is_refused_and_nothing_kept(database, call):
    id_ = connect(database, call)
    with pytest.raises(IllegalTransitionError), database.unit(call) as unit:
        set_state(unit, id_, ConnectionState.ACTIVE)
    assert status(database, call, id_).state is ConnectionState.UNCONFIGURED


def test_a_change_is_an_event_and_the_same_again_is_none(database, call):
    id_ = connect(database, call)
    for _ in range(2):
        with database.unit(call) as unit:
            set_state(unit, id_, ConnectionState.CHECKING)
    with database.unit(call) as unit:
        events = unit.session.scalars(select(OutboxEvent)).all()
    assert [(event.topic, event.aggregate, event.payload["state"]) for event in events] == [
        ("plugin.connection_changed", f"connection:{id_}", "checking")
    ]


def test_a_change_of_a_connection_of_ones_own_names_its_owner(database, call):
    with database.unit(call) as unit:
        user = User(institution_id=unit.institution, name="Lee", role="learner")
        unit.session.add(user)
        unit.session.flush()
        made = create(unit, plugin_id="p", capability="notes", key="k", name="n", owner_id=user.id)
        set_state(unit, made.id, ConnectionState.CHECKING)
        owner = user.id
    with database.unit(call) as unit:
        query = select(OutboxEvent).where(OutboxEvent.topic == "plugin.connection_changed")
        assert [one.payload["owner"] for one in unit.session.scalars(query)] == [owner]


def test_a_reason_holds_no_secret(database, call):
    id_ = connect(database, call)
    with database.unit(call) as unit:
        set_state(unit, id_, ConnectionState.CHECKING)
        error = RateLimitedError("GET https://x/?access_token=hunter2hunter2")
        assert "hunter2" not in set_failed(unit, id_, error).reason


def test_another_institutions_connection_is_not_found(database, call, other_call):
    id_ = connect(database, call)
    with pytest.raises(NotFoundError), database.unit(other_call) as unit:
        set_state(unit, id_, ConnectionState.CHECKING)
    assert connections.state_after(AuthError("x")) is ConnectionState.AUTH_FAILED


def found_of(database, call, id_, *found):
    with database.unit(call) as unit:
        found_by_run(unit, unit.get(Connection, id_), *found)
    return status(database, call, id_)


async def test_what_a_run_showed_of_a_connection_is_kept(database, call):
    id_ = connect(database, call)
    await check(database, call, id_, Provider(CheckResult(account="x")))
    refused = found_of(
        database,
        call,
        id_,
        ConnectionState.AUTH_FAILED,
        "GET https://x/?access_token=hunter2hunter2",
        "new",
    )
    assert (refused.state, refused.cure, refused.recoverable) == ("auth_failed", "new", False)
    assert "hunter2" not in refused.reason
    again = found_of(
        database,
        call,
        id_,
        ConnectionState.AUTH_FAILED,
        "GET https://x/?access_token=hunter2hunter2",
        "new",
    )
    assert again == refused, "since when it is so stays"
    works = found_of(database, call, id_, ConnectionState.ACTIVE)
    assert (works.state, works.reason, works.recoverable) == ("active", None, True)


async def test_one_that_reads_lacks_what_its_check_found_missing(database, call):
    id_ = connect(database, call)
    with database.unit(call) as unit:
        unit.get(Connection, id_).checked = {"missing": ["files:read"]}
    reads = found_of(database, call, id_, ConnectionState.ACTIVE)
    assert (reads.state, reads.reason) == ("degraded", "the credential lacks files:read")


async def test_a_paused_one_stays_so_whatever_a_run_or_a_failure_showed(database, call):
    id_ = connect(database, call)
    await check(database, call, id_, Provider(CheckResult(account="x")))
    with database.unit(call) as unit:
        paused = set_state(unit, id_, ConnectionState.SUSPENDED)
    assert found_of(database, call, id_, ConnectionState.ACTIVE) == paused
    with database.unit(call) as unit:
        assert set_failed(unit, id_, AuthError("401")) == paused


def test_what_is_read_is_chosen_once_each_in_order_or_all(database, call):
    id_ = connect(database, call)
    with database.unit(call) as unit:
        chosen = choose(unit, id_, containers=["c2", "c1", "c2"], streams=None, version=1)
        assert chosen.selected == {"containers": ["c1", "c2"]}
    with pytest.raises(ConflictError), database.unit(call) as unit:
        choose(unit, id_, containers=[], streams=None, version=1)
    with database.unit(call) as unit:
        assert choose(unit, id_, containers=None, streams=None).selected == {}

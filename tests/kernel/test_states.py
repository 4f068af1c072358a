"""State machines: the tables, and what a status carries."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bloop.kernel.states import (
    CONNECTION_TRANSITIONS,
    PLUGIN_TRANSITIONS,
    ConnectionState,
    IllegalTransitionError,
    PluginState,
    Status,
)

TABLES = [(PluginState, PLUGIN_TRANSITIONS), (ConnectionState, CONNECTION_TRANSITIONS)]


@pytest.mark.parametrize(("states", "table"), TABLES)
def test_every_state_can_be_reached_and_left(states, table):
    first = next(iter(states))
    reached, frontier = {first}, [first]
    while frontier:
        for state in table[frontier.pop()] - reached:
            reached.add(state)
            frontier.append(state)
    assert reached == set(states) == set(table)
    assert all(table.values())


@pytest.mark.parametrize(("states", "table"), TABLES)
def test_exactly_the_tables_steps_are_allowed(states, table):
    for begin in states:
        for end in states:
            status = Status(begin)
            if end in table[begin] or end is begin:
                assert status.to(end).state is end
            else:
                with pytest.raises(IllegalTransitionError, match=f"from {begin} to {end}"):
                    status.to(end)


def test_the_walk_of_the_design_is_possible():
    status = Status(PluginState.DISCOVERED)
    for state in ("loading", "ready", "stopped"):
        status = status.to(PluginState(state))
    status = Status(ConnectionState.UNCONFIGURED)
    for state in ("checking", "active", "retrying", "active", "auth_failed", "checking"):
        status = status.to(ConnectionState(state))


def test_code_never_runs_before_a_plugin_was_loading():
    leads_to_ready = [state for state, ends in PLUGIN_TRANSITIONS.items() if "ready" in ends]
    assert leads_to_ready == [PluginState.LOADING]


def test_a_status_says_why_what_to_do_and_since_when():
    noon, later = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 13, tzinfo=UTC)
    status = Status(ConnectionState.CHECKING, since=noon)
    failed = status.to(
        ConnectionState.AUTH_FAILED,
        "the token was revoked",
        "make a new one",
        recoverable=False,
        clock=lambda: later,
    )
    assert failed == Status(
        ConnectionState.AUTH_FAILED, "the token was revoked", "make a new one", False, later
    )


def test_the_same_state_again_tells_more_but_began_before():
    status = Status(ConnectionState.DEGRADED, "slow")
    again = status.to(ConnectionState.DEGRADED, "slower")
    assert (again.reason, again.since) == ("slower", status.since)

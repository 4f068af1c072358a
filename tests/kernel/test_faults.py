"""What is said of failures, and which of them are a plugin's own."""

from __future__ import annotations

import asyncio

import pytest

from bloop.kernel.faults import contained, describe, interrupted
from bloop_sdk.errors import FatalError


def caught(error):
    with pytest.raises(type(error)) as info:
        raise error
    return info.value


class HostileError(Exception):
    def __init__(self, inner):
        self.inner = inner

    def __str__(self):
        raise self.inner


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 600), "ValueError: " + "x" * 500 + "..."),
        (FatalError("no licence", cure="buy one"), "no licence"),
        (HostileError(SystemExit()), "HostileError: (its message cannot be read)"),
    ],
)
def test_an_error_is_told_in_one_line(error, text):
    assert describe(error) == text


def test_an_interruption_while_an_error_is_told_goes_on():
    with pytest.raises(asyncio.CancelledError):
        describe(HostileError(asyncio.CancelledError()))


def test_only_what_a_plugin_raised_itself_is_its_own():
    assert contained(caught(SystemExit()))
    assert contained(caught(KeyboardInterrupt()))
    assert not interrupted(caught(ValueError()))
    assert not contained(asyncio.CancelledError())
    assert not contained(GeneratorExit())


def test_an_interruption_that_no_code_raised_is_a_persons():
    assert interrupted(KeyboardInterrupt())

"""ElevenLabs' answers as https://elevenlabs.io/docs/eleven-api/resources/errors tells of them."""

from __future__ import annotations

import traceback

import pytest

from bloop_sdk import (
    AuthError,
    BudgetError,
    ConfigError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.testing import reply
from plugins.ai.elevenlabs.tests.fake_elevenlabs import KEY, VOICES, error

GEORGE = VOICES[0]["voice_id"]
TEXT = "A private sentence."


def old(status, name):
    """An error as it was before errors had codes, and as the help pages still show it."""
    return reply({"detail": {"status": name, "message": f"About {TEXT} and {KEY}"}}, status=status)


def new(status, name, kind):
    return error(status, name, kind, f"About {TEXT} and {KEY}")


ANSWERS = [
    (old(401, "invalid_api_key"), AuthError, "auth_failed"),
    (new(401, "missing_api_key", "authentication_error"), AuthError, "auth_failed"),
    (old(401, "missing_permissions"), PermissionMissingError, "permission_missing"),
    (new(403, "subscription_required", "authorization_error"), PermissionMissingError, None),
    (new(402, "paid_plan_required", "payment_required"), PermissionMissingError, None),
    (old(401, "detected_unusual_activity"), PermissionMissingError, None),
    (old(401, "quota_exceeded"), BudgetError, "budget_used"),
    (new(402, "insufficient_credits", "payment_required"), BudgetError, "budget_used"),
    (old(400, "voice_not_found"), UnsupportedError, "no_voice"),
    (new(404, "voice_not_found", "not_found"), UnsupportedError, "no_voice"),
    (new(404, "model_not_found", "not_found"), ConfigError, "config_invalid"),
    (new(400, "invalid_voice_settings", "validation_error"), ConfigError, "config_invalid"),
    (new(400, "invalid_text", "validation_error"), UnsupportedError, "unsupported"),
    (old(400, "max_character_limit_exceeded"), UnsupportedError, "unsupported"),
    (reply("<h1>Not found</h1>", status=404), FatalError, "fatal"),
    (new(409, "already_running", "conflict"), UnavailableError, "unavailable"),
    (new(500, "internal_error", "internal_error"), UnavailableError, "unavailable"),
    (reply("<h1>Welcome</h1>", status=200), UnavailableError, "unavailable"),
    (
        reply(
            {
                "detail": [
                    {
                        "loc": ["body", "text"],
                        "msg": f"{TEXT} is bad",
                        "type": "value_error.text",
                        "input": TEXT,
                    }
                ]
            },
            status=422,
        ),
        UnsupportedError,
        "unsupported",
    ),
]


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    ANSWERS,
    ids=[f"{number}-{answer.status}" for number, (answer, _, _) in enumerate(ANSWERS)],
)
async def test_each_answer_becomes_an_error_with_a_cure(fake, make_voices, answer, kind, code):
    fake.planned = [answer]
    with pytest.raises(kind) as caught:
        await make_voices().synthesize(TEXT, GEORGE)
    assert type(caught.value) is kind
    assert caught.value.cure
    assert code in {None, caught.value.code}
    assert len(fake.requests) == 1, "speech is not asked for twice: it may have been charged"


@pytest.mark.parametrize("answer", [answer for answer, _, _ in ANSWERS[:-1]] + [ANSWERS[-1][0]])
async def test_neither_text_nor_key_is_in_what_can_be_logged(fake, make_voices, answer, caplog):
    fake.planned = [answer]
    provider = make_voices()
    with caplog.at_level("DEBUG"), pytest.raises(Exception, match="ElevenLabs") as caught:
        await provider.synthesize(TEXT, GEORGE)
    told = "".join(traceback.format_exception(caught.value))
    logged = caplog.text + str(provider._ctx.log.lines)
    for secret in (TEXT, KEY):
        assert secret not in told
        assert secret not in logged


@pytest.mark.parametrize(
    "name", ["too_many_concurrent_requests", "concurrent_limit_exceeded", "system_busy"]
)
async def test_a_busy_system_is_asked_again_when_it_says(fake, make_voices, name):
    busy = error(429, name, "rate_limit_error", "Too many requests")
    fake.planned = [busy, busy]
    speech = await make_voices().synthesize(TEXT, GEORGE)
    assert len(fake.requests) == 3
    assert len(speech.words) == 3


async def test_a_limit_that_stays_is_raised_with_the_time_to_wait(fake, make_voices):
    fake.planned = [
        reply(
            {"detail": {"code": "rate_limit_exceeded"}}, status=429, headers={"Retry-After": "90"}
        )
    ]
    with pytest.raises(RateLimitedError) as caught:
        await make_voices().synthesize(TEXT, GEORGE)
    assert caught.value.retry_after == 90
    assert len(fake.requests) == 1


async def test_an_unavailable_system_tells_how_long(fake, make_voices):
    fake.planned = [reply({}, status=503, headers={"Retry-After": "40"})]
    with pytest.raises(UnavailableError) as caught:
        await make_voices().synthesize(TEXT, GEORGE)
    assert caught.value.retry_after == 40


async def test_a_list_of_voices_is_asked_for_again_after_an_outage(fake, make_voices):
    fake.planned = [new(503, "maintenance", "service_unavailable")]
    assert len(await make_voices().voices()) == 4


@pytest.mark.parametrize("page", [[], {"has_more": False}, {"voices": 7}])
async def test_a_list_that_is_none_is_tried_again_later(fake, make_voices, page):
    fake.planned = [reply(page)]
    with pytest.raises(UnavailableError, match="could not be read"):
        await make_voices().voices()


@pytest.mark.parametrize("voice", ["a/../b", "a?b", "", "JBF@deutsch", "ä"])
async def test_what_cannot_be_a_voice_is_never_part_of_an_address(fake, make_voices, voice):
    with pytest.raises(UnsupportedError):
        await make_voices().synthesize(TEXT, voice)
    assert not fake.requests


async def test_without_a_key_nothing_is_asked_for(fake, make_voices):
    provider = make_voices(api_key=None)
    for call in (provider.voices(), provider.synthesize(TEXT, GEORGE)):
        with pytest.raises(ConfigError, match="no API key"):
            await call
    assert not fake.requests

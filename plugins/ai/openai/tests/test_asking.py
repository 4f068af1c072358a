"""The SDK through the hub's client to a server on this machine that speaks as OpenAI's does."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback

import pytest

from bloop_openai.provider import OpenAILanguage
from bloop_openai.server import habits_of
from bloop_openai.usage import month_of, this_month
from bloop_sdk import (
    AuthError,
    BudgetError,
    ConfigError,
    DeadlineError,
    FatalError,
    MalformedRecordError,
    PermissionMissingError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.providers.ai import Budget, Message

BUDGET = Budget(max_tokens=500, seconds=20)
ASKED = [Message(role="system", text="Be brief."), Message(role="user", text="What is a wave?")]
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string"}, "note": {"type": "string", "maxLength": 5}},
    "required": ["word"],
    "additionalProperties": False,
}
RIGHT = '{"word": "wave", "note": null}'


async def ask(ctx, schema=None, budget=BUDGET, messages=ASKED):
    return await OpenAILanguage(ctx).generate(messages, schema, budget)


async def streamed(ctx, budget=BUDGET, into=None):
    got = [] if into is None else into
    async for piece in OpenAILanguage(ctx).stream(ASKED, budget):
        got.append(piece)
    return got


async def used(ctx):
    found = await month_of(ctx, ctx.config, this_month())
    return [(one.calls, one.failed, one.tokens_in, one.tokens_out) for one in found.models]


async def test_what_is_sent_and_what_comes_of_it(context, vendor, monkeypatch):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-the-shell")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-shell")
    vendor.say("It carries energy.")
    ctx = context(price_in=2, price_out=8, project="proj_1")
    found = await ask(ctx)
    assert (found.text, found.value, found.model) == ("It carries energy.", None, "gpt-5-mini")
    (sent,) = vendor.requests
    assert sent == {
        "model": "gpt-5-mini",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is a wave?"},
        ],
        "max_tokens": 500,
    }
    headers = vendor.headers[0]
    assert headers["authorization"] == "Bearer sk-good"
    assert headers["openai-project"] == "proj_1"
    assert "openai-organization" not in headers
    assert await used(ctx) == [(1, 0, found.tokens_in, found.tokens_out)]
    assert found.cost == pytest.approx((found.tokens_in * 2 + found.tokens_out * 8) / 1e6)


async def test_a_parameter_that_is_refused_is_named_otherwise_and_that_is_remembered(
    context, vendor
):
    vendor.refused_names = {"max_tokens"}
    ctx = context()
    await ask(ctx)
    await ask(ctx)
    limits = [[name for name in one if name.startswith("max_")] for one in vendor.requests]
    assert limits == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]
    assert len(await used(ctx)) == 1
    assert (await used(ctx))[0][:2] == (2, 0)


async def test_a_server_that_knows_neither_name_is_asked_twice_and_not_for_ever(context, vendor):
    vendor.refused_names = {"max_tokens", "max_completion_tokens"}
    with pytest.raises(FatalError) as caught:
        await ask(context())
    assert "answered 400: Unsupported parameter" in caught.value.message
    assert len(vendor.requests) == 2


# What is refused


@pytest.mark.parametrize(
    ("refusal", "error", "words"),
    [
        ((403, "No access to the model", "model_not_found"), PermissionMissingError, "project"),
        ((404, "The model `x` does not exist", "model_not_found"), ConfigError, "set model"),
        (
            (404, "The API deployment does not exist", "DeploymentNotFound"),
            ConfigError,
            "set model",
        ),
        ((404, "404 page not found"), ConfigError, "base_url"),
        ((400, "maximum context length", "context_length_exceeded"), UnsupportedError, "larger"),
        ((400, "The response was filtered", "content_filter"), UnsupportedError, "another way"),
        ((422, "temperature is too hot"), FatalError, "bloop openai check"),
        ((500, "The server had an error"), UnavailableError, "again later"),
    ],
)
async def test_a_refusal_is_the_contracts_error_with_a_cure(context, vendor, refusal, error, words):
    vendor.refuse(*refusal)
    ctx = context()
    with pytest.raises(error) as caught:
        await ask(ctx)
    assert words in caught.value.cure
    assert str(refusal[0]) in str(caught.value) or error is not FatalError
    assert (len(vendor.requests), await used(ctx)) == (1, [])


async def test_a_bad_key(context, vendor):
    with pytest.raises(AuthError) as caught:
        await ask(context(api_key="sk-bad"))
    assert "api_key" in caught.value.cure
    assert "sk-bad" not in str(caught.value)


async def test_a_rate_limit_is_waited_for(context, vendor, pauses):
    vendor.refuse(
        429,
        "Rate limit reached for requests",
        "rate_limit_exceeded",
        "requests",
        headers={"retry-after": "0.2", "x-ratelimit-remaining-requests": "0"},
    )
    vendor.say("Now.")
    assert (await ask(context())).text == "Now."
    (pause,) = pauses
    assert pause >= 0.2


async def test_a_long_rate_limit_is_told(context, vendor, pauses):
    vendor.refuse(429, "Rate limit reached", "rate_limit_exceeded", headers={"retry-after": "120"})
    with pytest.raises(RateLimitedError) as caught:
        await ask(context())
    assert (caught.value.retry_after, len(vendor.requests), pauses) == (120, 1, [])


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "insufficient_quota", "insufficient_quota"),
        (429, "credit_balance_exhausted", "insufficient_quota"),
        (429, "billing_not_active", "billing_not_active"),
        (402, "invalid_request_error", "unknown_error"),
    ],
)
async def test_a_quota_that_is_used_up_is_not_waited_for(
    context, vendor, pauses, status, code, kind
):
    vendor.refuse(status, "You exceeded your current quota", code, kind)
    with pytest.raises(BudgetError) as caught:
        await ask(context())
    assert code in caught.value.message
    assert "credit" in caught.value.cure
    assert (len(vendor.requests), pauses) == (1, [])


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "Request too large for gpt-5-mini on tokens per min (TPM): Limit 30000", "tokens"),
        (
            400,
            "max_tokens is too large: 12000. This model supports at most 4096 completion tokens",
            "invalid_request_error",
        ),
        (400, "max_tokens must be at least 1, got -186.", "BadRequestError"),
        (
            400,
            "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
            "invalid_request_error",
        ),
    ],
)
async def test_what_is_too_much_for_a_model_or_an_account_is_asked_once(
    context, vendor, pauses, status, message, kind
):
    vendor.refuse(status, message, kind=kind, param="max_tokens")
    ctx = context()
    with pytest.raises(UnsupportedError, match="is too long for gpt-5-mini") as caught:
        await ask(ctx)
    assert "less" in caught.value.cure
    assert (len(vendor.requests), pauses) == (1, [])
    assert (await habits_of(ctx, ctx.config)).limit == "max_tokens"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"content": None, "refusal": "I will not tell of waves"}, "refused"),
        ({"content": '{"word": "wa', "finish_reason": "length"}, "answer_cut"),
        ({"content": None, "finish_reason": "content_filter"}, "content_filter"),
        ({"content": RIGHT, "finish_reason": "model_length"}, "answer_cut"),
        ({"content": RIGHT, "finish_reason": "sensitive"}, "content_filter"),
    ],
)
async def test_an_answer_that_is_none_is_not_asked_for_again(context, vendor, answer, code):
    vendor.say(answer)
    ctx = context()
    with pytest.raises(UnsupportedError) as caught:
        await ask(ctx, SCHEMA)
    assert caught.value.code == code
    assert "tell of waves" not in str(caught.value)
    assert len(vendor.requests) == 1
    assert (await used(ctx))[0][0] == 1


@pytest.mark.parametrize("why", ["insufficient_system_resource", "error"])
async def test_an_answer_that_a_server_gave_up_is_not_taken_for_whole(context, vendor, why):
    said = {"content": RIGHT, "finish_reason": why}
    vendor.say(said, said)
    for answer in (ask(context(), SCHEMA), streamed(context())):
        with pytest.raises(UnavailableError, match=why):
            await answer


async def test_an_empty_answer(context, vendor):
    vendor.say({"content": None})
    with pytest.raises(MalformedRecordError, match="empty answer"):
        await ask(context())


# What is no answer


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"choices": [', FatalError),
        (b"[1, 2]", FatalError),
        (b"\xff\xfe\x00", FatalError),
        (b'{"object": "error", "message": "no"}', MalformedRecordError),
        (b'{"choices": []}', MalformedRecordError),
        (b'{"choices": [{"message": {"content": [1]}}]}', MalformedRecordError),
        (b'{"choices": 3, "usage": {"prompt_tokens": "x"}}', MalformedRecordError),
    ],
)
async def test_a_server_that_speaks_otherwise(context, vendor, body, error):
    vendor.instead = (body, "application/json")
    with pytest.raises(error) as caught:
        await ask(context())
    assert caught.value.cure
    assert ("base_url" in caught.value.cure) == (error is FatalError)


async def test_a_page_is_no_answer(context, vendor):
    for send in (ask, streamed):
        vendor.instead = (b"<html>Welcome to nginx</html>", "text/html")
        with pytest.raises(FatalError) as caught:
            await send(context())
        assert "base_url" in caught.value.cure


async def test_a_body_that_breaks_off(context, vendor):
    vendor.breaks = True
    ctx = context()
    with pytest.raises(UnavailableError):
        await ask(ctx)
    assert await used(ctx) == [(1, 1, 6, 0)], "it was asked for, and may be charged"


async def test_what_never_left_is_not_counted(context, pauses):
    ctx = context(base_url="http://127.0.0.1:9/v1")
    with pytest.raises(UnavailableError):
        await ask(ctx)
    assert await used(ctx) == []


async def test_a_slow_answer_has_its_time_and_no_more(context, vendor):
    vendor.drip = 0.2
    ctx = context()
    with pytest.raises(DeadlineError) as caught:
        await ask(ctx, budget=Budget(max_tokens=10, seconds=0.5))
    assert "0.5 s" in caught.value.message
    ((calls, failed, tokens_in, _),) = await used(ctx)
    assert (calls, failed) == (1, 1)
    assert tokens_in > 0, "who is asked does not stop when we no longer listen"


async def test_the_time_is_for_both_requests_of_a_repair(context, vendor):
    vendor.say("rubbish", "hang")
    with pytest.raises(DeadlineError):
        await ask(context(timeout=0.6), SCHEMA)
    assert len(vendor.requests) == 2


async def test_an_internal_address_is_refused_and_told_what_to_allow(context, vendor):
    with pytest.raises(FatalError) as caught:
        await ask(context(allow=()))
    assert '[net] allow = ["127.0.0.1"]' in caught.value.cure
    assert vendor.requests == []


async def test_an_institution_leads_no_key_to_a_server_that_the_operator_has_not_named(
    context, vendor
):
    for servers in (["api.openai.com"], ["*.example.com"], []):
        with pytest.raises(ConfigError) as caught:
            await ask(context(servers=servers))
        assert 'servers = ["127.0.0.1"]' in caught.value.cure
    assert vendor.headers == []


# Streams


async def test_a_stream_is_counted(context, vendor):
    vendor.say("It carries energy, and no matter.")
    ctx = context()
    pieces = await streamed(ctx)
    assert ("".join(pieces), len(pieces)) == ("It carries energy, and no matter.", 5)
    ((calls, failed, tokens_in, tokens_out),) = await used(ctx)
    assert (calls, failed, tokens_out) == (1, 0, 9)
    assert tokens_in > 0


async def test_a_stream_that_refuses_is_no_answer(context, vendor):
    vendor.say({"content": None, "refusal": "I will not tell of waves"})
    got, ctx = [], context()
    with pytest.raises(UnsupportedError) as caught:
        await streamed(ctx, into=got)
    assert (caught.value.code, got) == ("refused", [])
    assert (await used(ctx))[0][:2] == (1, 1)


async def test_a_stream_of_a_server_that_does_not_count_is_guessed(context, vendor):
    vendor.refused_names = {"stream_options"}
    vendor.say("x" * 40)
    ctx = context()
    assert "".join(await streamed(ctx)) == "x" * 40
    assert [max(one) for one in vendor.requests] == ["stream_options", "stream"]
    assert await used(ctx) == [(1, 0, 6, 10)]


async def test_a_stream_that_is_left_is_counted(context, vendor):
    vendor.say("x" * 400)
    ctx = context()
    stream = OpenAILanguage(ctx).stream(ASKED, BUDGET)
    assert await anext(stream) == "x" * 7
    await stream.aclose()
    assert await used(ctx) == [(1, 1, 6, 2)]


@pytest.mark.parametrize("how", ["cuts", "breaks"])
async def test_a_stream_that_breaks_off_gives_what_came(context, vendor, how):
    setattr(vendor, how, True)
    vendor.say("It carries energy, and no matter.")
    got = []
    with pytest.raises(UnavailableError) as caught:
        await streamed(context(), into=got)
    assert "It carries energy, and no matter.".startswith("".join(got))
    assert got and caught.value.cure


async def test_a_stream_that_ends_at_its_limit_says_so_after_its_pieces(context, vendor):
    vendor.say({"content": "It carries", "finish_reason": "length"})
    got = []
    with pytest.raises(UnsupportedError, match="longer than the 500 tokens"):
        await streamed(context(), into=got)
    assert "".join(got) == "It carries"


async def test_a_slow_stream_has_its_time(context, vendor):
    vendor.drip = 0.1
    vendor.say("x" * 4000)
    with pytest.raises(DeadlineError):
        await streamed(context(), Budget(max_tokens=500, seconds=0.6))


async def test_an_error_within_a_stream(context, vendor):
    event = b'data: {"error": {"message": "The model crashed", "type": "server_error"}}\n\n'
    vendor.instead = (event, "text/event-stream")
    with pytest.raises(UnavailableError, match="The model crashed"):
        await streamed(context())


# Schemas


def formats(vendor):
    return [(one.get("response_format") or {}).get("type") for one in vendor.requests]


async def test_a_strict_server_needs_no_schema_in_the_prompt(context, vendor):
    vendor.say(RIGHT)
    assert (await ask(context(), SCHEMA)).value == {"word": "wave"}
    assert formats(vendor) == ["json_schema"]
    assert vendor.asked == ["Be brief.\nWhat is a wave?"]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"json_object"}, ["json_schema", "json_object", "json_object"]),
        (set(), ["json_schema", "json_object", None, None]),
    ],
)
async def test_what_a_server_refuses_is_asked_for_in_a_weaker_way_from_then_on(
    context, vendor, known, expected
):
    vendor.formats = known
    vendor.say(f"Here it is:\n```json\n{RIGHT}\n```", RIGHT)
    ctx = context()
    for _ in range(2):
        assert (await ask(ctx, SCHEMA)).value == {"word": "wave"}
    assert formats(vendor) == expected
    assert '"maxLength":5' in vendor.asked[0]
    assert vendor.requests[-1]["messages"][0]["content"].startswith("Be brief.\n\nAnswer with one")
    assert (await used(ctx))[0][:2] == (2, 0)


async def test_a_server_that_ignores_a_schema_is_shown_it(context, vendor):
    vendor.say("A wave, as they say.", RIGHT, RIGHT)
    ctx = context()
    found = await ask(ctx, SCHEMA)
    assert found.value == {"word": "wave"}
    assert formats(vendor) == ["json_schema", "json_object"]
    assert "maxLength" in vendor.asked[1]
    assert "there is no { in it" in vendor.asked[1]
    await ask(ctx, SCHEMA)
    assert formats(vendor)[2:] == ["json_object"], "it is remembered"
    assert (await habits_of(ctx, context(model="another").config)).mode == "schema"


async def test_a_fault_that_no_decoder_sees_says_nothing_about_the_server(context, vendor):
    vendor.say('{"word": "wave", "note": "too long"}', RIGHT)
    ctx = context()
    assert (await ask(ctx, SCHEMA)).value == {"word": "wave"}
    assert formats(vendor) == ["json_schema", "json_schema"]
    assert "note: 'too long' is too long" in vendor.asked[1]


@pytest.mark.parametrize(
    ("structured", "expected"), [("schema", "json_schema"), ("json", "json_object"), ("none", None)]
)
async def test_the_way_of_asking_can_be_set(context, vendor, structured, expected):
    vendor.say("rubbish", "rubbish")
    with pytest.raises(MalformedRecordError):
        await ask(context(structured=structured), SCHEMA)
    assert formats(vendor) == [expected] * 2


async def test_a_schema_without_a_strict_form_is_asked_for_as_json(context, vendor):
    vendor.say('{"answer": [1, 2]}')
    schema = {"type": "array", "prefixItems": [{"type": "integer"}]}
    assert (await ask(context(), schema)).value == [1, 2]
    assert formats(vendor) == ["json_object"]


async def test_a_malformed_answer_is_counted_before_it_is_refused(context, vendor):
    vendor.say('{"word": 1}', '{"word": "wave", "evil": true}')
    ctx = context()
    with pytest.raises(MalformedRecordError) as caught:
        await ask(ctx, SCHEMA)
    assert "answer: additionalProperties" in caught.value.message
    assert "evil" not in str(caught.value)
    ((calls, _, tokens_in, tokens_out),) = await used(ctx)
    assert calls == 2
    assert tokens_in > 20 and tokens_out > 8


# Budgets


async def test_a_budget_that_is_used_up_stops_calls_before_they_go_out(context, vendor):
    ctx = context(monthly_tokens=10)
    await ask(ctx)
    with pytest.raises(BudgetError) as caught:
        await ask(ctx)
    assert "00:00 UTC" in caught.value.cure and "monthly_tokens" in caught.value.cure
    with pytest.raises(BudgetError):
        await streamed(ctx)
    assert len(vendor.requests) == 1


async def test_a_repair_is_a_call_of_its_own_to_the_budget(context, vendor):
    vendor.say("rubbish", RIGHT)
    ctx = context(monthly_tokens=5)
    with pytest.raises(BudgetError):
        await ask(ctx, SCHEMA)
    assert len(vendor.requests) == 1


async def test_calls_at_once_are_all_counted(context, vendor):
    ctx = context()
    await asyncio.gather(*(ask(ctx) for _ in range(6)))
    assert (await used(ctx))[0][:2] == (6, 0)


async def test_what_is_thought_beside_the_answer_is_counted_too(context, vendor):
    vendor.thought = 300
    for answer in (ask, streamed):
        vendor.say("x" * 40)
        ctx = context()
        await answer(ctx)
        assert (await used(ctx))[0][3] == 311


async def test_a_server_that_does_not_count_is_guessed(context, vendor):
    vendor.counts = False
    vendor.say("x" * 40)
    found = await ask(context())
    assert (found.tokens_in, found.tokens_out) == (6, 10)


# Secrecy


async def test_what_a_server_repeats_of_a_prompt_is_not_told(context, vendor, caplog):
    caplog.set_level(logging.DEBUG)
    secret = "Mrs Zyzzogeton of 12 Elm Street has failed the test"
    asked = [Message(role="user", text=secret)]
    vendor.refuse(400, f"Cannot tokenize: {secret}", "bad_text")
    vendor.say(
        {"content": None, "refusal": secret}, json.dumps({"word": 1, "note": secret}), secret
    )
    ctx = context()
    for schema in (None, None, SCHEMA):
        with pytest.raises((FatalError, MalformedRecordError)) as caught:
            await ask(ctx, schema, messages=asked)
        assert "Zyzzogeton" not in "".join(traceback.format_exception(caught.value))
    assert "Zyzzogeton" not in caplog.text
    assert len(vendor.requests) == 4

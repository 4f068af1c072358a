"""The suite for language models: a good one passes, and for every rule there is a broken one."""

from __future__ import annotations

import asyncio
import json

import pytest

from bloop_sdk import AuthError, DeadlineError, MalformedRecordError, UnavailableError
from bloop_sdk.errors import UnsupportedError
from bloop_sdk.providers.ai import Generation
from bloop_sdk.testing import ContractError, Models, plugin_tests
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.language import LANGUAGE, RIGHT, SCHEMA, WRONG, LanguageCase
from tests.sdk.shelf.fake_folder import FOLDER

PLUGIN = PluginUnderTest("bloop_shelf")
CURE = "see to it"


class Vendor:
    """Says what it is told to, or else the last message."""

    def __init__(self, folder):
        self.settings = FOLDER.settings_at(folder)
        self.asked, self.texts = [], []
        self.is_away = self.hangs = self.cuts = False

    def say(self, *texts):
        self.texts += texts

    def hang(self):
        self.hangs = True

    def cut(self):
        self.cuts = True

    def stop(self):
        self.is_away = True

    def start(self):
        self.is_away = False

    def close(self):
        pass

    async def complete(self, messages):
        if self.is_away:
            raise UnavailableError("the vendor is away", cure=CURE)
        self.asked.append("\n".join(one.text for one in messages))
        if self.hangs:
            self.hangs = False
            await asyncio.sleep(3600)
        return self.texts.pop(0) if self.texts else messages[-1].text


class Model:
    """As it should be."""

    trusted = True
    tries = 2

    def __init__(self, vendor, ctx):
        self.vendor = vendor
        self.ctx = ctx

    async def generate(self, messages, schema, budget):
        self.check(messages)
        try:
            async with asyncio.timeout(budget.seconds):
                return await self.asked(messages, schema)
        except TimeoutError:
            raise DeadlineError("it takes too long", cure=CURE) from None

    def check(self, messages):
        if not messages or any(one.role == "wizard" for one in messages):
            raise UnsupportedError("there is nothing to ask", cure=CURE)
        if not self.trusted:
            raise AuthError("nobody by that name", cure=CURE)

    async def asked(self, messages, schema):
        tokens = 0
        for _ in range(self.tries):
            text = await self.vendor.complete(messages)
            tokens += len(text) + 1
            value = None if schema is None else self.read(text, schema)
            if schema is None or value is not None:
                return self.told(text, value, tokens)
        raise MalformedRecordError("it is not valid", cure=CURE)

    def read(self, text, schema):
        if schema is SCHEMA and text in WRONG.values():
            return None
        try:
            found = json.loads(text)
        except ValueError:
            return None
        valid = schema is not SCHEMA or isinstance(found.get("count"), int)
        return found if valid else None

    def told(self, text, value, tokens):
        text = text.encode("utf-8", "replace").decode()
        return Generation(text=text, value=value, model="m", tokens_in=tokens, tokens_out=tokens)

    async def stream(self, messages, budget):
        text = await self.vendor.complete(messages)
        half = len(text) // 2
        yield text[:half]
        if self.vendor.cuts:
            raise UnavailableError("it broke off", cure=CURE)
        yield text[half:]


BROKEN = []


def broken(*rules):
    def add(model):
        BROKEN.extend((rule, model) for rule in rules)
        return model

    return add


@broken("an_answer")
class ShowsTheLastMessage(Model):
    async def asked(self, messages, schema):
        return await super().asked(messages[-1:], schema)


@broken("an_answer", "odd_texts")
class Strips(Model):
    def told(self, text, value, tokens):
        return super().told("".join(filter(str.isalnum, text)), value, tokens)


@broken("an_answer")
class HasAlwaysAValue(Model):
    def told(self, text, value, tokens):
        return super().told(text, value or text, tokens)


@broken("an_answer", "a_schema")
class CountsNothing(Model):
    def told(self, text, value, tokens):
        return super().told(text, value, 0)


@broken("a_schema", "a_storyboard")
class GivesTheText(Model):
    def told(self, text, value, tokens):
        return super().told(text, value and text, tokens)


@broken("a_schema")
class FillsWithNulls(Model):
    def told(self, text, value, tokens):
        return super().told(text, value and {"note": None, **value}, tokens)


@broken("an_answer_that_is_mended")
class AsksOnce(Model):
    tries = 1


@broken("an_answer_that_is_mended")
class CountsTheLast(Model):
    def told(self, text, value, tokens):
        return super().told(text, value, len(text))


@broken("answers_outside_the_schema")
class TakesAnyJson(Model):
    def read(self, text, schema):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None


@broken("answers_outside_the_schema")
class GivesAnythingWhenItIsTired(Model):
    async def asked(self, messages, schema):
        try:
            return await super().asked(messages, schema)
        except MalformedRecordError:
            return self.told("{}", RIGHT, 1)


@broken("answers_outside_the_schema")
class AsksForEver(Model):
    tries = 5


@broken("answers_outside_the_schema")
class GivesUpOddly(Model):
    async def asked(self, messages, schema):
        try:
            return await super().asked(messages, schema)
        except MalformedRecordError as err:
            raise ValueError("that is no answer") from err


@broken("a_storyboard")
class KnowsNoUnions(Model):
    def read(self, text, schema):
        return None if schema is not SCHEMA else super().read(text, schema)


@broken("a_stream")
class StreamsTwice(Model):
    async def stream(self, messages, budget):
        async for piece in super().stream(messages, budget):
            yield piece
            yield piece


@broken("a_stream")
class StreamsNothing(Model):
    async def stream(self, messages, budget):
        yield ""
        async for piece in super().stream(messages, budget):
            yield piece


@broken("odd_texts")
class Chokes(Model):
    def told(self, text, value, tokens):
        text.encode()
        return super().told(text, value, tokens)


@broken("nothing_to_ask")
class AsksAnything(Model):
    def check(self, messages):
        pass

    async def asked(self, messages, schema):
        return self.told("yes?", None, 1)


@broken("nothing_to_ask")
class ChecksLater(Model):
    async def generate(self, messages, schema, budget):
        self.vendor.asked.append("?")
        return await super().generate(messages, schema, budget)


@broken("at_once")
class Mixes(Model):
    latest = None

    async def asked(self, messages, schema):
        self.latest = messages
        await asyncio.sleep(0)
        return await super().asked(self.latest, schema)


@broken("an_answer_that_does_not_come")
class GivesUpSilently(Model):
    async def generate(self, messages, schema, budget):
        try:
            return await super().generate(messages, schema, budget)
        except DeadlineError:
            return self.told("I do not know.", None, 1)


@broken("an_answer_that_does_not_come")
class RaisesTimeouts(Model):
    async def generate(self, messages, schema, budget):
        async with asyncio.timeout(budget.seconds):
            return await self.asked(messages, schema)


@broken("cancelled")
class DiesWithItsCall(Model):
    dead = False

    async def asked(self, messages, schema):
        if self.dead:
            raise UnavailableError("it is dead", cure=CURE)
        try:
            return await super().asked(messages, schema)
        except asyncio.CancelledError:
            self.dead = True
            raise


@broken("a_stream_that_breaks_off")
class EndsQuietly(Model):
    async def stream(self, messages, budget):
        try:
            async for piece in super().stream(messages, budget):
                yield piece
        except UnavailableError:
            pass


@broken("an_outage")
class MakesItUp(Model):
    async def asked(self, messages, schema):
        try:
            return await super().asked(messages, schema)
        except UnavailableError:
            return self.told("I think so.", None, 1)


@broken("an_outage", "bad_credentials")
class RaisesWhatItLikes(Model):
    async def generate(self, messages, schema, budget):
        try:
            return await super().generate(messages, schema, budget)
        except (UnavailableError, AuthError) as err:
            raise OSError("it does not go") from err


@broken("bad_credentials")
class LetsIn(Model):
    trusted = property(lambda self: True, lambda self, value: None)


@broken("secrecy")
class LogsPrompts(Model):
    async def asked(self, messages, schema):
        self.ctx.log.info("asked", text=messages[-1].text)
        return await super().asked(messages, schema)


@broken("secrecy")
class QuotesAnswers(Model):
    def read(self, text, schema):
        if super().read(text, schema) is None:
            raise MalformedRecordError("it is not valid", cure=CURE) from ValueError(text)


async def check(rule, model, folder):
    vendors = []

    def make():
        vendors.append(Vendor(folder))
        return vendors[-1]

    make.hang = make.cut = make.stop = make.start = True
    case = LanguageCase(PLUGIN, "language", Models(make=make, bad={}), folder)
    made = []

    def make_model(ctx):
        made.append(model(vendors[-1], ctx))
        # The second one of that rule is the one with the bad credentials.
        made[-1].trusted = rule != "bad_credentials" or len(made) == 1
        return made[-1]

    case.make = make_model
    await LANGUAGE.rules[rule].check(case)


@pytest.mark.parametrize("rule", LANGUAGE.rules)
async def test_a_good_model_passes(rule, tmp_path):
    await check(rule, Model, tmp_path)


@pytest.mark.parametrize(
    ("rule", "model"), BROKEN, ids=[f"{rule}-{model.__name__}" for rule, model in BROKEN]
)
async def test_a_broken_model_breaks_the_rule(rule, model, tmp_path):
    with pytest.raises(ContractError):
        await check(rule, model, tmp_path)


def test_every_rule_is_broken_by_some_model():
    assert LANGUAGE.rules.keys() == {rule for rule, _ in BROKEN}


def test_what_a_vendor_lacks_has_to_be_explained():
    assert Models(make=Vendor, bad={}).offers == {"bad", "hang", "cut", "stop", "start"}
    assert Models(make=lambda: None).offers == set()
    with pytest.raises(TypeError, match="provides"):
        plugin_tests("bloop_shelf", language=Models(make=lambda: None))

"""The suite for embeddings: a good provider passes, and for every rule there is a broken one."""

from __future__ import annotations

import array
import asyncio
import itertools
import math
import re
import zlib

import pytest

from bloop_sdk.testing import ContractError, Embeddings, plugin_tests
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.embedding import EMBEDDING, EmbeddingCase

PLUGIN = PluginUnderTest("bloop_shelf")
COUNTER = itertools.count()
KIN = {"kitten": "cat", "couch": "sofa", "napping": "sleeps", "roots": "solve"}
KIN |= {"polynomial": "equation", "two": "quadratic"}


class Good:
    """As it should be: words by their checksum, and some that it knows to mean the same."""

    dimension = 64
    version = "words-1"

    def __init__(self, ctx=None):
        pass

    async def embed(self, texts):
        rows = [self.unit(self.numbers(text)) for text in texts]
        flat = array.array("f", [number for row in rows for number in row])
        return self.shaped(flat, len(texts))

    def shaped(self, flat, count):
        if not count:
            import numpy as np

            return memoryview(np.zeros((0, self.dimension), np.float32))
        return memoryview(flat).cast("B").cast("f", (count, self.dimension))

    def numbers(self, text):
        row = [1e-3] * self.dimension
        for word in re.findall(r"\w+", text[:1000].lower()):
            known = KIN.get(word, word).encode("utf-8", "replace")
            row[zlib.crc32(known) % self.dimension] += len(word)
        return row

    def unit(self, row):
        length = math.hypot(*row)
        return [number / length for number in row]


BROKEN = []


def broken(rule):
    def add(provider):
        BROKEN.append((rule, provider))
        return provider

    return add


@broken("unit_vectors")
class Unscaled(Good):
    def unit(self, row):
        return row


@broken("unit_vectors")
class GivesLists(Good):
    async def embed(self, texts):
        return [self.unit(self.numbers(text)) for text in texts]


@broken("unit_vectors")
class Flat(Good):
    def shaped(self, flat, count):
        return memoryview(flat)


@broken("unit_vectors")
class Doubles(Good):
    def shaped(self, flat, count):
        return memoryview(array.array("d", flat)).cast("B").cast("d", (count, self.dimension))


@broken("a_version")
class Unnamed(Good):
    version = ""


@broken("a_version")
class NamesAnew(Good):
    @property
    def version(self):
        return f"words-{next(COUNTER)}"


@broken("the_same_again")
class Mixes(Good):
    """It pads with what its neighbours have."""

    async def embed(self, texts):
        return await super().embed([f"{text} {texts[0]}" for text in texts])


@broken("the_same_again")
class Sorts(Good):
    async def embed(self, texts):
        return await super().embed(sorted(texts))


@broken("meaning")
class Blind(Good):
    def numbers(self, text):
        return [1.0] * self.dimension


@broken("odd_texts")
class Divides(Good):
    def numbers(self, text):
        return super().numbers(text) if text.strip() else [math.nan] * self.dimension


@broken("odd_texts")
class Encodes(Good):
    def numbers(self, text):
        return super().numbers(text.encode().decode())


@broken("an_enormous_text")
class Refuses(Good):
    def numbers(self, text):
        if len(text) > 5000:
            raise ValueError("too long")
        return super().numbers(text)


@broken("an_enormous_text")
class Loses(Good):
    def numbers(self, text):
        return super().numbers(text if len(text) < 5000 else "")


@broken("calls_at_once")
class Shares(Good):
    async def embed(self, texts):
        self.texts = texts
        await asyncio.sleep(0)
        return await super().embed(self.texts)


async def check(rule, provider, folder):
    case = EmbeddingCase(PLUGIN, "embedding", Embeddings(), folder)
    case.make = provider
    await EMBEDDING.rules[rule].check(case)


@pytest.mark.parametrize("rule", EMBEDDING.rules)
async def test_a_good_provider_passes(rule, tmp_path):
    await check(rule, Good, tmp_path)


@pytest.mark.parametrize(
    ("rule", "provider"), BROKEN, ids=[f"{rule}-{one.__name__}" for rule, one in BROKEN]
)
async def test_a_broken_provider_breaks_the_rule(rule, provider, tmp_path):
    with pytest.raises(ContractError):
        await check(rule, provider, tmp_path)


def test_every_rule_is_broken_by_some_provider():
    assert EMBEDDING.rules.keys() == {rule for rule, _ in BROKEN}


async def test_a_context_is_prepared_with_what_a_provider_asks(tmp_path):
    seen = []
    case = EmbeddingCase(PLUGIN, "embedding", Embeddings(prepare=seen.append), tmp_path)
    case.make = lambda ctx: ("made with", ctx)
    assert case.fresh() == ("made with", seen[0])


def test_a_plugin_that_embeds_nothing_needs_no_embeddings():
    with pytest.raises(TypeError, match="provides"):
        plugin_tests("bloop_shelf", embedding=Embeddings())

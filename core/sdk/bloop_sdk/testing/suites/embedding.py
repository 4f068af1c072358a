"""What holds for every ``embedding`` provider: shape, length, order, sameness, meaning."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from bloop_sdk.providers.ai import EmbeddingProvider
from bloop_sdk.testing.context import FakeContext
from bloop_sdk.testing.embeddings import Embeddings
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites.content import hold
from bloop_sdk.testing.suites.providing import ProviderCase

CALL_SECONDS = 60.0
SAME = 0.999
"""Cosine from which two vectors are one: batches round differently."""
UNIT = 1e-3

KIN = (
    ("A cat sleeps on the sofa.", "The kitten is napping on the couch."),
    ("How to solve a quadratic equation", "Finding the roots of a polynomial of degree two"),
)
"""Pairs that mean about the same; across the pairs nothing does."""
ODD = (
    "",
    " \n\t",
    "\u2063\u200d",
    "😀 👩\u200d👩\u200d👧",
    "光合成は糖を作る働きである。",
    "[CLS] [SEP] [PAD] <s>",
    r"\frac{a}{b} % ''\";",
    "nul \x00 inside",
    "half a pair \ud83d",
)
"""Texts that are hard on tokenizers."""
LONG = "The river carries sand to the sea. " * 6000

Vector = list[float]


class EmbeddingCase(ProviderCase[Embeddings, EmbeddingProvider]):
    """A provider's class, and what its context is given."""

    def fresh(self) -> EmbeddingProvider:
        """One, as in a process of its own."""
        plugin = self.plugin
        ctx = FakeContext(
            plugin_id=plugin.manifest.id,
            config=plugin.config(dict(self.subject.settings)),
            data_dir=self.folder,
            package=plugin.package,
        )
        if self.subject.prepare is not None:
            self.subject.prepare(ctx)
        return self.make(ctx)

    async def embed(self, texts: Sequence[str], where: str) -> list[Vector]:
        """The vectors, each one read and held to its form."""
        return await self.embed_by(self.fresh(), texts, where)

    async def embed_by(
        self, provider: EmbeddingProvider, texts: Sequence[str], where: str
    ) -> list[Vector]:
        """As ``embed``, by a provider that is there."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                made = await provider.embed(texts)
        except Exception as err:
            raise ContractError(f"{where}: {type(err).__name__}: {err}") from err
        hold(isinstance(made, memoryview), f"{where}: {type(made).__name__} is no memoryview")
        hold(made.format == "f", f"{where}: its numbers are {made.format!r}, not float32")
        if not texts:  # No buffer of the standard library has a dimension of none.
            hold(made.nbytes == 0, f"{where}: it has {made.nbytes} bytes")
            return []
        shape = (len(texts), provider.dimension)
        hold(made.shape == shape, f"{where}: its shape is {made.shape}, not {shape}")
        hold(made.c_contiguous, f"{where}: it is not in C order")
        rows: Any = made.tolist()  # Typed as if each buffer had one dimension.
        return list(rows)


EMBEDDING = Suite("`embedding`", EmbeddingCase)


def _cosine(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@EMBEDDING.rule()
async def unit_vectors(case: EmbeddingCase) -> None:
    """Vectors have unit length, one for each text; no text gives no row."""
    texts = [text for pair in KIN for text in pair]
    for vector in await case.embed(texts, "four sentences"):
        length = math.hypot(*vector)
        hold(abs(length - 1) < UNIT, f"a vector has the length {length:.4f}")
    hold(not await case.embed([], "no text"), "no text gave a row")


@EMBEDDING.rule()
async def a_version(case: EmbeddingCase) -> None:
    """``version`` names the model, the same each time."""
    first, second = case.fresh().version, case.fresh().version
    hold(first and type(first) is str, f"its version is {first!r}")
    hold(first == second, f"its version is {first!r}, then {second!r}")


@EMBEDDING.rule()
async def the_same_again(case: EmbeddingCase) -> None:
    """A text has one vector: alone, among others, in another order and in another process."""
    texts = [*(f"Chapter {number} is about rivers." for number in range(40)), *KIN[0], "a"]
    together = await case.embed(texts, "43 texts")
    turned = await case.embed(texts[::-1], "the same, turned around")
    alone = await case.embed([texts[-1]], "one text")
    for at, text in enumerate(texts):
        same = _cosine(together[at], turned[len(texts) - 1 - at])
        hold(same > SAME, f"{text!r} has another vector in another order: cosine {same:.4f}")
    same = _cosine(together[-1], alone[0])
    hold(same > SAME, f"{texts[-1]!r} has another vector alone: cosine {same:.4f}")


@EMBEDDING.rule()
async def meaning(case: EmbeddingCase) -> None:
    """Sentences that mean the same are nearer to each other than to others."""
    (a, b), (c, d) = KIN
    one, same, other, too = await case.embed([a, b, c, d], "four sentences")
    for near, far in (
        (_cosine(one, same), max(_cosine(one, other), _cosine(one, too))),
        (_cosine(other, too), max(_cosine(other, one), _cosine(other, same))),
    ):
        hold(near > far, f"what means the same has cosine {near:.2f}, another {far:.2f}")


@EMBEDDING.rule()
async def odd_texts(case: EmbeddingCase) -> None:
    """Empty texts, emoji, control characters and what looks like tokens have finite vectors."""
    for text in ODD:
        [vector] = await case.embed([text], f"{text!r}")
        hold(all(map(math.isfinite, vector)), f"{text!r} has a vector that is not finite")


@EMBEDDING.rule()
async def an_enormous_text(case: EmbeddingCase) -> None:
    """A book as one text is cut, and its vector is that of a text on its matter."""
    long, short = await case.embed([LONG, LONG[:300]], "a text of 200,000 characters")
    hold(_cosine(long, short) > 0.5, "a long text's vector is far from that of its beginning")


@EMBEDDING.rule()
async def calls_at_once(case: EmbeddingCase) -> None:
    """Calls at once each get their own vectors."""
    provider = case.fresh()
    texts = [f"{word} is one of the planets." for word in ("Mars", "Venus", "Saturn", "Earth")]
    alone = await case.embed_by(provider, texts, "four texts")
    made = await asyncio.gather(
        *(case.embed_by(provider, [text], f"{text!r} beside others") for text in texts)
    )
    for text, one, [other] in zip(texts, alone, made, strict=True):
        same = _cosine(one, other)
        hold(same > SAME, f"{text!r} has another vector beside others: cosine {same:.4f}")

"""Capabilities ``language storyboarder speech embedding mastery`` (provisional).

Arrays are ``float32`` in C order behind the buffer protocol, so that the contract needs no numpy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that one call may use."""

    max_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A model's answer; ``value`` is what matched the schema, where one was given."""

    text: str
    value: Any
    model: str
    tokens_in: int
    tokens_out: int


@runtime_checkable
class LanguageProvider(Protocol):
    """A language model."""

    async def generate(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None, budget: Budget
    ) -> Generation:
        """One answer, matching the JSON Schema where one is given."""
        ...

    def stream(self, messages: Sequence[Message], budget: Budget) -> AsyncIterator[str]:
        """The answer as it is written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a storyboard is made from."""

    title: str
    html: str
    language: str
    concepts: tuple[str, ...] = ()


@runtime_checkable
class Storyboarder(Protocol):
    """Turns a lesson into a declarative storyboard (a JSON object of the published schema)."""

    async def storyboard(self, lesson: Lesson) -> Mapping[str, Any]:
        """The storyboard; never code that is run."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """``text[start:end]`` is spoken from ``begins`` to ``ends`` (seconds)."""

    start: int
    end: int
    begins: float
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """16-bit little-endian mono PCM at ``rate`` Hz; ``exact`` is False for estimated times."""

    pcm: bytes
    rate: int
    words: tuple[Word, ...]
    exact: bool


@runtime_checkable
class SpeechProvider(Protocol):
    """A voice."""

    async def synthesize(self, text: str, voice: str) -> Speech:
        """Speak ``text``."""
        ...


@runtime_checkable
class EmbeddingProvider(Protocol):
    """Maps texts to vectors of ``dimension`` numbers, of unit length."""

    dimension: int

    async def embed(self, texts: Sequence[str]) -> memoryview[float]:
        """A ``float32`` buffer of shape ``(len(texts), dimension)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One learner's answer to one item about some concepts."""

    learner: str
    concepts: tuple[str, ...]
    correct: bool
    at: datetime


@runtime_checkable
class MasteryProvider(Protocol):
    """Estimates what a learner knows."""

    async def fit(self, history: Sequence[Answer]) -> bytes:
        """Train on a history; gives an opaque model."""
        ...

    async def predict(
        self, state: bytes, history: Sequence[Answer], concepts: Sequence[str]
    ) -> Sequence[float]:
        """The chance of a right answer on each concept now."""
        ...

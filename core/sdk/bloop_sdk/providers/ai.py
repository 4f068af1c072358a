"""Capabilities ``language storyboarder speech embedding mastery`` (provisional).

Arrays are ``float32`` in C order behind the buffer protocol, so that the contract needs no numpy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from bloop_sdk.storyboard import Storyboard


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn; ``role`` is ``system``, ``user`` or ``assistant``."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that one call may use: tokens of the answer, and seconds until it is whole."""

    max_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A model's answer; ``value`` is what matched the schema, where one was given.

    Tokens are as the vendor counts them, over all tries; ``cost`` is in US dollars where known.
    """

    text: str
    value: Any
    model: str
    tokens_in: int
    tokens_out: int
    cost: float | None = None


@runtime_checkable
class LanguageProvider(Protocol):
    """A language model."""

    async def generate(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None, budget: Budget
    ) -> Generation:
        """One answer, matching the JSON Schema where one is given.

        Raises MalformedRecordError where the model keeps giving something else, BudgetError where
        the institution's budget is used up, and the contract's errors for what the vendor answers.
        """
        ...

    def stream(self, messages: Sequence[Message], budget: Budget) -> AsyncIterator[str]:
        """The answer as it is written.

        Raises what ``generate`` does, after the pieces that came: an answer that breaks off, or is
        cut at the budget, is not whole.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image in a lesson: ``source`` as the HTML names it, ``size`` in pixels where known.

    A storyboard that shows it names it as an asset with this ``id`` and ``source``.
    """

    id: str
    source: str
    alt: str = ""
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a storyboard is made from: sanitised HTML, formulas in it as LaTeX or MathML."""

    title: str
    html: str
    language: str
    concepts: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()


@runtime_checkable
class Storyboarder(Protocol):
    """Turns a lesson into a storyboard."""

    async def storyboard(self, lesson: Lesson) -> Storyboard:
        """The storyboard; never code that is run. Same lesson, same ids of scenes and lines."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice that a provider has.

    ``language`` is a BCP 47 tag; ``exact`` says whether words come with measured times; ``version``
    changes when the same text would sound otherwise, and is part of what speech is kept under.
    One is ``metered`` where what it says is paid for: it speaks where it is asked for by name, or
    where nobody else speaks the language.
    """

    id: str
    name: str
    language: str
    version: str
    natural: bool = False
    exact: bool = True
    metered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """``text[start:end]`` is spoken from ``begins`` to ``ends`` (seconds)."""

    start: int
    end: int
    begins: float
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Phoneme:
    """A sound in IPA, from ``begins`` to ``ends`` (seconds); ``viseme`` is a shape of the mouth.

    Visemes are numbered as Azure's documentation does (0 silence, to 21).
    """

    ipa: str
    begins: float
    ends: float
    viseme: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """16-bit little-endian mono PCM at ``rate`` Hz; ``exact`` is False for estimated times.

    ``words`` are in the order of the text, do not overlap, lie within the sound, and cover each
    run of letters or digits of the text.
    """

    pcm: bytes
    rate: int
    words: tuple[Word, ...]
    exact: bool
    phonemes: tuple[Phoneme, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.pcm) / 2 / self.rate


@runtime_checkable
class SpeechProvider(Protocol):
    """Voices. What they are asked to say is plain text, with numbers and formulas in words."""

    async def voices(self) -> Sequence[Voice]:
        """The voices there are, the best of each language first."""
        ...

    async def synthesize(self, text: str, voice: str, pace: float = 1.0) -> Speech:
        """Speak ``text`` with the voice of that id, ``pace`` times as fast as it does (0.5 to 2).

        Raises UnsupportedError for an unknown voice. Empty text gives no sound.
        """
        ...


@runtime_checkable
class EmbeddingProvider(Protocol):
    """Maps texts to vectors of ``dimension`` numbers, of unit length.

    ``version`` names the model; it changes when the same text would give another vector, and is
    part of what vectors are kept under.
    """

    dimension: int
    version: str

    async def embed(self, texts: Sequence[str]) -> memoryview[float]:
        """A ``float32`` buffer of shape ``(len(texts), dimension)``, in the order of the texts.

        A text's vector does not depend on its neighbours. One that is too long is cut, and an
        empty one has a vector too. Raises the contract's errors for what a vendor answers.
        """
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

"""Capabilities ``language storyboarder speech embedding mastery`` (provisional).

Arrays are ``float32`` in C order behind the buffer protocol, so that the contract needs no numpy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from bloop_sdk.mastery import SENTENCES
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
    """One learner's answer to one item, which is about one or several concepts at once.

    ``learner`` tells learners apart, and is no name: a model must not keep it. An answer is one
    step, however many concepts it is about: none of them may tell of another that it was right.
    """

    learner: str
    concepts: tuple[str, ...]
    correct: bool
    at: datetime


History = Sequence[Answer]
"""One learner's answers, in the order of their times (and of their ids, at the same time)."""

Fitted = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and what is done now; what it raises ends the training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a model is made from. Whoever asks has split the learners, each in one of three parts.

    ``learners`` are to fit on, and ``watched`` are others, to choose among models and stop by (it
    may be empty). A third part, by which a model is compared with the one in use, stays with
    whoever asks. The same ``seed`` and histories give the same model on the same machine.
    """

    learners: Sequence[History]
    watched: Sequence[History] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MasteryModel:
    """A model as bytes, which hold no learner's id and are read without running any of them.

    ``kind`` names the method (``dkt``); ``version`` changes when the plugin can't read older bytes.
    ``why`` says in words what was made and why, so also that there was too little for the usual
    method (``is_fallback``). ``facts`` are figures, such as how many answers there were.
    """

    data: bytes
    kind: str
    version: str
    why: str
    is_fallback: bool = False
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason of an estimate, and what it does to the chance (``effect``, -1 to 1).

    ``kind`` is one of :data:`bloop_sdk.mastery.SENTENCES`, whose names ``facts`` fill, so that the
    hub says it in the reader's language.
    """

    kind: str
    effect: float
    facts: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence in English."""
        return SENTENCES[self.kind].format(**self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a chance is what it is, the weightiest reason first; it is that of ``predict``."""

    chance: float
    evidence: tuple[Evidence, ...]


@runtime_checkable
class MasteryProvider(Protocol):
    """Estimates what learners know: the chance that an answer about a concept is right.

    Chances lie between 0 and 1, both excluded. A concept that a model does not know, a learner
    without answers and no concept at all are asked for like any other. What is no model of this
    plugin, or a broken one, raises FatalError with a cure, and nothing of it is run.
    """

    async def fit(self, training: Training, progress: Fitted | None = None) -> MasteryModel:
        """Train. Where there is too little for the usual method, a plainer one that says so.

        ``progress`` is called from whichever thread works, with steps that never go back.
        """
        ...

    async def predict(
        self, model: bytes, history: History, concepts: Sequence[str], at: datetime
    ) -> Sequence[float]:
        """The chance of a right answer on each concept at a time, one each, in their order."""
        ...

    async def evaluate(
        self, model: bytes, histories: Sequence[History]
    ) -> Sequence[Sequence[float]]:
        """For each answer the chance that ``predict`` gives from those before it.

        That of an answer about several concepts is one chance, of being right on the whole.
        """
        ...

    async def explain(
        self, model: bytes, history: History, concept: str, at: datetime
    ) -> Explanation:
        """Why the chance on a concept is what it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of one learner: the chances on some ``concepts`` at a time."""

    history: History
    concepts: tuple[str, ...]
    at: datetime


@runtime_checkable
class BatchMasteryProvider(Protocol):
    """What a mastery provider may have besides: many learners are asked about in one call.

    The hub estimates all learners anew after a training. Of a provider without this it asks
    ``predict`` for each of them.
    """

    async def predict_many(
        self, model: bytes, questions: Sequence[Question]
    ) -> Sequence[Sequence[float]]:
        """For each question what ``predict`` gives of it, whoever else is asked about."""
        ...

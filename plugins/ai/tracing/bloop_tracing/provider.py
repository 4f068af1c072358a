"""The ``mastery`` provider: trained and asked in threads, so that the hub goes on."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime

from bloop_sdk import PluginContext
from bloop_sdk.providers.ai import (
    Explanation,
    Fitted,
    History,
    MasteryModel,
    Question,
    Training,
)
from bloop_tracing import explaining, fitting
from bloop_tracing.config import TracingConfig
from bloop_tracing.loaded import Model

KEPT = 4
"""Models that stay read; each institution has one."""


class Tracing:
    """Networks over a learner's answers, and counts where there is too little for them."""

    def __init__(self, ctx: PluginContext) -> None:
        assert isinstance(ctx.config, TracingConfig)
        self._config = ctx.config
        self._run_sync = ctx.run_sync
        self._read: OrderedDict[bytes, Model] = OrderedDict()
        self._turn = threading.Lock()

    async def fit(self, training: Training, progress: Fitted | None = None) -> MasteryModel:
        """Train in a thread, which ends soon when ``progress`` raises or the call is cancelled."""
        told = fitting.told_of(self._config, progress)
        try:
            return await self._run_sync(fitting.fit, self._config, training, told)
        finally:
            told.stop()

    async def predict(
        self, model: bytes, history: History, concepts: Sequence[str], at: datetime
    ) -> Sequence[float]:
        """The chances of a right answer on each concept."""

        def asked() -> Sequence[float]:
            return self._model(model).predict(history, concepts, at)

        return await self._run_sync(asked)

    async def predict_many(
        self, model: bytes, questions: Sequence[Question]
    ) -> Sequence[Sequence[float]]:
        """The same of many learners: those with like histories go through a network together."""
        return await self._run_sync(lambda: self._model(model).predict_many(questions))

    async def evaluate(
        self, model: bytes, histories: Sequence[History]
    ) -> Sequence[Sequence[float]]:
        """For each answer the chance told from those before it."""
        return await self._run_sync(lambda: self._model(model).evaluate(histories))

    async def explain(
        self, model: bytes, history: History, concept: str, at: datetime
    ) -> Explanation:
        """What the chance would be without the answers about a concept, and about others."""

        def asked() -> Explanation:
            return explaining.explain(self._model(model), history, concept, at)

        return await self._run_sync(asked)

    def _model(self, data: bytes) -> Model:
        key = hashlib.sha256(data).digest()
        with self._turn:
            found = self._read.get(key)
            if found is None:
                found = self._read[key] = Model(data, self._config.device)
                while len(self._read) > KEPT:
                    self._read.popitem(last=False)
            self._read.move_to_end(key)
        return found

"""The ``embedding`` provider."""

from __future__ import annotations

from collections.abc import Sequence

from bloop_minilm.config import MiniLMConfig
from bloop_minilm.model import DIMENSION, batches, model_of, version_of
from bloop_sdk import PluginContext, UnsupportedError

MOST = 20_000
"""Texts of a call: their vectors take 31 MB, and some minutes."""


class MiniLMEmbeddings:
    """Vectors by a model that all calls of a process share."""

    dimension = DIMENSION

    def __init__(self, ctx: PluginContext) -> None:
        assert isinstance(ctx.config, MiniLMConfig)
        self._config = ctx.config
        self._run_sync = ctx.run_sync

    @property
    def version(self) -> str:
        """Names the model's files; ConfigError where they are not there."""
        return version_of(self._config.model_dir, self._config.longest_tokens)

    async def embed(self, texts: Sequence[str]) -> memoryview[float]:
        """The vectors, made in a thread; a call that is cancelled ends with the batch it is at.

        Raises UnsupportedError for more than 20,000 texts, ConfigError where there is no model.
        """
        if len(texts) > MOST:
            raise UnsupportedError(
                f"{len(texts)} texts are too many for one call", cure=f"give at most {MOST} at once"
            )
        call = _Call(self._config, texts)
        try:
            return await self._run_sync(call.embed)
        finally:
            call.wanted = False


class _Call:
    """Some texts, batch by batch."""

    def __init__(self, config: MiniLMConfig, texts: Sequence[str]) -> None:
        self.wanted = True
        self._config = config
        self._texts = texts

    def embed(self) -> memoryview[float]:
        """All of them; cut short where nobody wants them any more."""
        import numpy as np

        made = np.zeros((len(self._texts), DIMENSION), np.float32)
        if self._texts:
            config = self._config
            model = model_of(config.model_dir, config.longest_tokens, config.threads)
            tokens = model.tokens(self._texts)
            for batch in batches([len(one) for one in tokens]):
                if not self.wanted:
                    break
                made[batch] = model.vectors([tokens[at] for at in batch])
        return memoryview(made.data)

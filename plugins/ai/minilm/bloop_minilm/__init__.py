"""Embeddings of MiniLM, offline."""

from bloop_sdk import Plugin

__all__ = ["MiniLMPlugin"]


class MiniLMPlugin(Plugin):
    """Provides ``embedding``."""

    def stop(self) -> None:
        """Let go of the models."""
        from bloop_minilm.model import forget

        forget()

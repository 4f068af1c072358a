"""Language models by the OpenAI SDK."""

from __future__ import annotations

from bloop_sdk import Plugin

__all__ = ["OpenAIPlugin"]


class OpenAIPlugin(Plugin):
    """Provides ``language``."""

"""Voices of eSpeak NG, offline."""

from bloop_sdk import Plugin

__all__ = ["EspeakPlugin"]


class EspeakPlugin(Plugin):
    """Provides ``speech``."""

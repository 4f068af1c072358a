"""Voices of an ElevenLabs account."""

from bloop_sdk import Plugin

__all__ = ["ElevenLabsPlugin"]


class ElevenLabsPlugin(Plugin):
    """Provides ``speech``."""

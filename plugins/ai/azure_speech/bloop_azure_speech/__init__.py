"""Voices of Azure Speech."""

from bloop_sdk import Plugin

__all__ = ["AzureSpeechPlugin"]


class AzureSpeechPlugin(Plugin):
    """Provides ``speech``."""

"""Storyboards from a lesson's own words, without a key and without a model."""

from bloop_sdk import Plugin

__all__ = ["OutlinePlugin"]


class OutlinePlugin(Plugin):
    """Provides ``storyboarder``."""

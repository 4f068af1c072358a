"""Moodle for Bloop: reads courses over Moodle's web services, and writes grades back."""

from __future__ import annotations

from bloop_sdk import Plugin


class MoodlePlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""

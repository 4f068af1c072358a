"""Canvas LMS for Bloop: courses, content, people and grades, read in bulk; grades written back."""

from __future__ import annotations

from bloop_sdk import Plugin


class CanvasPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""

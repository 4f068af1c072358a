"""Estimates what learners know by networks that are trained on an institution's own answers."""

from bloop_sdk import Plugin

__all__ = ["TracingPlugin"]


class TracingPlugin(Plugin):
    """Provides ``mastery``."""

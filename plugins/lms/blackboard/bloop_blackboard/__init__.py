"""Blackboard Learn for Bloop: reads its courses over the public REST API."""

from __future__ import annotations

from bloop_sdk import Plugin


class BlackboardPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""

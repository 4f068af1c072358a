"""Kafka for Bloop: the hub's events as a stream for the world outside."""

from __future__ import annotations

from bloop_sdk import Plugin


class KafkaPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""

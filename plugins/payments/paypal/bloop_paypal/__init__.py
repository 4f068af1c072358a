"""Payments by PayPal for Bloop."""

from __future__ import annotations

from bloop_sdk import Plugin


class PayPalPlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""

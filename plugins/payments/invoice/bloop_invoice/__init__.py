"""Payments by bank transfer for Bloop."""

from __future__ import annotations

from bloop_sdk import Plugin


class InvoicePlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""

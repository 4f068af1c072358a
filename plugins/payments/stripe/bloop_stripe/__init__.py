"""Payments by Stripe: Checkout, subscriptions, refunds and disputes."""

from __future__ import annotations

from bloop_sdk import Plugin


class StripePlugin(Plugin):
    """The plugin itself; the provider is named by the manifest."""

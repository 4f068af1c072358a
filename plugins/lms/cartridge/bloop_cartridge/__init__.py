"""Common Cartridge for Bloop: reads `.imscc` files and writes them."""

from __future__ import annotations

from bloop_sdk import Plugin


class CartridgePlugin(Plugin):
    """The plugin itself; the provider and the exporter are named by the manifest."""

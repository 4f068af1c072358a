"""The plugin's settings."""

from __future__ import annotations

from bloop_sdk import PluginConfig, setting


class TantivyConfig(PluginConfig):
    """One index an institution, in the plugin's folder."""

    writer_bytes: int = setting(
        32_000_000,
        description="Memory for indexing, while something is indexed",
        ge=15_000_000,
        le=2_000_000_000,
    )

"""The plugin's settings."""

from __future__ import annotations

from bloop_sdk import PluginConfig, setting


class EspeakConfig(PluginConfig):
    """How eSpeak NG is reached and how fast it speaks."""

    library: str = setting(
        "libespeak-ng.so.1",
        description="Name or path of eSpeak NG's C library",
        advanced=True,
    )
    words_per_minute: int = setting(
        160, description="How fast a voice speaks at a pace of 1", ge=100, le=220
    )

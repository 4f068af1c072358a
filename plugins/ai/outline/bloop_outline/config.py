"""The plugin's settings."""

from __future__ import annotations

from bloop_sdk import PluginConfig, Scope, setting


class OutlineConfig(PluginConfig):
    """How long a video is, and what it ends with."""

    seconds_per_thousand_words: int = setting(
        75,
        scope=Scope.INSTITUTION,
        description="How much of a lesson a video tells: seconds of it for 1,000 words",
        ge=20,
        le=400,
    )
    longest_minutes: int = setting(
        12,
        scope=Scope.INSTITUTION,
        description="How long a video may become, whatever the lesson's length (minutes)",
        ge=1,
        le=20,
    )
    recap: bool = setting(
        True,
        scope=Scope.INSTITUTION,
        description="Close with the key points, where there are some",
    )

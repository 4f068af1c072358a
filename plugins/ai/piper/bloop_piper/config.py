"""The plugin's settings."""

from __future__ import annotations

from pathlib import Path

from bloop_sdk import PluginConfig, setting


class PiperConfig(PluginConfig):
    """Where voices are and how they speak."""

    voices_dir: Path | None = setting(
        None,
        description="Folder of voices: models as .onnx files, each with its .onnx.json",
    )
    sentence_pause: float = setting(
        0.25, description="Seconds of silence between sentences", ge=0, le=3
    )
    noise_scale: float = setting(
        0.0,
        description="Chance in the sound, 0 to 1; without it the same text sounds the same",
        ge=0,
        le=1,
        advanced=True,
    )
    noise_w_scale: float = setting(
        0.0,
        description="Chance in the lengths of sounds, 0 to 1",
        ge=0,
        le=1,
        advanced=True,
    )
    threads: int = setting(
        2, description="Threads that speak; another number may change single samples", ge=1, le=64
    )
    memory_mb: int = setting(
        3072,
        description="Address space of the process that speaks, in MiB",
        ge=1024,
        le=65536,
        advanced=True,
    )
    idle_seconds: float = setting(
        120.0, description="How long that process waits for more to say", ge=1, le=86400
    )

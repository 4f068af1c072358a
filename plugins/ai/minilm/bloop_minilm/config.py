"""The plugin's settings."""

from __future__ import annotations

from pathlib import Path

from bloop_sdk import PluginConfig, setting


class MiniLMConfig(PluginConfig):
    """Which model embeds."""

    model_dir: Path | None = setting(
        None,
        description="Folder of another model of 384 numbers: model.onnx and tokenizer.json",
    )
    longest_tokens: int = setting(
        256, description="Tokens of a text that are read; the rest is cut", ge=16, le=512
    )
    threads: int = setting(2, description="Threads that embed", ge=1, le=64)

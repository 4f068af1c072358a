"""The plugin's settings. All are the hub's: the processes draw for every institution."""

from __future__ import annotations

from typing import Literal

from bloop_sdk import PluginConfig, setting


class ManimConfig(PluginConfig):
    """How many processes draw, how they encode, and when they are given up."""

    workers: int | None = setting(
        None,
        description="Processes that draw; by default as many as the machine has cores",
        ge=1,
        le=64,
    )
    scenes_per_worker: int = setting(
        200,
        description="Scenes after which a process is replaced by a fresh one",
        ge=1,
        advanced=True,
    )
    idle_seconds: float = setting(
        300.0,
        description="How long processes stay ready when nothing is drawn",
        gt=0,
        advanced=True,
    )
    memory_mb: int = setting(
        3072,
        description="Memory that one process may take; a scene that needs more fails",
        ge=512,
        advanced=True,
    )
    seconds_per_frame: float = setting(
        2.0,
        description="How long a frame may take on average before its scene is given up",
        gt=0,
        advanced=True,
    )
    niceness: int = setting(
        10,
        description="By how much drawing stands back behind what else the machine does",
        ge=0,
        le=19,
        advanced=True,
    )
    latex: bool = setting(
        True,
        description="Give LaTeX the formulas that Typst can't take, where this machine has it",
    )
    encoder: Literal["auto", "cpu", "nvenc"] = setting(
        "auto",
        description="What encodes: auto takes a GPU where a trial shows that it is faster",
    )
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = setting(
        "superfast", description="x264's preset: slower ones make smaller files", advanced=True
    )
    crf: int = setting(
        20, description="x264's quality: lower is better and larger", ge=10, le=35, advanced=True
    )
    encoder_threads: int = setting(
        1,
        description="Threads of an encoder; more pay when fewer scenes than cores are drawn",
        ge=1,
        le=16,
        advanced=True,
    )

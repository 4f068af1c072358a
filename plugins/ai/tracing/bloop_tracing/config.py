"""The plugin's settings."""

from __future__ import annotations

from typing import Literal

from bloop_sdk import PluginConfig, setting


class TracingConfig(PluginConfig):
    """How models are trained. The defaults are made for two cores and some 10,000 learners."""

    method: Literal["mixed", "attention", "dkt"] = setting(
        "mixed", description="The networks: attention over an LSTM, plain DKT, or both together"
    )
    device: Literal["auto", "cpu", "cuda"] = setting(
        "auto", description="Where it computes; `auto` takes CUDA where there is some"
    )
    threads: int = setting(
        1,
        description="Threads of each network on a CPU; more are slower on a busy one",
        ge=1,
        le=64,
    )
    width: int = setting(
        64,
        description="Numbers in a state of attention; DKT has twice as many",
        ge=8,
        le=1024,
        multiple_of=2,
    )
    epochs: int = setting(
        5, description="How often each answer is seen; it may stop before", ge=1, le=100
    )
    min_learners: int = setting(
        100, description="Fewer learners than these are left to a plainer model", ge=2
    )
    min_answers: int = setting(
        5000, description="Fewer answers than these are left to a plainer model", ge=10
    )

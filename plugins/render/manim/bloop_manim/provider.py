"""The ``renderer`` provider: plans go to workers, clips and pictures come back as files."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bloop_manim import wire
from bloop_manim.config import ManimConfig
from bloop_manim.encoders import Encoders
from bloop_manim.encoding import ENCODER_FAILED
from bloop_manim.pool import Limits, Pool, shared
from bloop_manim.versions import version
from bloop_sdk import FatalError, PluginContext, RetriableError, UnsupportedError
from bloop_sdk.providers.render import Clip, Layout, Look, Probe, Progress, ScenePlan

NEEDED = {"manim": "manim", "av": "av", "cairo": "pycairo", "typst": "typst",
          "resvg_py": "resvg-py"}  # fmt: skip
LEAST_SECONDS = 60.0
"""Before a scene is given up, however short it is: its texts and formulas are set first."""


class ManimRenderer:
    """Draws in the plugin's workers; any number of these share them."""

    worker = "bloop_manim.worker"
    """The module that its processes run."""

    def __init__(self, ctx: PluginContext) -> None:
        assert isinstance(ctx.config, ManimConfig)
        self._config = ctx.config
        self._run_sync, self._log = ctx.run_sync, ctx.log
        self._encoders = Encoders(ctx.data_dir, ctx.config)
        self._limits = Limits(
            workers=self._config.workers or _cores(),
            scenes=self._config.scenes_per_worker,
            idle_seconds=self._config.idle_seconds,
            memory_mb=self._config.memory_mb,
            niceness=self._config.niceness,
            latex=self._config.latex,
            module=self.worker,
        )

    def probe(self) -> Probe:
        """Whether what draws is installed; nothing is imported for it."""
        missing = tuple(name for module, name in NEEDED.items() if not _there(module))
        encoders = self._encoders
        accelerated = not missing and encoders.chosen() != encoders.cpu
        return Probe(ready=not missing, accelerated=accelerated, missing=missing)

    def version(self) -> str:
        """Of everything a clip depends on but its plan."""
        return version(self._encoders.chosen(), latex=self._config.latex)

    async def check(self, plan: ScenePlan) -> Layout:
        """Measure a scene."""
        answer = await self._ask({"do": "check"}, plan, LEAST_SECONDS, quick=True)
        return wire.layout_in(answer)

    async def render(self, plan: ScenePlan, target: Path, progress: Progress | None = None) -> Clip:
        """Draw a scene to ``target``.

        Where a GPU's encoder fails it is given up, and RetriableError raised: the version is
        another one now, under which the next try is kept.
        """
        frames = max(1, round(plan.seconds * plan.look.fps))
        encoding = await self._run_sync(self._encoders.chosen)
        request = {"do": "render", "target": wire.place(target), "encoding": asdict(encoding)}
        seconds = LEAST_SECONDS + frames * self._config.seconds_per_frame
        try:
            answer = await self._ask(request, plan, seconds, progress)
        except FatalError as err:
            if err.code != ENCODER_FAILED or encoding == self._encoders.cpu:
                raise
            await self._run_sync(self._encoders.failed, encoding.codec, err.message)
            self._log.warning("an encoder failed and is given up", codec=encoding.codec)
            raise RetriableError(
                f"{err.message}; the processor encodes from now on", code=ENCODER_FAILED
            ) from err
        return Clip(path=target, seconds=answer["frames"] / plan.look.fps, frames=answer["frames"])

    async def still(self, plan: ScenePlan, at: Sequence[float], folder: Path) -> Sequence[Path]:
        """Pictures of a scene."""
        request = {"do": "still", "at": list(at), "folder": wire.place(folder)}
        answer = await self._ask(request, plan, LEAST_SECONDS, quick=True)
        return [Path(path) for path in answer]

    async def _ask(
        self,
        request: wire.Message,
        plan: ScenePlan,
        seconds: float,
        progress: Progress | None = None,
        *,
        quick: bool = False,
    ) -> Any:
        _fits(plan.look)
        message = {**request, "plan": wire.plan_out(plan)}
        answer = await self._pool().ask(message, seconds=seconds, report=progress, quick=quick)
        return answer["ok"]

    def _pool(self) -> Pool:
        return shared(self._limits)


def _fits(look: Look) -> None:
    if look.width % 2 or look.height % 2 or not (0 < look.fps <= 120):
        raise UnsupportedError(
            f"a video of {look.width} x {look.height} at {look.fps} frames a second",
            cure="take even sizes, and at most 120 frames a second",
        )


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _there(module: str) -> bool:
    return importlib.util.find_spec(module) is not None

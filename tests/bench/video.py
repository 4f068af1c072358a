"""Five scenes of ten seconds, half of them still: drawn by Bloop's workers against ``manim -a``.

The scenes are written once and played by both; Bloop's two workers are warm (they have drawn a
scene before), manim starts as it always does. Both have two cores. "Cold" renders everything;
"unchanged" looks clips up that are there and joins them, against manim with its cache full;
"one edit" renders the first scene with another title. PSNR is over every fifth frame of 720p30,
RGB, of the scene that is worst. CPU is that of all processes, and says more than the wall clock
where the machine does something else besides. Sound is on neither side. `--quick` is 360p20, once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import av
import numpy as np
from _harness import Bench, Row
from av.video.reformatter import Colorspace, VideoReformatter

from bloop_manim import wire
from bloop_manim.encoding import Encoding
from bloop_manim.pool import Limits, Pool
from bloop_manim.versions import version
from bloop_sdk.providers.render import Look, ScenePlan
from bloop_sdk.storyboard import Scene, Title

QUICK = "--quick" in sys.argv
if QUICK:
    sys.argv.remove("--quick")
HERE = Path(__file__).parent
NAMES = ("A", "B", "C", "D", "E")
SECONDS = 10.0
ENCODING = Encoding()
SIZES = (
    {"360": (640, 360, 20, 1)}
    if QUICK
    else {"720": (1280, 720, 30, 3), "1080": (1920, 1080, 60, 1)}
)
EVERY = 5
TICKS = os.sysconf("SC_CLK_TCK")


class Manim:
    """The peer: a folder of its media, and the time of its runs."""

    def __init__(self, folder: Path, width: int, height: int, fps: int) -> None:
        self.folder = folder
        self.cpu: list[float] = []
        self._size = ["-r", f"{width},{height}", "--fps", str(fps)]

    def run(self, edit: str = "") -> float:
        """Render all scenes by its command line."""
        command = [str(Path(sys.executable).with_name("manim")), "render", "-a", *self._size]
        command += ["-v", "WARNING", "--progress_bar", "none", "--media_dir", str(self.folder)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        subprocess.run(
            [*command, str(HERE / "_video_scenes.py")],
            cwd=self.folder.parent,
            env={**os.environ, "BLOOP_BENCH_EDIT": edit},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return seconds

    def cold(self) -> float:
        """With nothing kept."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        return self.run()

    def movie(self, name: str) -> Path:
        """What it made of a scene."""
        return next(path for path in self.folder.rglob(f"{name}.mp4"))


class Bloop:
    """Clips kept under what they depend on, drawn where they are missing."""

    def __init__(self, pool: Pool, folder: Path, width: int, height: int, fps: int) -> None:
        self.folder = folder
        self.cpu: list[float] = []
        self._pool = pool
        self._look = Look(width=width, height=height, fps=fps)

    def cold(self) -> float:
        """With nothing kept."""
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.run()

    def run(self, edit: str = "") -> float:
        """Draw what is missing and join everything."""
        self.folder.mkdir(exist_ok=True)
        before, begin = self._ticks(), time.perf_counter()
        asyncio.run(self._all(edit))
        join([self.clip(name, edit) for name in NAMES], self.folder / "lesson.mp4")
        seconds = time.perf_counter() - begin
        self.cpu.append((self._ticks() - before) / TICKS)
        return seconds

    async def _all(self, edit: str) -> None:
        missing = [name for name in NAMES if not self.clip(name, edit).exists()]
        await asyncio.gather(*(self._one(name, edit) for name in missing))

    async def _one(self, name: str, edit: str) -> None:
        request: wire.Message = {"do": "render", "encoding": asdict(ENCODING)}
        request["plan"] = wire.plan_out(self._plan(name, edit))
        request["target"] = str(self.clip(name, edit))
        await self._pool.ask(request, seconds=3600)

    def clip(self, name: str, edit: str = "") -> Path:
        """Where a scene is kept."""
        plan = json.dumps(wire.plan_out(self._plan(name, edit)), sort_keys=True)
        made = version(ENCODING)
        return self.folder / (hashlib.sha256(f"{made}{plan}".encode()).hexdigest() + ".mp4")

    def _plan(self, name: str, edit: str) -> ScenePlan:
        title = edit if name == "A" else ""
        scene = Scene(id=name.lower(), title=title, visual=Title(kind="title", title=name))
        return ScenePlan(scene=scene, seconds=SECONDS, look=self._look)

    def _ticks(self) -> int:
        total = 0
        for pid in self._pool.processes():
            fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total


def join(clips: list[Path], target: Path) -> None:
    """One file of several, without decoding them."""
    with av.open(target, "w") as out:
        stream, offset = None, 0
        for clip in clips:
            with av.open(clip) as source:
                stream = stream or out.add_stream_from_template(source.streams.video[0])
                for packet in source.demux(video=0):
                    if packet.dts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = stream
                    out.mux(packet)
                offset += source.streams.video[0].duration


def pictures(path: Path, fps: int, space: Colorspace) -> dict[int, Any]:
    """Frames by their numbers, as RGB; those between stand still."""
    reformat = VideoReformatter()
    found: dict[int, Any] = {}
    with av.open(path) as file:
        for frame in file.decode(video=0):
            number = round(float(frame.pts * frame.time_base) * fps)
            rgb = reformat.reformat(frame, format="rgb24", src_colorspace=space)
            found[number] = rgb.to_ndarray()
    return found


def psnr(manim: Manim, bloop: Bloop, fps: int) -> float:
    """In decibels, of the worst scene."""
    worst = math.inf
    for name in NAMES:
        theirs = pictures(manim.movie(name), fps, Colorspace.ITU601)
        ours = pictures(bloop.clip(name), fps, Colorspace.ITU709)
        errors, shown = [], ours[0]
        for number in range(min(len(theirs), int(SECONDS * fps))):
            shown = ours.get(number, shown)
            if number % EVERY == 0:
                errors.append(np.square(theirs[number].astype(np.int32) - shown).mean())
        worst = min(worst, 10 * math.log10(255**2 / float(np.mean(errors))))
    return worst


def size(bench: Bench, pool: Pool, folder: Path, name: str) -> tuple[Manim, Bloop]:
    """Everything cold at one size."""
    width, height, fps, rounds = SIZES[name]
    manim = Manim(folder / f"manim-{name}", width, height, fps)
    bloop = Bloop(pool, folder / f"bloop-{name}", width, height, fps)
    bloop.cold()  # The workers are warm from here.
    bloop.cpu.clear()
    cases = {f"manim -a, {name}p{fps}": manim.cold, f"bloop, {name}p{fps}": bloop.cold}
    compare(bench, f"vs_manim_{name}", cases, rounds, manim, bloop)
    return manim, bloop


def compare(
    bench: Bench,
    key: str,
    cases: dict[str, Callable[[], float]],
    rounds: int,
    manim: Manim,
    bloop: Bloop,
) -> None:
    """Rows of wall time and CPU time, and the ratio of each."""
    for one in (manim, bloop):
        one.cpu.clear()
    theirs, ours = bench.rounds(cases, rounds=rounds, warmup=0, unit="s", scale=1).values()
    bench.ratio(key, theirs, ours)
    cpu = [
        Row(f"{row.case}, CPU", "s", tuple(one.cpu))
        for row, one in ((theirs, manim), (ours, bloop))
    ]
    bench.rows += cpu
    if min(cpu[1].values) > 0:  # A clock tick is a hundredth of a second.
        bench.ratio(f"{key}_cpu", *cpu)


def main() -> None:
    """Measure and print."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    bench = Bench("video", peers=("manim", "av"))
    limits = Limits(workers=2, niceness=0, module="_video_worker")
    pool = Pool(limits)
    try:
        with tempfile.TemporaryDirectory() as folder:
            first, *more = SIZES
            manim, bloop = size(bench, pool, Path(folder), first)
            bench.ratios["psnr"] = psnr(manim, bloop, SIZES[first][2])
            again(bench, manim, bloop)
            for name in more:
                size(bench, pool, Path(folder), name)
    finally:
        pool.close()
    bench.finish()


def again(bench: Bench, manim: Manim, bloop: Bloop) -> None:
    """With everything there, and with one scene edited: another edit in each round."""
    rounds = 1 if QUICK else 3
    compare(bench, "unchanged_vs_manim_cache",
            {"manim -a, unchanged": manim.run, "bloop, unchanged": bloop.run},
            rounds, manim, bloop)  # fmt: skip
    edits = {"manim": 0, "bloop": 0}

    def edited(who: str, run: Callable[[str], float]) -> Callable[[], float]:
        def once() -> float:
            edits[who] += 1
            return run(f", edit {edits[who]}")

        return once

    compare(bench, "one_edit_vs_manim",
            {"manim -a, one edit": edited("manim", manim.run),
             "bloop, one edit": edited("bloop", bloop.run)},
            rounds, manim, bloop)  # fmt: skip


if __name__ == "__main__":
    main()

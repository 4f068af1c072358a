"""From `bloop video` on lessons of 1,000 words to files that play, all offline, and how it grows.

One hub, embedded, with the storyboards of `outline`, the voice of `espeak` and the pictures of
`manim`, whose processes are warm. Each lesson has words of its own, so that nothing is found again.
`per_lesson_N` is the time of N lessons over N times that of one: 1 where it grows with their
number, less where stages of several overlap. `two_workers` is how many times faster five lessons
are with two processes that draw than with one. `--quick` is one and two lessons at 480p.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _harness import Bench

from bloop.content import service
from bloop.hub import Hub
from bloop.hub.contexts import PluginCall, open_context
from bloop.store.database import in_unit
from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace

QUICK = "--quick" in sys.argv
if QUICK:
    sys.argv.remove("--quick")
QUALITY = "480p" if QUICK else "720p"
COUNTS = (1, 2) if QUICK else (1, 5, 20)
WORKERS = (2,) if QUICK else (1, 2)
HUB = """
[hub]
data_dir = "state"

[jobs]
workers = 4

[plugins.studio]
enabled = true

[plugins.outline]
enabled = true

[plugins.espeak]
enabled = true

[plugins.manim]
enabled = true
workers = {workers}
"""
THINGS = [
    "wave",
    "rope",
    "string",
    "pipe",
    "drum",
    "bell",
    "echo",
    "tone",
    "pitch",
    "fork",
    "spring",
    "pulse",
    "crest",
    "valley",
]
DOES = [
    "carries",
    "moves",
    "bends",
    "grows",
    "falls",
    "meets",
    "turns",
    "follows",
    "slows",
    "reaches",
]
LIKE = ["slow", "quick", "small", "wide", "deep", "steady", "sudden", "quiet", "bright", "heavy"]


def lesson_of(seed: int) -> str:
    """A page of about 1,000 words: sections of prose, a list, a formula and a table."""
    chance = random.Random(seed)

    def sentence() -> str:
        words = [chance.choice(part) for part in (LIKE, THINGS, DOES, LIKE, THINGS)]
        rest = " ".join(chance.choice(THINGS) for _ in range(6))
        return f"The {words[0]} {words[1]} {words[2]} a {words[3]} {words[4]} near the {rest}."

    parts = []
    for section in range(7):
        text = " ".join(sentence() for _ in range(9))
        parts.append(f"<h2>Part {section} of {chance.choice(THINGS)} {seed}</h2><p>{text}</p>")
    items = "".join(f"<li>{sentence()}</li>" for _ in range(4))
    rows = "".join(
        f"<tr><td>{chance.choice(THINGS)}</td><td>{n * seed}</td></tr>" for n in range(5)
    )
    formula = rf"<p>The speed is \(v = {seed + 1} \frac{{s}}{{t}}\), which is a rule of thumb.</p>"
    table = f"<table><tr><th>What</th><th>How many</th></tr>{rows}</table>"
    return f"{''.join(parts)}<ul>{items}</ul>{formula}{table}"


async def made(folder: Path, workers: int, counts: tuple[int, ...]) -> dict[int, float]:
    """Seconds for each number of lessons at once; one is made before, to warm up."""
    hub = Hub.open(folder / "hub.toml", "api")
    await hub.database.run(hub.tables.prepare)
    await hub.start()
    await hub.loaded()
    try:
        call = Call(
            Principal(PrincipalKind.USER, "bench", Role.EDUCATOR),
            hub.institution,
            Trace("1" * 32, "2" * 16),
        )
        ctx = await open_context(hub, PluginCall, "studio", call)
        await _videos(hub, ctx, call, [0])
        seeds = iter(range(1, 1000))
        found = {}
        for count in counts:
            begin = time.perf_counter()
            await _videos(hub, ctx, call, [next(seeds) for _ in range(count)])
            found[count] = time.perf_counter() - begin
        return found
    finally:
        await hub.stop()


async def _videos(hub: Hub, ctx: Any, call: Call, seeds: list[int]) -> None:
    from bloop_studio import asking, videos
    from bloop_studio.options import Options

    items = [await hub.database.run(_write, hub, call, seed) for seed in seeds]
    rows = [
        await asking.ask(ctx, await ctx.content.item(item), Options(quality=QUALITY))
        for item in items
    ]
    for row in rows:
        while row.state not in {"ready", "failed"}:
            await asyncio.sleep(0.1)
            row = await ctx.read(videos.one, row.id)  # noqa: PLW2901 - the same row, later
        if row.state != "ready":
            raise SystemExit(f"a video failed: {row.error}")


def _write(hub: Hub, call: Call, seed: int) -> str:
    course = in_unit(
        hub.database, call, service.create_container, title=f"Course {seed}", published=True
    )
    made = in_unit(
        hub.database, call, service.create_item, course.id,
        kind="page", title=f"Lesson {seed}", html=lesson_of(seed),
    )  # fmt: skip
    in_unit(hub.database, call, service.publish, type(made), made.id, None, lambda *_: None)
    return str(made.id)


def main() -> None:
    """Measure and print."""
    bench = Bench("lessons", peers=("manim", "av"))
    seconds: dict[tuple[int, int], float] = {}
    with tempfile.TemporaryDirectory(prefix="bloop-lessons-") as name:
        for workers in WORKERS:
            counts = COUNTS if workers == WORKERS[-1] else COUNTS[:2]
            folder = Path(name, str(workers))
            folder.mkdir()
            (folder / "hub.toml").write_text(HUB.format(workers=workers))
            found = asyncio.run(made(folder, workers, counts))
            seconds |= {(workers, count): took for count, took in found.items()}
    for (workers, count), took in seconds.items():
        case = f"{count} lessons, {workers} processes draw"
        bench.rounds({case: lambda took=took: took}, rounds=1, warmup=0, unit="s", scale=1)  # type: ignore[misc]
    most = WORKERS[-1]
    for count in COUNTS[1:]:
        bench.ratios[f"per_lesson_{count}"] = seconds[most, count] / count / seconds[most, 1]
    if len(WORKERS) > 1:
        bench.ratios["two_workers"] = seconds[1, COUNTS[1]] / seconds[most, COUNTS[1]]
    bench.finish()


if __name__ == "__main__":
    main()

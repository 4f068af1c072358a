"""What the benchmarks share: rounds that take turns, medians, ratios, and their printing.

    bench = Bench("dispatch", peers=("pluggy",))
    rows = bench.rounds({"pluggy": lambda: timed(theirs), "bloop": lambda: timed(ours)})
    bench.ratio("vs_pluggy_1", rows["bloop"], rows["pluggy"])
    bench.finish()

A case is a function that measures once and gives a number; all cases are measured in every round,
in an order that turns, so that a machine that slows down slows down every case. A ratio is the
median of the rounds' own ratios. `--json` prints one object, else a table.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One case over all rounds: ``values`` in ``unit``, round by round."""

    case: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        if len(self.values) < 2 or not self.median:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4)
        return (high - low) / 2 / self.median


def timed(function: Callable[[], object], number: int = 1) -> float:
    """Seconds of one call, measured over ``number`` of them."""
    repeat = range(number)
    begin = time.perf_counter()
    for _ in repeat:
        function()
    return (time.perf_counter() - begin) / number


class Bench:
    """One benchmark: collects rows and ratios, prints them in :meth:`finish`."""

    def __init__(self, name: str, *, peers: Sequence[str] = ()) -> None:
        self.name = name
        self.peers = {peer: importlib.metadata.version(peer) for peer in peers}
        self.rows: list[Row] = []
        self.ratios: dict[str, float] = {}

    def rounds(
        self,
        cases: Mapping[str, Callable[[], float]],
        *,
        rounds: int = 15,
        warmup: int = 1,
        unit: str = "us",
        scale: float = 1e6,
    ) -> dict[str, Row]:
        """Measure every case in every round; values are multiplied by ``scale``."""
        names = list(cases)
        values: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(-warmup, rounds):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                value = cases[name]()
                if turn >= 0:
                    values[name].append(value * scale)
        found = {name: Row(name, unit, tuple(values[name])) for name in names}
        self.rows += found.values()
        return found

    def ratio(self, key: str, over: Row, under: Row) -> float:
        """Keep ``over / under`` as the median of what the rounds say; gives it too."""
        pairs = zip(over.values, under.values, strict=True)
        self.ratios[key] = statistics.median(a / b for a, b in pairs)
        return self.ratios[key]

    def finish(self) -> None:
        """Print everything, in the form that the command line asks for."""
        parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        if parser.parse_args().json:
            print(json.dumps(self.as_json(), indent=2))
            return
        width = max([len(row.case) for row in self.rows], default=0)
        print(", ".join(f"{key} {value}" for key, value in self.machine().items()))
        for row in self.rows:
            print(f"{row.case:<{width}}  {row.median:12,.3f} {row.unit}  ±{row.spread:.0%}")
        for key, value in self.ratios.items():
            print(f"{key:<{width}}  {value:12.3f}")

    def as_json(self) -> dict[str, Any]:
        """The object that `make bench` reads."""
        rows = [
            {
                "case": row.case,
                "median": round(row.median, 4),
                "unit": row.unit,
                "spread": f"±{row.spread:.0%}",
                "rounds": len(row.values),
            }
            for row in self.rows
        ]
        return {
            "bench": self.name,
            "machine": self.machine(),
            "rows": rows,
            "ratios": {key: round(value, 4) for key, value in self.ratios.items()},
        }

    def machine(self) -> dict[str, Any]:
        """What ran this: processor, Python, and the peers' versions."""
        return {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **self.peers,
        }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())

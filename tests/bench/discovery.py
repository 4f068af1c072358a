"""Scanning for and loading 20 plugins against the floor beneath it.

The floor is what cannot be avoided: `entry_points()`, reading the manifests' TOML, importing the
same modules plainly. Ours scans, validates manifests, and imports through stevedore with journal,
deadline and breakers, checks hooks, starts the plugins and compiles the call lists. Each
measurement is a process of its own, which has imported the hub's or its own libraries before the
clock starts. The last row adds 20 plugins that are installed and not enabled.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from _harness import Bench

from bloop_sdk.testing.distributions import write_plugin

PLUGINS = 20
CLASSES = 6
"""Dataclasses in a module: about 5 ms of import."""

FLOOR = """
import importlib, importlib.metadata, sys, time, tomllib
from pathlib import Path
import bloop_sdk, dataclasses
site, names = Path(sys.argv[1]), sys.argv[3:]
sys.path.insert(0, str(site))
begin = time.perf_counter()
points = {point.name: point for point in importlib.metadata.entry_points(group="bloop.plugins")}
for name in names:
    tomllib.loads((site / f"bloop_{name}" / "bloop-plugin.toml").read_text())
loaded = time.perf_counter()
for name in names:
    importlib.import_module(points[name].module)
end = time.perf_counter()
print(end - begin, (end - loaded) / len(names))
"""
OURS = """
import sys, time
from pathlib import Path
import dataclasses
from bloop.kernel.discovery import scan
from bloop.kernel.host import Host
from bloop.kernel.journal import Journal
from bloop.kernel.kernel import Kernel
from bloop.kernel.wanted import Wanted
from bloop.kernel.watchdog import Watchdog
from bloop_sdk.testing import ListLogger
site, data, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
sys.path.insert(0, str(site))
begin = time.perf_counter()
watchdog = Watchdog(Journal(data / "journal"))
watchdog.start()
kernel = Kernel(scan(), Host(data, lambda _: ListLogger()), watchdog=watchdog)
changes = kernel.apply(Wanted(frozenset(names)))
end = time.perf_counter()
assert len(changes.started) == len(names), changes
print(end - begin)
watchdog.stop()
"""


def write(site: Path, plugin_id: str) -> None:
    """Write a plugin of realistic size."""
    fields = "\n".join(f"    field{number}: str | None = None" for number in range(8))
    classes = "\n".join(
        f"@dataclass(frozen=True)\nclass Record{number}:\n{fields}\n" for number in range(CLASSES)
    )
    code = f"""from __future__ import annotations
from dataclasses import dataclass
from bloop_sdk import Plugin, hookimpl

{classes}

class Main(Plugin):
    @hookimpl
    def health_checks(self):
        return []

    @hookimpl
    def navigation(self, principal):
        return []
"""
    write_plugin(site, plugin_id, code=code, manifest={"hooks": ["health_checks", "navigation"]})


def measure(code: str, site: Path, data: Path, names: list[str]) -> list[float]:
    """What a fresh process prints."""
    command = [sys.executable, "-c", code, str(site), str(data), *names]
    # As in an installed hub, modules come from their bytecode after the first round.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    return [float(value) for value in output.split()]


def main() -> None:
    """Measure and print."""
    bench = Bench("discovery", peers=("stevedore", "pluggy"))
    names = [f"sample_{number}" for number in range(PLUGINS)]
    with tempfile.TemporaryDirectory() as folder:
        few, many, data = Path(folder, "few"), Path(folder, "many"), Path(folder, "data")
        for name in names:
            write(few, name)
            write(many, name)
            write(many, f"{name}_off")
        rows = bench.rounds(
            {
                f"floor, {PLUGINS}": lambda: measure(FLOOR, few, data, names)[0],
                f"bloop, {PLUGINS}": lambda: measure(OURS, few, data, names)[0],
                f"bloop, {PLUGINS} and as many disabled": lambda: measure(OURS, many, data, names)[
                    0
                ],
                "import of one": lambda: measure(FLOOR, few, data, names)[1],
            },
            rounds=21,
            unit="ms",
            scale=1e3,
        )
    floor, ours, with_disabled, _ = rows.values()
    bench.ratio("vs_floor", ours, floor)
    bench.ratio("with_as_many_disabled", with_disabled, ours)
    bench.finish()


if __name__ == "__main__":
    main()

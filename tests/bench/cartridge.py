"""Importing a generated cartridge: items a second, and peak memory as the file grows tenfold.

Each import runs in a process of its own, into a fresh SQLite hub; its peak is that process's
resident memory. There is no peer: `memory_growth_10x` compares the hub with itself.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from _harness import Bench
from _memory import peak_mib

SMALL, LARGE = 1_000, 10_000
ROUNDS = 3
IN_MODULE = 50

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="bench-{items}" xmlns="http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1">
<metadata><schema>IMS Common Cartridge</schema><schemaversion>1.3.0</schemaversion></metadata>
<organizations><organization identifier="o" structure="rooted-hierarchy"><item identifier="root">
"""
PARAGRAPH = "<p>Some <b>words</b> on <i>subject {n}</i>, with a <a href='p{n}.html'>link</a>.</p>\n"


def write_cartridge(path: Path, items: int) -> None:
    """A cartridge of pages in modules, each page of about 1 kB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(items):
            body = PARAGRAPH.format(n=n) * 10
            page = f"<html><head><title>Page {n}</title></head><body>{body}</body></html>"
            archive.writestr(f"pages/p{n}.html", page)
        archive.writestr("imsmanifest.xml", "".join(manifest(items)))


def manifest(items: int) -> Iterator[str]:
    """The manifest's text, in pieces."""
    yield HEAD.format(items=items)
    for first in range(0, items, IN_MODULE):
        yield f'<item identifier="m{first}"><title>Module {first // IN_MODULE}</title>'
        for n in range(first, min(first + IN_MODULE, items)):
            yield f'<item identifier="i{n}" identifierref="r{n}"><title>Page {n}</title></item>'
        yield "</item>"
    yield "</item></organization></organizations><resources>"
    for n in range(items):
        href = f"pages/p{n}.html"
        yield f'<resource identifier="r{n}" type="webcontent" href="{href}"><file href="{href}"/>'
        yield "</resource>"
    yield "</resources></manifest>"


async def import_here(path: Path, folder: Path) -> dict[str, Any]:
    """Import into a new hub in ``folder``; seconds, records and the peak of this process."""
    from bloop.content.imports import Importer, import_file
    from bloop.store.blobs import Blobs
    from bloop.store.database import Database
    from bloop.store.migrate import upgrade_core
    from bloop_cartridge.config import CartridgeConfig
    from bloop_cartridge.provider import CartridgeProvider
    from bloop_sdk import Call, Principal, PrincipalKind, Role, Trace
    from bloop_sdk.testing import FakeContext

    database = Database(f"sqlite:///{folder / 'bloop.db'}")
    upgrade_core(database)
    principal = Principal(PrincipalKind.USER, "bench", Role.EDUCATOR)
    call = Call(principal, "00000000-0000-7000-8000-000000000001", Trace("1" * 32, "2" * 16))

    def open_provider(_connection: str, source: Path) -> CartridgeProvider:
        return CartridgeProvider(FakeContext(config=CartridgeConfig(), source=source))

    begin = time.perf_counter()
    report = await import_file(
        database,
        Blobs(folder / "blobs"),
        open_provider,
        call,
        Importer("cartridge", "lms"),
        path,
    )
    seconds = time.perf_counter() - begin
    await database.close()
    peak = peak_mib()
    return {"seconds": seconds, "pages": report.by_kind["page"], "peak": peak}


def main() -> None:
    """Run both sizes in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for items in (SMALL, LARGE):
            write_cartridge(folder / f"{items}.imscc", items)

        @cache
        def measured(items: int, turn: int) -> dict[str, Any]:
            command = [sys.executable, __file__, "--import", str(folder / f"{items}.imscc")]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found: dict[str, Any] = json.loads(done.stdout)
            assert found["pages"] == items, f"round {turn}: {found}"
            return found

        bench = Bench("cartridge")
        turns = {items: iter(range(ROUNDS)) for items in (SMALL, LARGE)}
        peaks = bench.rounds(
            {
                f"peak memory, {items:,} items": lambda items=items: measured(  # type: ignore[misc]
                    items, next(turns[items])
                )["peak"]
                for items in (SMALL, LARGE)
            },
            rounds=ROUNDS,
            warmup=0,
            unit="MB",
            scale=1,
        )
        again = iter(range(ROUNDS))

        def speed() -> float:
            found = measured(LARGE, next(again))
            return LARGE / float(found["seconds"])

        bench.rounds(
            {f"import, {LARGE:,} items": speed}, rounds=ROUNDS, warmup=0, unit="items/s", scale=1
        )
        small, large = peaks.values()
        bench.ratio("memory_growth_10x", large, small)
        bench.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--import"]:
        with tempfile.TemporaryDirectory() as place:
            print(json.dumps(asyncio.run(import_here(Path(sys.argv[2]), Path(place)))))
    else:
        main()

"""Reading Evernote's exports: 2,000 notes, and the memory that a gigabyte takes.

The peer is enex2notion 0.3.1, run as its README says for a dry run: `enex2notion FILE`. It parses
each note to the blocks of Notion; Bloop makes HTML and Markdown, and reads through the file once
before, for what links and identities need. (evernote-backup writes exports and reads none.) Every
reading runs in a process of its own; seconds are of processor time, without imports.
`memory_vs_enex2notion` is how many times the peer's resident memory is Bloop's.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from _harness import Bench
from _memory import peak_mib

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
# Its requirements cannot stand beside Bloop's: it wants an lxml below 5.
PEER = ROOT / ".venv-peers-enex"
WANTED = "enex2notion==0.3.1"

NOTES, ROUNDS = 2_000, 3
GIGABYTE = ((4, 160 << 20), (400, 256 << 10))
"""How many attachments of how many bytes: base64 makes a third more of them."""
BLOCK = 57 << 14
"""Bytes that large attachments repeat: whole lines of base64, as MIME and Evernote break it."""

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE en-export SYSTEM "http://xml.evernote.com/pub/evernote-export4.dtd">
<en-export export-date="20240309T065929Z" application="Evernote" version="10.78.2">
"""
CONTENT = """<content><![CDATA[<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!DOCTYPE en-note SYSTEM "http://xml.evernote.com/pub/enml2.dtd"><en-note>{}</en-note>]]></content>
"""


def write_export(path: Path, sizes: Iterator[int]) -> None:
    """An export with a note for each attachment of ``sizes``, the same one every time."""
    chance = random.Random(11)
    block = chance.randbytes(BLOCK)
    words = [
        "".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 9))) for _ in range(999)
    ]

    def text(count: int) -> str:
        return " ".join(chance.choices(words, k=count))

    with path.open("w") as file:
        file.write(HEAD)
        for number, size in enumerate(sizes):
            pieces = [block[:size]] if size < len(block) else [block] * (size // len(block))
            digest = hashlib.md5(usedforsecurity=False)
            for piece in pieces:
                digest.update(piece)
            lines = "".join(f"<div>{text(14)} <b>{text(2)}</b> {text(6)}</div>" for _ in range(8))
            boxes = "".join(
                f'<li style="--en-checked:{done};"><div>{text(5)}</div></li>'
                for done in ("true", "false")
            )
            cells = "".join(f"<td><div>{text(2)}</div></td>" for _ in range(3))
            body = (
                f'{lines}<ul style="--en-todo:true;">{boxes}</ul><ol><li>{text(4)}</li></ol>'
                f"<table><tbody><tr>{cells}</tr><tr>{cells}</tr></tbody></table>"
                f'<div><a href="https://example.com/{number}">{text(3)}</a></div>'
                f'<en-media hash="{digest.hexdigest()}" type="application/octet-stream"/>'
            )
            day = f"{2000 + number // 336}{1 + number // 28 % 12:02}{1 + number % 28:02}T101500Z"
            file.write(f"<note><title>{number} {text(3)}</title><created>{day}</created>")
            file.write(f"<tag>{text(1)}</tag><note-attributes><author>a</author></note-attributes>")
            file.write(CONTENT.format(body))
            file.write('<resource><data encoding="base64">\n')
            for piece in pieces:
                file.write(base64.encodebytes(piece).decode())
            file.write("</data><mime>application/octet-stream</mime><resource-attributes>")
            file.write(
                f"<file-name>{number}.bin</file-name></resource-attributes></resource></note>"
            )
        file.write("</en-export>\n")


async def read_here(path: Path) -> tuple[float, float]:
    """Read an export to its end; seconds of the processor and the peak in MiB."""
    large = path.stat().st_size > 1 << 29  # noqa: ASYNC240 - nothing else runs here
    from bloop_evernote.config import EvernoteConfig
    from bloop_evernote.provider import EvernoteProvider
    from bloop_sdk import Partition
    from bloop_sdk.testing import FakeContext

    provider = EvernoteProvider(FakeContext(config=EvernoteConfig(), source=path))
    begin = time.process_time()
    await provider.discover()
    records = 0
    async for batch in provider.read(Partition("notes"), None):
        records += len(batch.records)
    seconds = time.process_time() - begin
    assert records >= (400 if large else NOTES), f"{records} records"
    return seconds, peak_mib()


@cache
def peers_python() -> Path:
    """A Python that has the peer."""
    python = PEER / "bin" / "python"
    if not python.exists():
        print(f"making {PEER.name} for {WANTED}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", PEER], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", WANTED], check=True)
    return python


def measured(who: str, path: Path) -> tuple[float, float]:
    """What one reading took, in a process of its own."""
    ours = [sys.executable, __file__, "--read", str(path)]
    theirs = [peers_python(), HERE / "_enex_peer.py", path]
    command = ours if who == "bloop" else theirs
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)


def main() -> None:
    """Both files, in turns."""
    bench = Bench("enex")
    bench.peers = {"enex2notion": WANTED.partition("==")[2]}
    peers_python()
    with tempfile.TemporaryDirectory() as name:
        notes, large = Path(name, "notes.enex"), Path(name, "large.enex")
        write_export(notes, iter([6_000] * NOTES))
        speed = bench.rounds(
            {
                f"{NOTES:,} notes, {who}": lambda who=who: measured(who, notes)[0]  # type: ignore[misc]
                for who in ("enex2notion", "bloop")
            },
            rounds=ROUNDS,
            warmup=0,
            unit="s",
            scale=1,
        )
        bench.ratio("vs_enex2notion", *speed.values())
        write_export(large, iter([size for count, size in GIGABYTE for _ in range(count)]))
        peaks = bench.rounds(
            {
                f"1 GB, peak of {who}": lambda who=who: measured(who, large)[1]  # type: ignore[misc]
                for who in ("enex2notion", "bloop")
            },
            rounds=1,
            warmup=0,
            unit="MiB",
            scale=1,
        )
        bench.ratio("memory_vs_enex2notion", *peaks.values())
    bench.finish()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        print(*asyncio.run(read_here(Path(sys.argv[2]))))
    else:
        main()

"""A cartridge ten times as large takes no more memory, and its file need not fit into any."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

MEASURE = """
import asyncio, json, sys
from pathlib import Path
from bloop_cartridge.config import CartridgeConfig
from bloop_cartridge.provider import CartridgeProvider
from bloop_sdk.providers.content import Partition
from bloop_sdk.testing import FakeContext

async def main():
    config = CartridgeConfig(max_entries=200_000)
    provider = CartridgeProvider(FakeContext(source=Path(sys.argv[1]), config=config))
    records = 0
    async for batch in provider.read(Partition("content"), None):
        records += len(batch.records)
    return records

records = asyncio.run(main())
# Not ru_maxrss: a child inherits that from whoever started it.
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps({"records": records, "peak": peak}))
"""


def write(path, manifest, count):
    """Modules of fifty items: pages with links to each other, and quizzes."""
    items, resources = [], []
    body = "<html><body><p>" + "Text about acids and bases. " * 20 + '<a href="p0.html">0</a></p>'
    quiz = (
        '<questestinterop><assessment ident="q" title="Q"><section ident="s">'
        + '<item ident="i"><presentation><material><mattext>?</mattext></material></presentation>'
        "</item>" * 5 + "</section></assessment></questestinterop>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            if number % 50 == 0:
                items.append(f'<item identifier="m{number}"><title>Module {number}</title>')
            if number % 10 == 0:
                name, type_ = f"q{number}.xml", "imsqti_xmlv1p2/imscc_xmlv1p3/assessment"
                archive.writestr(name, quiz)
            else:
                name, type_ = f"p{number}.html", "webcontent"
                archive.writestr(name, body + f"{number}</body></html>")
            items.append(f'<item identifier="i{number}" identifierref="r{number}">')
            items.append(f"<title>Item {number}</title></item>")
            if number % 50 == 49:
                items.append("</item>")
            resources.append(f'<resource identifier="r{number}" type="{type_}" href="{name}">')
            resources.append(f'<file href="{name}"/></resource>')
        archive.writestr("imsmanifest.xml", manifest("".join(items), "".join(resources)))
    return path


def measure(path):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_peak_memory_of_ten_times_the_items(tmp_path, manifest):
    small = measure(write(tmp_path / "small.imscc", manifest, 1_000))
    large = measure(write(tmp_path / "large.imscc", manifest, 10_000))
    assert (small["records"], large["records"]) == (1 + 1020 + 1000, 1 + 10_200 + 10_000)
    assert large["peak"] / small["peak"] <= 1.3

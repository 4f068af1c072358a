from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[1]


async def test_the_command_counts(hub, hub_toml, site, unit):
    from bloop_bookmarks import tables

    for user, item, title in (("ada", "a", "Waves"), ("bob", "a", "Waves"), ("bob", "b", "Tone")):
        await unit(tables.keep, user, item, title, 9)

    def bloop(*arguments):
        done = subprocess.run(
            [Path(sys.executable).with_name("bloop"), "--config", hub_toml, *arguments],
            env=os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{SOURCE}"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(bloop("bookmarks", "stats", "--json")) == {
        "bookmarks": 3,
        "people": 2,
        "top": [["Waves", 2], ["Tone", 1]],
    }
    assert bloop("bookmarks", "stats").startswith("3 bookmarks of 2 people\n      2  Waves")
    assert "Count bookmarks" in bloop("bookmarks", "--help")

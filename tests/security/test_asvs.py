"""What docs/security/asvs.md says is shown by a test is shown by one that there is."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/security/asvs.md"


def test_every_test_that_the_page_names_is_there():
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8")))
    folders = (ROOT / "tests", ROOT / "core", ROOT / "plugins")
    there = {
        name
        for folder in folders
        for file in folder.rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert len(named) > 30
    assert named - there == set()

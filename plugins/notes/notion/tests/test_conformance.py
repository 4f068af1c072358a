"""What the contract asks of every plugin and every provider of notes, of a small Notion."""

from __future__ import annotations

from bloop_sdk.testing import System, plugin_tests
from plugins.notes.notion.tests.fake_notion import SECRET, small

GOOD = {
    "token": "good",
    "webhook_token": SECRET,
}

TestNotion = plugin_tests(
    "bloop_notion",
    settings={},
    notes=System(
        make=small,
        good=GOOD,
        bad={**GOOD, "token": "never valid"},
        expired={**GOOD, "token": "valid once"},
        without={
            "unknown": "a list of Notion's holds pages and data sources, and nothing else",
        },
    ),
)

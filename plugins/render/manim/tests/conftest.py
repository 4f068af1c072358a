"""Warm workers that every test shares, and plans for them."""

from __future__ import annotations

import ctypes.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bloop_manim.config import ManimConfig
from bloop_manim.pool import close_shared
from bloop_manim.provider import ManimRenderer
from bloop_sdk.testing import FakeContext

HERE = Path(__file__).parent
NEEDED = ("cairo", "pango-1.0")


def pytest_runtest_setup() -> None:
    """What draws is not on every machine; where changes are judged it has to be."""
    missing = [name for name in NEEDED if ctypes.util.find_library(name) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert not missing


class TestRenderer(ManimRenderer):
    """Draws shapes."""

    __test__ = False
    worker = "drawing_worker"


@pytest.fixture(scope="session")
def renderer() -> Iterator[ManimRenderer]:
    """One process, warm after the first test, and one more for what is quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
        yield TestRenderer(FakeContext(config=ManimConfig(workers=1, encoder="cpu")))
        close_shared()

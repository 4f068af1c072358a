from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from studio_media import BLUE, GREEN, RED, make_clip

from bloop_sdk.providers.render import Clip


@pytest.fixture(scope="session")
def three_clips(tmp_path_factory) -> list[Clip]:
    """Red, blue, green: the second holds few pictures, as a still scene does."""
    folder = tmp_path_factory.mktemp("clips")
    return [
        make_clip(folder / "a.mp4", {0: RED}, 45),
        make_clip(folder / "b.mp4", {0: BLUE}, 120, sent=(0, 30, 60, 119)),
        make_clip(folder / "c.mp4", {0: GREEN}, 30),
    ]

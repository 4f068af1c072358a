"""What is drawn only where it changes is what manim draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_frame_is_manims(tmp_path):
    script = Path(__file__).with_name("compare_frames.py")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "frames 85" in done.stdout.splitlines(), done.stdout
    assert "differs" not in done.stdout

"""Serve a hub with the sample course: what `make demo` does once .venv is there.

Each step can be done again: the course is built anew, `bloop init` leaves an existing hub
alone, and importing the same course again writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOOP = Path(sys.executable).with_name("bloop")
BUILDER = ROOT / "examples" / "build_course.py"
COURSE = ROOT / "var" / "waves.imscc"
VIDEO = ROOT / "var" / "how-fast-is-sound.mp4"
LESSON = "How fast is sound?"
DEFAULT_PORT = 8080


def step(what: str, *command: str | Path) -> None:
    """Run one step; stops everything when it fails, after its own message."""
    print(f"==> {what}", flush=True)
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status:
        line = " ".join(str(part) for part in command)
        raise SystemExit(f"\nerror: this step failed (exit {status}): {line}")


def is_free(port: int) -> bool:
    """True when this machine's loopback has nobody on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose_port(wanted: int | None) -> int:
    """Give the port that was asked for, else the usual one, else any that is free."""
    if wanted is not None:
        if not is_free(wanted):
            raise SystemExit(f"error: port {wanted} is taken; make demo PORT=0 finds a free one")
        if wanted:
            return wanted
    elif is_free(DEFAULT_PORT):
        return DEFAULT_PORT
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def make_video() -> None:
    """Make a video of one lesson; where nothing can draw it, say so and go on."""
    print("==> making a video of one lesson", flush=True)
    listed = subprocess.run(
        [BLOOP, "content", "tree", "--json"], cwd=ROOT, check=True, capture_output=True
    )
    lesson = find_lesson(json.loads(listed.stdout))
    made = (
        lesson
        and not subprocess.run(
            [BLOOP, "video", lesson, "-o", VIDEO], cwd=ROOT, check=False
        ).returncode
    )
    if not made:
        print("    going on without it: docs/admin/videos.md says what it takes", flush=True)


def find_lesson(tree: object) -> str | None:
    """The id of the lesson that is shown, from what `bloop content tree --json` prints."""
    if isinstance(tree, dict):
        if tree.get("title") == LESSON and tree.get("item"):
            return str(tree["item"])
        tree = list(tree.values())
    parts = tree if isinstance(tree, list) else []
    return next((found for part in parts if (found := find_lesson(part))), None)


def main() -> None:
    """Build, init, import, make a video, and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, help="0 for any that is free")
    arguments = parser.parse_args()
    port = choose_port(arguments.port)

    step("building the sample course", sys.executable, BUILDER, "-o", COURSE)
    step("preparing the hub in var/", BLOOP, "init")
    step("importing the sample course", BLOOP, "import", COURSE)
    make_video()
    print(f"==> serving on port {port}; Ctrl-C stops it", flush=True)
    os.chdir(ROOT)
    os.execv(BLOOP, [str(BLOOP), "up", "--port", str(port)])


if __name__ == "__main__":
    main()

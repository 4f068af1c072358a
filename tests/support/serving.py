"""A hub that runs in a process of its own, as ``bloop up`` starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BLOOP = Path(sys.executable).with_name("bloop")


@contextmanager
def serving(folder: Path, port: str = "0") -> Iterator[str]:
    """The address of the hub of a folder while it runs; its log is ``up.log`` there."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("BLOOP_")}
    with (
        (folder / "up.log").open("w") as log,
        subprocess.Popen(
            [BLOOP, "up", "--port", port],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as running,
    ):
        assert running.stdout is not None
        said = ""
        while "Stop with" not in said:
            line = running.stdout.readline()
            assert line, said
            said += line
        found = re.search(r"http://[\d.]+:\d+", said)
        assert found, said
        try:
            yield found[0]
            assert running.poll() is None, (folder / "up.log").read_text()[-4000:]
        finally:
            running.terminate()
            running.stdout.read()

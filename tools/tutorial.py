"""Follow the authors' tutorial to the letter, in an empty folder, and say how long it took.

``make tutorial`` does it in an environment that holds the built wheels of the SDK and the hub and
locked dependencies, and nothing else. In the page, a fence ``console`` holds commands and what they
print, a fence with a path after its language is the text of that file, and a fence ``text up`` is
what the running hub says next, or ``^C``. ``...`` stands for anything, and times may differ.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from build import build
from lock import canonical
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from setup_env import DEV, ROOT, distributions

PAGE = ROOT / "docs" / "plugins" / "tutorial.md"
PORT = "8080"
PATIENCE_SECONDS = 120
OURS = ("bloop-sdk", "bloop-hub")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: run a command, write a file, or read what the running hub says."""

    kind: str
    text: str
    output: str = ""
    line: int = 0


def read_steps(page: Path = PAGE) -> Iterator[Step]:
    """Give the steps of a page in their order."""
    for token in MarkdownIt("commonmark").parse(page.read_text("utf-8")):
        if token.type != "fence":
            continue
        language, _, rest = token.info.strip().partition(" ")
        line = (token.map or [0])[0] + 1
        if language == "console":
            for command in re.split(r"^\$ ", token.content, flags=re.MULTILINE)[1:]:
                text, _, output = command.partition("\n")
                yield Step("run", text, output, line)
        elif rest == "up":
            yield Step("up", "", token.content, line)
        elif rest:
            yield Step("write", rest, token.content, line)


def pattern(expected: str) -> str:
    """Give the regular expression of an output in which times and what ``...`` hides may differ."""
    text = re.escape(expected.strip()).replace(r"\.\.\.", ".*?")
    return re.sub(r"\d+(?:\\\.\d+)?((?:\\ )?m?s)\b", r"[\\d.]+\1", text)


class Walk:
    """The tutorial being followed in a folder; ``programs`` is where its commands are found."""

    def __init__(self, folder: Path, programs: Path, env: dict[str, str]) -> None:
        self.folder = folder
        self.port = str(_free_port())
        self._log = folder.with_name(f"{folder.name}.log")
        self._read = 0
        self._up: subprocess.Popen[bytes] | None = None
        inherited = {name: text for name, text in os.environ.items() if name[:6] != "BLOOP_"}
        self._env = inherited | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            "BLOOP_HTTP__PORT": self.port,
            **env,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, at: TracebackType | None
    ) -> None:
        self._interrupt()

    def take(self, step: Step) -> None:
        """Do one step; raises SystemExit where something else comes of it than the page says."""
        text, output = (part.replace(PORT, self.port) for part in (step.text, step.output))
        if step.kind == "write":
            file = self.folder / step.text
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(output)
        elif step.kind == "up" and output.strip() == "^C":
            self._interrupt()
        elif step.kind == "up":
            self._expect(output, step)
        elif text.startswith("bloop up"):
            with self._log.open("wb") as log:
                self._up = self._start(text, log)
            self._expect(output, step)
        else:
            self._run(text, output, step)

    def _start(self, command: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            shlex.split(command),
            cwd=self.folder,
            env=self._env,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _run(self, command: str, expected: str, step: Step) -> None:
        # The running hub may be about to take something up: a reader would ask once more.
        end = time.monotonic() + (PATIENCE_SECONDS / 4 if command.startswith("curl") else 0)
        while True:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self._env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            said = "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())
            as_told = not expected.strip() or re.fullmatch(pattern(expected), said, re.DOTALL)
            if not done.returncode and as_told:
                return
            if time.monotonic() > end:
                raise _differs(step, f"exit {done.returncode}\n{said}")
            time.sleep(0.5)

    def _expect(self, expected: str, step: Step) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            said = self._log.read_text("utf-8", "replace")
            if found := re.compile(pattern(expected), re.DOTALL).search(said, self._read):
                self._read = found.end()
                return
            if self._up is None or self._up.poll() is not None:
                break
            time.sleep(0.05)
        raise _differs(step, self._log.read_text("utf-8", "replace")[self._read :])

    def _interrupt(self) -> None:
        if self._up is not None and self._up.poll() is None:
            os.killpg(self._up.pid, signal.SIGINT)
            try:
                self._up.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._up.pid, signal.SIGKILL)
        self._up, self._read = None, 0


def _differs(step: Step, said: str) -> SystemExit:
    shown = f"$ {step.text}\n{step.output}" if step.kind == "run" else step.output
    return SystemExit(f"tutorial.md:{step.line}: the page says\n\n{shown}\nand it was\n\n{said}")


def follow(folder: Path, programs: Path, env: dict[str, str], *, told: bool = False) -> float:
    """Take every step in an empty folder; gives the seconds that passed."""
    begin = time.monotonic()
    with Walk(folder, programs, env) as walk:
        for step in read_steps():
            before = time.monotonic()
            walk.take(step)
            if told and (text := step.text or step.output.strip().split("\n", maxsplit=1)[0]):
                print(f"{time.monotonic() - before:6.1f} s  {step.kind:5} {text}", flush=True)
    return time.monotonic() - begin


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _needed(*wanted: str) -> set[str]:
    """Give the names of what some requirements need, as it is installed here."""
    found: set[str] = set()
    for requirement in map(Requirement, wanted):
        name = canonical(requirement.name)
        found.add(name)
        for line in requires(name) or []:
            part = Requirement(line)
            extras = [{"extra": extra} for extra in (*requirement.extras, "")]
            if not part.marker or any(part.marker.evaluate(extra) for extra in extras):
                found |= _needed(str(part).partition(";")[0]) if part.name != name else set()
    return found


def _locked(names: set[str]) -> str:
    """Give the lines of the lock for some packages, hashes and all."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / DEV).read_text(), flags=re.MULTILINE)
    return "".join(one for one in blocks if canonical(one.partition("==")[0].strip()) in names)


def make_environment(place: Path) -> dict[str, str]:
    """Make ``place/venv`` with locked packages; gives what makes pip take ours from wheels."""
    wheels = place / "wheels"
    wheels.mkdir()
    for name, folder in distributions().items():
        if name in OURS:
            build(folder, wheels)
    lock = place / "needed.lock"
    lock.write_text(_locked(_needed("bloop-hub", "bloop-sdk[test]", "hatchling")))
    venv.create(place / "venv", with_pip=True)
    options = ("--quiet", "--no-deps", "--require-hashes", "--disable-pip-version-check")
    pip: list[str | Path] = [
        place / "venv" / "bin" / "python",
        "-m",
        "pip",
        "install",
        *options,
        "-r",
        lock,
    ]
    subprocess.run(pip, check=True)
    # No index from here on: nobody else's package of our names is taken for ours.
    return {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_NO_BUILD_ISOLATION": "0",  # Which is how pip is told not to isolate.
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def main() -> None:
    """Make the environment and follow the page."""
    with tempfile.TemporaryDirectory(prefix="bloop-tutorial-") as made:
        place = Path(made)
        (place / "empty").mkdir()
        env = make_environment(place)
        seconds = follow(place / "empty", place / "venv" / "bin", env, told=True)
    print(f"the whole tutorial took {seconds:.0f} s, the reader's own time aside")


if __name__ == "__main__":
    main()

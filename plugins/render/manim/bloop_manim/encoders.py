"""Which encoder this machine uses: timed once, kept, and given up where it fails."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bloop_manim.config import ManimConfig
from bloop_manim.encoding import Encoding

GPUS: Mapping[str, tuple[str, Path]] = {"nvenc": ("h264_nvenc", Path("/dev/nvidiactl"))}
"""By the setting's word: the codec, and what is there on machines that may have it."""
TRIAL_SECONDS = 120

Timed = Callable[[Sequence[Encoding]], Mapping[str, float | None]]
_turn = threading.Lock()


def measured(encodings: Sequence[Encoding]) -> dict[str, float | None]:
    """Seconds of a trial by codec, None for one that this machine does not have."""
    wanted = json.dumps([asdict(one) for one in encodings])
    try:
        done = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-P", "-m", "bloop_manim.trial", wanted],
            capture_output=True,
            timeout=TRIAL_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    found: dict[str, float | None] = json.loads(done.stdout)
    return found


@dataclass(slots=True)
class Found:
    """What is known of this machine's encoders; kept as JSON."""

    machine: str
    seconds: dict[str, float | None] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Encoders:
    """The choice for some settings; ``folder`` is where what was found is kept."""

    def __init__(self, folder: Path, config: ManimConfig, timed: Timed = measured) -> None:
        self._file = folder / "encoders.json"
        self._wanted = config.encoder
        self._timed = timed
        self.cpu = Encoding(preset=config.preset, crf=config.crf, threads=config.encoder_threads)

    def chosen(self) -> Encoding:
        """How to encode here; the first time, where there is a GPU, it is timed."""
        for gpu in self._candidates():
            found = self._found(gpu)
            with_gpu, with_cpu = found.seconds.get(gpu.codec), found.seconds.get(self.cpu.codec)
            if gpu.codec in found.failed or with_gpu is None:
                continue
            if self._wanted != "auto" or with_cpu is None or with_gpu < with_cpu:
                return gpu
        return self.cpu

    def failed(self, codec: str, reason: str) -> None:
        """Give an encoder up, on this machine, until its file is removed."""
        with _turn:
            found = self._read() or Found(_machine())
            found.failed[codec] = reason[:300]
            self._write(found)

    def notes(self) -> list[str]:
        """What was chosen, and why."""
        chosen, candidates = self.chosen().codec, self._candidates()
        if not candidates:
            why = "as set" if self._wanted == "cpu" else "no GPU that encodes was found"
            return [f"encodes with {chosen}: {why}"]
        found = self._read() or Found(_machine())
        lines = [f"encodes with {chosen}" + (", as set" if self._wanted != "auto" else "")]
        for codec, seconds in found.seconds.items():
            took = "is not here" if seconds is None else f"takes {seconds:.2f} s"
            lines.append(f"  {codec} {took} for a second of 720p")
        lines += [
            f"  {codec} failed and is not used: {reason} (to try it again, remove {self._file})"
            for codec, reason in found.failed.items()
        ]
        return lines

    def _candidates(self) -> list[Encoding]:
        words = GPUS if self._wanted == "auto" else {self._wanted} & GPUS.keys()
        return [
            dataclasses.replace(self.cpu, codec=GPUS[word][0])
            for word in words
            if GPUS[word][1].exists()
        ]

    def _found(self, gpu: Encoding) -> Found:
        with _turn:
            found = self._read() or Found(_machine())
            if gpu.codec not in found.seconds:
                found.seconds |= self._timed([self.cpu, gpu])
                # One that can't even be asked is not asked again and again.
                found.seconds.setdefault(gpu.codec, None)
                self._write(found)
            return found

    def _read(self) -> Found | None:
        """None where it is of another machine, or can't be read."""
        try:
            kept: dict[str, Any] = json.loads(self._file.read_bytes())
            found = Found(**kept)
        except (OSError, ValueError, TypeError):
            return None
        return found if found.machine == _machine() else None

    def _write(self, found: Found) -> None:
        part = self._file.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(asdict(found)), "utf-8")
        part.replace(self._file)


def _machine() -> str:
    """A folder may be copied or shared."""
    try:
        driver = Path("/proc/driver/nvidia/version").read_text("utf-8").partition("\n")[0]
    except OSError:
        driver = ""
    return f"{platform.node()} {driver}".strip()

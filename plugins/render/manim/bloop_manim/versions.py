"""What a clip depends on besides its plan, as one short text."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

from bloop_manim.encoding import Encoding

DRAWN_BY = (
    *("manim", "ManimPango", "pycairo", "av", "numpy", "pillow", "typst", "resvg-py"),
    "skia-pathops",
    *("uharfbuzz", "python-bidi", "uniseg", "pylatexenc", "pygments", "networkx", "svgelements"),
)


SWITCH = "BLOOP_MANIM_LATEX"
"""Of a worker's environment: set where formulas may be given to LaTeX."""
PROGRAMS = ("latex", "dvisvgm")


def version(encoding: Encoding, *, latex: bool) -> str:
    """Changes with this package's source and data, what it draws with, fonts and encoding."""
    parts = {
        "source": _source(Path(__file__).parent),
        "packages": _packages(),
        "fonts": _fonts(),
        "encoding": asdict(encoding),
        "latex": latex_here() if latex else "",
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


@functools.cache
def _source(package: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(path.relative_to(package).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@functools.cache
def _packages() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in DRAWN_BY:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


@functools.cache
def latex_here() -> str:
    """Which LaTeX is on this machine; empty where a part of it is missing."""
    found = [shutil.which(one) for one in PROGRAMS]
    if not all(found):
        return ""
    told = (
        subprocess.run(  # noqa: S603 - found on PATH, without anybody's words
            [str(one), "--version"], capture_output=True, check=False, text=True, errors="replace"
        )
        for one in found
    )
    return "; ".join(one.stdout.partition("\n")[0] for one in told)


@functools.cache
def _fonts() -> str:
    """The machine's fonts, which stand in for what the package's own do not have."""
    lister = shutil.which("fc-list")
    if lister is None:
        return ""
    listed = subprocess.run(  # noqa: S603 - fontconfig's own, without anybody's words
        [lister, "--format", "%{file}:%{fontversion}\n"], capture_output=True, check=False
    )
    return hashlib.sha256(b"\n".join(sorted(listed.stdout.splitlines()))).hexdigest()

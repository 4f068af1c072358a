"""The faces that texts are set in: those of this plugin, and the system's for other scripts."""

from __future__ import annotations

import sys
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import uharfbuzz as hb

Style = Literal["body", "bold", "display", "mono"]
Ink = npt.NDArray[np.float64]
"""Outlines: cubic curves, shape (n, 4, 2), in em; each contour is closed."""

NO_INK: Final[Ink] = np.zeros((0, 4, 2))
_FACES: Final = Path(__file__).parent / "faces"
_OWN: Final[dict[Style, str]] = {
    "body": "Inter-Regular.otf",
    "bold": "Inter-SemiBold.otf",
    "display": "InterDisplay-SemiBold.otf",
    "mono": "JetBrainsMono-Regular.ttf",
}


class Face:
    """One face of one font file."""

    def __init__(self, path: Path, index: int = 0) -> None:
        self.path = path
        self.face = hb.Face(hb.Blob.from_file_path(str(path)), index)
        self.font = hb.Font(self.face)
        self.em: int = self.face.upem
        self._outlines: dict[int, Ink] = {}

    def covers(self, char: str) -> bool:
        """Whether it has a glyph for this character."""
        return self.font.get_nominal_glyph(ord(char)) is not None

    @property
    def drawable(self) -> bool:
        """Whether its glyphs are outlines (those of emoji are often pictures)."""
        return bool({"glyf", "CFF ", "CFF2"} & set(self.face.table_tags))

    @property
    def cap(self) -> float:
        """Height of capitals, in em."""
        found = self.font.get_metric_position_with_fallback(hb.OTMetricsTag.CAP_HEIGHT)
        return float(found or self.em * 0.7) / self.em

    def outline(self, glyph: int) -> Ink:
        """A glyph's curves."""
        if glyph not in self._outlines:
            pen: list[Any] = []
            self.font.draw_glyph(glyph, _pens(), pen)
            curves = np.array(pen, dtype=np.float64).reshape(-1, 4, 2)
            self._outlines[glyph] = curves / self.em
        return self._outlines[glyph]


@cache
def _pens() -> hb.DrawFuncs:
    pens = hb.DrawFuncs()
    at = [(0.0, 0.0)]

    def move(x: float, y: float, _out: list[Any]) -> None:
        at[0] = (x, y)

    def line(x: float, y: float, out: list[Any]) -> None:
        (a, b), at[0] = at[0], (x, y)
        third = ((x - a) / 3, (y - b) / 3)
        out.append(((a, b), (a + third[0], b + third[1]), (x - third[0], y - third[1]), (x, y)))

    def quadratic(x: float, y: float, u: float, v: float, out: list[Any]) -> None:
        (a, b), at[0] = at[0], (u, v)
        first = (a + (x - a) * 2 / 3, b + (y - b) * 2 / 3)
        out.append(((a, b), first, (u + (x - u) * 2 / 3, v + (y - v) * 2 / 3), (u, v)))

    def cubic(*numbers: Any) -> None:
        *controls, out = numbers
        start, at[0] = at[0], (controls[4], controls[5])
        out.append((start, tuple(controls[:2]), tuple(controls[2:4]), at[0]))

    pens.set_move_to_func(move)
    pens.set_line_to_func(line)
    pens.set_quadratic_to_func(quadratic)
    pens.set_cubic_to_func(cubic)
    pens.set_close_path_func(lambda _out: None)
    return pens


@cache
def own(style: Style) -> Face:
    """A face that this plugin carries."""
    return Face(_FACES / _OWN[style])


@lru_cache(8192)
def face_for(char: str, style: Style, language: str) -> Face | None:
    """The face that draws a character: ours, else the best of the system's, else None."""
    mine = own(style)
    if mine.covers(char):
        return mine
    if style in {"display", "mono"} and own("bold" if style == "display" else "body").covers(char):
        return own("bold" if style == "display" else "body")
    for path in _system_files(bold=style in {"bold", "display"}):
        face = _system_face(path, _region(language))
        if face is not None and face.covers(char):
            return face
    return None


def _region(language: str) -> str:
    known = {"ja": "JP", "ko": "KR", "zh": "SC", "zh-tw": "TC", "zh-hant": "TC", "zh-hk": "HK"}
    return known.get(language.lower(), known.get(language.split("-", maxsplit=1)[0].lower(), "SC"))


@cache
def _system_face(path: Path, region: str) -> Face | None:
    try:
        face = Face(path)
        if path.suffix.lower() in {".ttc", ".otc"}:
            count = int.from_bytes(path.read_bytes()[8:12], "big")
            families = [Face(path, index) for index in range(min(count, 40))]
            named = [one for one in families if _family(one).endswith(f" {region}")]
            face = (named or families)[0]
    except (OSError, ValueError, RuntimeError, IndexError):
        return None
    return face if face.drawable else None


def _family(face: Face) -> str:
    name = face.face.get_name(hb.OTNameIdPredefined.FONT_FAMILY)
    return name or ""


@cache
def _system_files(*, bold: bool) -> tuple[Path, ...]:
    """Font files of the machine, those that go best with ours first."""
    found = {
        path
        for folder in _folders()
        if folder.is_dir()
        for path in folder.rglob("*")
        if path.suffix.lower() in {".ttf", ".otf", ".ttc", ".otc"}
    }
    return tuple(sorted(found, key=lambda path: (_unfit(path.stem, bold=bold), path.name, path)))


def _unfit(name: str, *, bold: bool) -> int:
    plain = name.lower().replace("-", "").replace(" ", "")
    # DejaVuSans.ttf is the regular one, and does not say so.
    fits = plain.endswith("bold") if bold else "bold" not in plain
    return (
        (0 if plain.startswith("notosans") else 2 if plain.startswith("dejavusans") else 4)
        + (0 if fits else 1)
        + (8 if any(word in plain for word in _ODD) else 0)
    )


_ODD: Final = (
    *("mono", "serif", "italic", "oblique", "condensed", "light", "thin", "black", "medium"),
    *("display", "emoji", "symbols2", "ui"),
)


def _folders() -> tuple[Path, ...]:
    home = Path.home()
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"
    if sys.platform == "win32":
        return (Path("C:/Windows/Fonts"),)
    shared = Path("/usr/share/fonts"), Path("/usr/local/share/fonts")
    return *shared, home / ".local/share/fonts", home / ".fonts"


def ignorable(char: str) -> bool:
    """Whether nothing is drawn for a character by itself."""
    return (
        unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"} or "\ufe00" <= char <= "\ufe0f"
    )

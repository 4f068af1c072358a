"""Redraw every diagram of the sample course: ``python examples/draw_images.py [FOLDER]``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from course_builder import diagrams_hearing, diagrams_music, diagrams_waves

DIAGRAMS = {
    "course-map": diagrams_waves.course_map,
    "sound-wave": diagrams_waves.sound_wave,
    "oscillation": diagrams_waves.oscillation,
    "resonance": diagrams_waves.resonance,
    "wave-anatomy": diagrams_waves.wave_anatomy,
    "beats": diagrams_waves.beats,
    "decibels": diagrams_waves.decibels,
    "string-modes": diagrams_music.string_modes,
    "pipe-modes": diagrams_music.pipe_modes,
    "building-a-square": diagrams_music.building_a_square,
    "spectra": diagrams_music.spectra,
    "keyboard": diagrams_music.keyboard,
    "comma": diagrams_music.comma,
    "temperaments": diagrams_music.temperaments,
    "ear": diagrams_hearing.ear,
    "hearing-ranges": diagrams_hearing.hearing_ranges,
    "sampling": diagrams_hearing.sampling,
}


def main(arguments: Sequence[str]) -> int:
    """Write every diagram into the folder given, or into the course's own."""
    here = Path(__file__).resolve().parent
    folder = Path(arguments[0]) if arguments else here / "course" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in DIAGRAMS.items():
        (folder / f"{name}.svg").write_text(draw().svg(), encoding="utf-8", newline="\n")
    print(f"{folder}: {len(DIAGRAMS)} diagrams")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

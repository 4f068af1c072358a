"""Build the sample course: ``python examples/build_course.py [-o OUT.imscc]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from course_builder.cartridge import build_cartridge
from course_builder.errors import CourseError

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the cartridge and say where it is; returns the process's exit status."""
    parser = argparse.ArgumentParser(description="Build the sample course as a Common Cartridge.")
    parser.add_argument("-o", "--output", type=Path, default=HERE / "waves.imscc")
    parser.add_argument("--course", type=Path, default=HERE / "course", help="course sources")
    options = parser.parse_args(arguments)
    try:
        cartridge = build_cartridge(options.course)
    except CourseError as error:
        print(f"build_course: {error}", file=sys.stderr)
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(cartridge)
    print(f"{options.output}: {len(cartridge):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

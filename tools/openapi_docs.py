"""Write docs/openapi.json from the routes of the core; `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from bloop.api.app import API, routes_of
from bloop.api.openapi import document, dump

PAGE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def main() -> int:
    """Write or compare; 1 when the file is out of date."""
    made = dump(document(routes_of(API)))
    if "--check" not in sys.argv:
        PAGE.write_bytes(made)
    elif not PAGE.exists() or PAGE.read_bytes() != made:
        print(f"{PAGE.name} is not what the routes say; make docs writes it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

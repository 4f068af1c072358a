"""How often a process that stays looks for garbage that counting references leaves behind."""

from __future__ import annotations

import gc

OBJECTS_BETWEEN = 20_000
"""So many more objects than were freed are made before a look; Python's own 700 come and go with
each page that is read. A sync of 1,000 pages looked 160 times, which was a twentieth of its time.
"""


def look_less() -> None:
    """What is there by now stays, and is looked at no more; what comes is looked at less often."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN, *gc.get_threshold()[1:])
    gc.enable()

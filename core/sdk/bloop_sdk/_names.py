"""What files of plugins may be called."""

from __future__ import annotations

import re

MAX_LENGTH = 200
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,40}/[\w!#$&^.+-]{1,40}(; ?[\w-]{1,10}=[\w.,+-]{1,20})?")


def file_fault(name: str, media_type: str) -> str | None:
    """What is wrong with a file's name or media type, if anything is."""
    if not 0 < len(name) <= MAX_LENGTH or not name.isprintable():
        return f"a file's name has 1 to {MAX_LENGTH} printable characters"
    if not _MEDIA_TYPE.fullmatch(media_type):
        return f"{media_type[:120]!r} is no media type"
    return None

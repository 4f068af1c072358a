"""Remote ids as identifiers of a manifest, and back.

A manifest's identifiers are of type xs:ID: they start with a letter, hold no spaces and occur once
in the whole file. Remote ids are any text, and two kinds may share one. What does not fit is
written ``bloop.KIND.ESCAPED``, which reads back as the remote id it stands for.
"""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_ENCODED = re.compile(r"bloop\.[a-z]+\.((?:[a-z0-9.-]|_[0-9a-f]{2})*)")
_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789.-")


def encode(kind: str, remote_id: str) -> str:
    """The escaped form; letter case is escaped too, since some zips are read without it."""
    escaped = "".join(
        chr(byte) if byte in _SAFE else f"_{byte:02x}"
        for byte in remote_id.encode("utf-8", "surrogatepass")
    )
    return f"bloop.{kind}.{escaped}"


def decode(identifier: str) -> str:
    """The remote id that an identifier stands for: itself, unless it is escaped."""
    found = _ENCODED.fullmatch(identifier)
    if found is None:
        return identifier
    raw = re.sub(r"_([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), found[1])
    try:
        return raw.encode("latin-1").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return identifier


class Identifiers:
    """Hands out each identifier once, letter case aside."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def allocate(self, kind: str, remote_id: str) -> str:
        """The remote id itself where it may stand in a manifest, else its escaped form."""
        plain = _PLAIN.fullmatch(remote_id) and not remote_id.startswith("bloop.")
        if plain and remote_id.casefold() not in self._taken:
            identifier = remote_id
        else:
            identifier = encode(kind, remote_id)
        self._taken.add(identifier.casefold())
        return identifier

"""What lets a sandboxed frame show the hub's files: a frame of an opaque origin sends no cookie.

A ticket stands in the query of one file's address below :data:`PATH` and is good for that address
alone. It names a session and a time, and its MAC is keyed with what the database keeps of the
session's token: whoever has a ticket can't log in with it, and it ends when the session does.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass

PATH = "/framed/"
HOURS = 12
"""A film may be looked at for so long at least; a session that ends before takes it along."""

_FIELD = b"by="
_LONGEST = 256


@dataclass(frozen=True, slots=True)
class Ticket:
    """A claim, good where its MAC is; ``until`` in seconds since 1970."""

    institution: str
    session: str
    until: int
    mac: str

    def opens(self, path: str, token_hash: str, now: float) -> bool:
        """Whether it is good for this (decoded) path, of the session that is kept so."""
        made = _mac(token_hash, path, self.until)
        return now < self.until and hmac.compare_digest(self.mac.encode(), made.encode())


def issue(institution: str, session: str, token_hash: str, path: str, now: float) -> str:
    """The query for a path; the same for an hour, so that a browser may keep what it has."""
    until = (int(now) // 3600 + 1 + HOURS) * 3600
    return f"by={institution}.{session}.{until}.{_mac(token_hash, path, until)}"


def read(query: bytes) -> Ticket | None:
    """The ticket in a query; None where there is none."""
    if not query.startswith(_FIELD) or len(query) > _LONGEST:
        return None
    parts = query[len(_FIELD) :].decode("latin-1").split(".")
    if len(parts) != 4 or not (parts[2].isascii() and parts[2].isdigit()):
        return None
    return Ticket(parts[0], parts[1], int(parts[2]), parts[3])


def _mac(token_hash: str, path: str, until: int) -> str:
    told = json.dumps(["bloop file", path, until]).encode()
    made = hmac.digest(token_hash.encode(), told, "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()

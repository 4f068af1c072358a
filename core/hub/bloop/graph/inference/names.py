"""What names alone say of two concepts: one name within another, and the head that both share."""

from __future__ import annotations

from dataclasses import dataclass

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Containment:
    """How one name stands in another: ``sure`` that the shorter comes first, and why in words."""

    sure: float
    note: str


def containment(shorter: Key, longer: Key) -> Containment | None:
    """Whether a name is within another, as "regression" is in "linear regression".

    As the last words it is the kind that the longer one is of; at another place the longer one is
    about it.
    """
    if not shorter or len(shorter) >= len(longer):
        return None
    size = len(shorter)
    if longer[-size:] == shorter:
        return Containment(0.62, "is a kind of")
    for at in range(len(longer) - size):
        if longer[at : at + size] == shorter:
            return Containment(0.5, "is named by")
    if size > 1 and set(shorter) <= set(longer):
        return Containment(0.4, "has all its words")
    return None

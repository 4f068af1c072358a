"""Remote ids. Canvas's API asks for most things by their course, so it is part of their ids."""

from __future__ import annotations

from bloop_sdk import MissingRecordError, Ref


def within(course: str, *parts: str) -> str:
    """An id within a course."""
    return "-".join((course, *parts))


def parts_of(ref: Ref, count: int) -> list[str]:
    """The ``count`` parts of an id; raises MissingRecordError where it is none of Canvas's."""
    parts = ref.remote_id.split("-")
    if len(parts) != count or not all(part.isalnum() and part.isascii() for part in parts):
        raise MissingRecordError(f"{ref} is no id of Canvas's", ref=str(ref))
    return parts

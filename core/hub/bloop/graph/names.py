"""Names of concepts: what makes two of them the same, and which texts the graph can't keep."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from bloop.graph.models import NAME_LENGTH
from bloop.store.errors import InvalidError

_SPACE = re.compile(r"[\s_\u200b\ufeff]+")
_UNSEEN = re.compile("[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Soft hyphens and what turns the direction of a text: no reader tells a name with from without."""
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
"""What no text of PostgreSQL holds: NUL, and half of a surrogate pair."""
_EDGES = " .,;:!?\"'`()[]{}<>«»„“”‘’-–—*#"


def check_texts(value: Any, field: str) -> None:
    """Raise InvalidError for a value with a text, at any depth, that no database takes."""
    if isinstance(value, str):
        if _UNKEPT.search(value):
            raise InvalidError(
                f"{field}: it holds a NUL character, or half of a surrogate pair",
                field=field,
                cure="take that character out",
            )
    elif isinstance(value, Mapping):
        for name, one in value.items():
            check_texts(name, field)
            check_texts(one, field)
    elif isinstance(value, Iterable):
        for one in value:
            check_texts(one, field)


def keepable(text: str) -> str:
    """A text without what no database takes, for what machines say."""
    return _UNKEPT.sub("", text)


def clean(name: str, field: str = "name") -> str:
    """A name as it is kept: composed, in one line; raises InvalidError for what is none."""
    check_texts(name, field)
    found = _SPACE.sub(" ", unicodedata.normalize("NFC", _UNSEEN.sub("", name))).strip()
    if any(unicodedata.category(one) == "Cc" for one in found):
        raise InvalidError(f"{field}: control characters are no part of a name", field=field)
    if not key_of(found):
        raise InvalidError(f"{field}: a concept needs a name", field=field)
    if len(found) > NAME_LENGTH:
        raise InvalidError(
            f"{field}: at most {NAME_LENGTH} characters, not {len(found)}", field=field
        )
    return found


def is_name(text: str) -> bool:
    """Whether a text can be a name: :func:`clean` takes it."""
    try:
        clean(text)
    except InvalidError:
        return False
    return True


def key_of(name: str) -> str:
    """What two spellings of one name share: case, width, spaces and outer punctuation don't count.

    ``C++`` and ``C#`` stay what they are; a ``[[link]]`` finds its concept by this.
    """
    seen = _UNSEEN.sub("", _UNKEPT.sub("", name))
    folded = unicodedata.normalize("NFKC", seen).casefold()
    spaced = _SPACE.sub(" ", folded).strip()
    return (spaced.strip(_EDGES.replace("#", "")) or spaced.strip())[:NAME_LENGTH]

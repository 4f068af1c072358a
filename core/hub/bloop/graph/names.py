"""Names of concepts: what makes two of them the same, and what cannot be one."""

from __future__ import annotations

import re
import unicodedata

from bloop.graph.models import NAME_LENGTH
from bloop.store.errors import InvalidError

_SPACE = re.compile(r"[\s_\u200b\ufeff]+")
_EDGES = " .,;:!?\"'`()[]{}<>«»„“”‘’-–—*#"


def clean(name: str, field: str = "name") -> str:
    """A name as it is kept: composed, in one line; raises InvalidError for what is none."""
    found = _SPACE.sub(" ", unicodedata.normalize("NFC", name)).strip()
    if any(unicodedata.category(one) == "Cc" for one in found):
        raise InvalidError(f"{field}: control characters are no part of a name", field=field)
    if not key_of(found):
        raise InvalidError(f"{field}: a concept needs a name", field=field)
    if len(found) > NAME_LENGTH:
        raise InvalidError(
            f"{field}: at most {NAME_LENGTH} characters, not {len(found)}", field=field
        )
    return found


def key_of(name: str) -> str:
    """What two spellings of one name share: case, width, spaces and outer punctuation don't count.

    ``C++`` and ``C#`` stay what they are; a ``[[link]]`` finds its concept by this.
    """
    folded = unicodedata.normalize("NFKC", name).casefold()
    spaced = _SPACE.sub(" ", folded).strip()
    return (spaced.strip(_EDGES.replace("#", "")) or spaced.strip())[:NAME_LENGTH]

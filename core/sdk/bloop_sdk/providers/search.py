"""Capability ``search`` (provisional): an index that finds and ranks; the hub shows what it found.

The hub has an index of its own, which is always kept. A provider's is the faster one: it answers
while it is whole, and whatever it gives is held to what the caller may see at that moment, so that
an index which lags can't show what was hidden a second ago. Titles and excerpts are the hub's too.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

__all__ = ["Changes", "Document", "Hit", "Match", "SearchProvider", "SearchQuery"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """Something to find. ``container`` is the id of its course or notebook, which may be itself.

    ``published`` says whether it is shown to learners, as far as it alone decides. ``language`` is
    a BCP 47 tag such as ``de-AT``; ``text`` is plain.
    """

    id: str
    kind: str
    container: str
    title: str
    text: str
    language: str | None = None
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What changed in one institution's content. A document replaces the one of its id.

    ``mark`` is kept in the same commit. With ``reset`` all that was there before is forgotten.
    """

    institution: str
    documents: Sequence[Document] = ()
    removed: Sequence[str] = ()
    mark: str
    reset: bool = False


class Match(enum.StrEnum):
    """What fits a word of a query."""

    WORDS = "words"
    """The word itself, whatever its case and its diacritics; a language's other forms may."""
    PREFIX = "prefix"
    """The last one also begins a word."""
    FUZZY = "fuzzy"
    """A letter of a word of four may be wrong, and two from eight on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """What to look for: documents that have all the ``words``, as they were written, best first.

    Empty filters let everything through. ``language`` is a primary tag: ``de`` is also of
    ``de-AT``. With ``published`` only published documents are found. ``offset`` skips hits.
    """

    institution: str
    words: Sequence[str]
    match: Match = Match.WORDS
    kind: str = ""
    container: str = ""
    language: str = ""
    published: bool = False
    limit: int = 20
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something found; of two, the one with the higher ``score`` fits better."""

    id: str
    score: float


@runtime_checkable
class SearchProvider(Protocol):
    """An index over the hub's content.

    There is one in each process, made with a :class:`bloop_sdk.PluginContext`: of the processes
    that share ``data_dir`` one indexes at a time, and all search. What was there before a process
    died at any instant is whole when the next one opens it, with the mark of its last commit.
    """

    async def mark(self, institution: str) -> str | None:
        """The mark of the last commit of an institution; None where nothing of it is indexed.

        The hub tells by it whether the index has missed something. An index that can't be opened,
        or that another version has written, is none: begin anew.
        """
        ...

    async def index(self, changes: Changes) -> None:
        """Add, replace and remove in one commit; what it did is found by the next search.

        Raises UnavailableError while another process indexes: the same changes come again.
        """
        ...

    async def search(self, query: SearchQuery) -> Sequence[Hit]:
        """The best hits of one institution, in an order that stays the same from page to page."""
        ...

    async def close(self) -> None:
        """Let go of what is open; nothing is asked afterwards."""
        ...

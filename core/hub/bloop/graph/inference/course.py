"""What inference is given, and what it gives. Plain data: no table, no vendor, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PREREQUISITE, PART_OF, RELATED = "prerequisite", "part_of", "related"

Embed = Callable[[Sequence[str]], Sequence[Sequence[float]]]
"""Texts to vectors of unit length, one for each: what an embedding provider gives, blocking."""

Generate = Callable[[str, str, Mapping[str, Any]], Any]
"""Instruction, text and JSON Schema to a value that matches it: a language model, blocking.

It raises a BloopError where the model does not answer.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A page, a file's text, an assignment: ``html`` is sanitised, ``text`` stands where none is.

    ``section`` are the titles of the modules around it, the outermost first.
    """

    id: str
    title: str
    html: str = ""
    text: str = ""
    language: str = ""
    kind: str = "page"
    section: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GlossaryEntry:
    """A term that a course explains; ``document`` is where, if it has a place of its own."""

    term: str
    definition: str = ""
    aliases: tuple[str, ...] = ()
    document: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What learners are to be able to do; ``parent`` is another one's id."""

    id: str
    title: str
    description: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A course, its documents in the order in which they are met."""

    title: str = ""
    language: str = ""
    documents: Sequence[Document] = ()
    glossary: Sequence[GlossaryEntry] = ()
    outcomes: Sequence[Outcome] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why something was inferred: ``kind`` for programs, ``note`` and ``passage`` for people.

    Kinds: ``glossary definition heading outcome phrase``, for edges ``order reference name level
    embedding`` as well, and ``model``. ``passage`` is the course's own text, of the document
    where one is named.
    """

    kind: str
    note: str
    document: str = ""
    passage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """Something to be learned. ``key`` is the same for the same name in any inflection.

    ``confidence`` is between 0 and 1: how sure it is that a teacher would name it.
    """

    key: str
    name: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    confidence: float
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """``source`` before ``target`` (prerequisite), within it (part_of), or beside it (related).

    Both are keys of concepts. ``weight`` is how strongly they are tied, ``confidence`` how sure
    the inference is, both between 0 and 1; ``facts`` are the numbers behind it.
    """

    kind: str
    source: str
    target: str
    weight: float
    confidence: float
    evidence: tuple[Evidence, ...]
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """That a document tells of a concept, between 0 (names it) and 1 (is about it)."""

    document: str
    concept: str
    weight: float
    passage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """All of it, the same for the same course. ``notes`` say in words what was left out, and why.

    Prerequisites have no cycle, nor have parts; concepts are sorted by confidence.
    """

    concepts: tuple[Concept, ...] = ()
    edges: tuple[Edge, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    notes: tuple[str, ...] = ()

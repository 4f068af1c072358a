"""What a course is made of, once its sources have been read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

QUESTION_TYPES = (
    "multiple_choice",
    "multiple_response",
    "true_false",
    "fill_blank",
    "pattern_match",
    "essay",
)
ITEM_TYPES = ("page", "quiz", "assignment", "discussion", "file", "link")


@dataclass(frozen=True)
class Choice:
    """One option of a choice question."""

    text: str
    correct: bool
    feedback: str


@dataclass(frozen=True)
class Question:
    """One quiz question; every text in it is Markdown with LaTeX."""

    type: str
    title: str
    prompt: str
    points: int
    choices: tuple[Choice, ...]
    answers: tuple[str, ...]
    truth: bool
    on_correct: str
    on_incorrect: str
    notes: str


@dataclass(frozen=True)
class Quiz:
    """A titled list of questions."""

    source: Path
    title: str
    intro: str
    attempts: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Item:
    """One entry of a module, pointing at its source file or its web address."""

    type: str
    title: str
    slug: str
    source: Path
    url: str


@dataclass(frozen=True)
class Module:
    """A titled, ordered list of items."""

    title: str
    slug: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Course:
    """The whole course, in reading order."""

    root: Path
    identifier: str
    title: str
    description: str
    language: str
    keywords: tuple[str, ...]
    rights: str
    modules: tuple[Module, ...]

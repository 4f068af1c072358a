"""Reads ``course.toml`` and the quiz files into the model, checking as it goes."""

from __future__ import annotations

import re
from pathlib import Path

from course_builder.model import (
    ITEM_TYPES,
    QUESTION_TYPES,
    Choice,
    Course,
    Item,
    Module,
    Question,
    Quiz,
)
from course_builder.toml_reader import Table, read_toml

CHOICE_TYPES = ("multiple_choice", "multiple_response")
ATTEMPTS = ("1", "2", "3", "4", "5", "unlimited")


def slugify(text: str) -> str:
    """A lower-case ASCII name made of letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def load_course(root: Path) -> Course:
    """Read ``course.toml`` in *root*."""
    table = read_toml(root / "course.toml")
    about = table.table("course")
    modules = tuple(_module(root, entry) for entry in table.tables("module"))
    if not modules:
        raise table.fail("the course has no modules", "add a [[module]] table")
    _refuse_repeats(table, modules)
    return Course(
        root=root,
        identifier=about.text("identifier"),
        title=about.text("title"),
        description=about.text("description"),
        language=about.text("language"),
        keywords=about.texts("keywords"),
        rights=about.text("rights"),
        modules=modules,
    )


def _module(root: Path, table: Table) -> Module:
    items = tuple(_item(root, entry) for entry in table.tables("item"))
    if not items:
        raise table.fail("the module is empty", "add a [[module.item]] table")
    title = table.text("title")
    return Module(title, slugify(title), items)


def _item(root: Path, table: Table) -> Item:
    kind = table.text("type")
    if kind not in ITEM_TYPES:
        raise table.fail(f"unknown item type '{kind}'", f"use one of: {', '.join(ITEM_TYPES)}")
    title = table.text("title")
    if kind == "link":
        url = table.text("url")
        if not url.startswith("https://"):
            raise table.fail(f"'{url}' is not an https address", "use an https:// address")
        return Item(kind, title, slugify(title), table.source, url)
    source = root / table.text("source")
    if not source.is_file():
        raise table.fail(f"there is no file {source}", "create it or fix 'source'")
    return Item(kind, title, slugify(source.stem), source, "")


def _refuse_repeats(table: Table, modules: tuple[Module, ...]) -> None:
    seen: set[tuple[str, str]] = set()
    for item in (item for module in modules for item in module.items):
        key = (item.type, item.slug)
        if key in seen:
            raise table.fail(f"two {item.type} items are called '{item.slug}'", "rename one")
        seen.add(key)


def load_quiz(source: Path, title: str) -> Quiz:
    """Read and check one quiz file."""
    table = read_toml(source)
    attempts = table.text("attempts", "unlimited")
    if attempts not in ATTEMPTS:
        raise table.fail(f"'{attempts}' attempts", f"use one of: {', '.join(ATTEMPTS)}")
    questions = tuple(_question(entry) for entry in table.tables("question"))
    if not questions:
        raise table.fail("the quiz has no questions", "add a [[question]] table")
    return Quiz(source, title, table.text("intro", ""), attempts, questions)


def _question(table: Table) -> Question:
    kind = table.text("type")
    if kind not in QUESTION_TYPES:
        raise table.fail(
            f"unknown question type '{kind}'", f"use one of: {', '.join(QUESTION_TYPES)}"
        )
    question = Question(
        type=kind,
        title=table.text("title"),
        prompt=table.text("prompt"),
        points=table.number("points", 1),
        choices=tuple(_choice(entry) for entry in table.tables("choice")),
        answers=table.texts("answers"),
        truth=table.flag("answer") if kind == "true_false" else False,
        on_correct=table.text("on_correct", ""),
        on_incorrect=table.text("on_incorrect", ""),
        notes=table.text("notes", ""),
    )
    _check_answers(table, question)
    return question


def _choice(table: Table) -> Choice:
    return Choice(
        table.text("text"), table.flag("correct", default=False), table.text("feedback", "")
    )


def _check_answers(table: Table, question: Question) -> None:
    """Every question must have exactly the answers its type needs."""
    right = sum(choice.correct for choice in question.choices)
    if question.type in CHOICE_TYPES and len(question.choices) < 3:
        raise table.fail("fewer than three choices", "add [[question.choice]] tables")
    if question.type not in CHOICE_TYPES and question.choices:
        raise table.fail(f"{question.type} takes no choices", "remove the choice tables")
    if question.type == "multiple_choice" and right != 1:
        raise table.fail(f"{right} choices are correct, not one", "mark exactly one correct = true")
    if question.type == "multiple_response" and not 0 < right < len(question.choices):
        raise table.fail("all or none of the choices are correct", "mark some, not all, correct")
    takes_answers = question.type in ("fill_blank", "pattern_match")
    if takes_answers != bool(question.answers):
        verb = "needs" if takes_answers else "takes no"
        raise table.fail(f"{question.type} {verb} 'answers'", 'check: answers = ["..."]')

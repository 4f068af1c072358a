"""Quizzes and question banks: QTI assessments with Canvas's settings beside them."""

from __future__ import annotations

from dataclasses import replace

from lxml.etree import _Element as Element

from bloop_cartridge import canvas
from bloop_cartridge.banks import Banks
from bloop_cartridge.material import material_html
from bloop_cartridge.qti import OUR_LIMIT, metadata_of, read_question
from bloop_cartridge.source import Source
from bloop_cartridge.xmlsafe import child, children, descendants, local, text_of
from bloop_sdk.records import Question, QuestionKind, Quiz

_KEPT = {
    "allowed_attempts",
    "available",
    "description",
    "due_at",
    "points_possible",
    "time_limit",
    "title",
    "workflow_state",
}
_META = "assessment_meta.xml"
_FULL = ".xml.qti"


def quiz(source: Source) -> Quiz:
    """An assessment or a bank; raises SkippableError where its QTI is broken.

    Canvas writes the profile's questions into the assessment and all of them into a second file,
    ``non_cc_assessments/ID.xml.qti``, which is preferred.
    """
    root = _full(source)
    if root is None:
        root = source.root("questestinterop")
    holder = _holder(root)
    own = metadata_of(holder)
    meta = source.part(_META)
    values, assigned = _meta_values(source, meta)
    title = values.get("title") or own.get("bank_title") or holder.get("title", "").strip()
    questions = _questions(source, holder)
    html = source.html(values["description"]) if values.get("description") else ""
    html = html or source.links.rewrite(_introduction(holder))
    hidden = (
        canvas.is_withheld(values)
        or canvas.is_withheld(assigned)
        or values.get("available") == "false"
    )
    return Quiz(
        **source.common(title, hidden=hidden),
        html=html,
        questions=questions,
        bank=local(holder) == "objectbank" or "question-bank" in source.resource.type.lower(),
        points=canvas.number(values.get("points_possible", "")),
        due_at=canvas.when(values.get("due_at", "") or assigned.get("due_at", "")),
        time_limit=canvas.number(values.get("time_limit", "") or own.get("qmd_timelimit", "")),
        attempts=_attempts(values.get("allowed_attempts") or own.get("cc_maxattempts", "")),
        restricted=OUR_LIMIT in own or _is_restricted(values),
        shown_from=canvas.ahead(values.get("unlock_at", "")),
    )


def _is_restricted(values: dict[str, str]) -> bool:
    """Whether Canvas lets in only who knows a code, sits in a place, or comes later."""
    return (
        bool(values.get("access_code") or values.get("ip_filter"))
        or values.get("require_lockdown_browser") == "true"
        or canvas.is_ahead(values.get("unlock_at", ""))
    )


def _full(source: Source) -> Element | None:
    """Canvas's second file, unless there is none or it is broken."""
    path = source.part(_FULL)
    root = None if path is None else source.parse_settings(path)
    return root if root is not None and local(root) == "questestinterop" else None


def _holder(root: Element) -> Element:
    """The element that holds the sections or items."""
    for name in ("assessment", "objectbank"):
        if (found := child(root, name)) is not None:
            return found
    return root


def _meta_values(source: Source, path: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """Canvas's settings of the quiz, and those of the assignment that Canvas makes of it."""
    if path is None:
        return {}, {}
    root = source.parse_settings(path)
    if root is None:
        return {}, {}
    values = canvas.settings(root)
    assigned = canvas.settings(child(root, "assignment"))
    limits = {name: assigned.get(name, "") for name in ("lock_at", "unlock_at")}
    source.notes += canvas.unkept({**limits, **values}, _KEPT)
    return values, assigned


def _introduction(holder: Element) -> str:
    """The text that plain QTI puts before the first question."""
    for name in ("presentation_material", "rubric"):
        for found in children(holder, name):
            if html := material_html(found):
                return html
    return ""


def _attempts(text: str) -> int | None:
    """A number of attempts; None, also for "unlimited" and Canvas's -1, means any number."""
    return int(text) if text.isascii() and text.isdigit() and int(text[:9]) > 0 else None


def _questions(source: Source, holder: Element) -> tuple[Question, ...]:
    for section in descendants(holder, "section"):
        _note_selection(source, section)
    found: list[Question] = []
    seen: dict[str, int] = {}
    banks = Banks(source)
    for place, entry in enumerate(descendants(holder, "item", "itemref", "bankentry_item")):
        item = entry if local(entry) == "item" else banks.item(entry)
        if item is None:
            continue
        points = canvas.number(entry.get("points_possible", ""))
        question = read_question(item, source.links.rewrite, points or _points_per_item(item))
        name = question.id or f"question-{place + 1}"
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            name = f"{name}#{seen[name]}"
        if question.kind is QuestionKind.OPAQUE:
            source.notes.append(f"question {name!r} of type {question.raw_type!r} is kept as it is")
        if (
            question.kind is QuestionKind.FORMULA
            and next(descendants(item, "var_set"), None) is not None
        ):
            source.notes.append(f"question {name!r}: worked examples of its formula are not kept")
        found.append(replace(question, id=name))
    return tuple(found)


def _points_per_item(item: Element) -> float | None:
    """What a group of Canvas says that each question drawn from it is worth."""
    section = item.getparent()
    path = ("selection_ordering", "selection", "selection_extension", "points_per_item")
    return canvas.number(text_of(section, *path)) if section is not None else None


def _note_selection(source: Source, section: Element) -> None:
    selection = child(section, "selection_ordering", "selection")
    if selection is None:
        return
    drawn = canvas.number(text_of(selection, "selection_number"))
    bank = text_of(selection, "sourcebank_ref")
    held = sum(1 for _ in children(section, "item"))
    title = section.get("title", "")
    if bank:
        source.notes.append(f"group {title!r} draws {drawn or 0:g} questions from bank {bank!r}")
    elif drawn is not None and drawn < held:
        source.notes.append(
            f"group {title!r} draws {drawn:g} of its {held} questions; all are kept"
        )

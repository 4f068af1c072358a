"""Quizzes as QTI 1.2: the profile of Common Cartridge, and Canvas's fuller form beside it.

The first holds what every system reads: single and multiple choice, true or false, one blank,
essay. The second holds every question, its type named the way Canvas names it; what even that
does not say stands in metadata of our own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from lxml.etree import _Element as Element

from bloop_cartridge import export_xml as xml
from bloop_cartridge.export_answers import FEEDBACK, add_answers
from bloop_cartridge.qti import KINDS, OUR_KIND, OUR_LIMIT, OUR_TYPE, TELLING
from bloop_cartridge.qti_answers import OUR_WEIGHTS
from bloop_sdk.records import Question, QuestionKind, Quiz

Rewrite = Callable[[str], str]
_PROFILES = {
    QuestionKind.CHOICE: "cc.multiple_choice.v0p1",
    QuestionKind.MULTIPLE: "cc.multiple_response.v0p1",
    QuestionKind.TRUE_FALSE: "cc.true_false.v0p1",
    QuestionKind.BLANK: "cc.fib.v0p1",
    QuestionKind.ESSAY: "cc.essay.v0p1",
}
_TYPES = {
    QuestionKind.CHOICE: "multiple_choice_question",
    QuestionKind.MULTIPLE: "multiple_answers_question",
    QuestionKind.TRUE_FALSE: "true_false_question",
    QuestionKind.BLANK: "short_answer_question",
    QuestionKind.BLANKS: "fill_in_multiple_blanks_question",
    QuestionKind.MATCHING: "matching_question",
    QuestionKind.NUMERIC: "numerical_question",
    QuestionKind.FORMULA: "calculated_question",
    QuestionKind.ESSAY: "essay_question",
    QuestionKind.UPLOAD: "file_upload_question",
    QuestionKind.TEXT: "text_only_question",
    QuestionKind.OPAQUE: "unknown_question",
}


@dataclass(slots=True)
class QtiDocument:
    """A document and what it could not hold."""

    root: Element
    lost: list[str] = field(default_factory=list)


def profile_document(quiz: Quiz, identifier: str, rewrite: Rewrite) -> QtiDocument:
    """The questions that the Common Cartridge profile knows (1.3, section 4.9)."""
    root = xml.root(xml.QTI, "questestinterop")
    assessment = xml.add(root, "assessment", ident=identifier, title=quiz.title)
    metadata = {"cc_profile": "cc.exam.v0p1", "qmd_assessmenttype": "Examination"}
    metadata["qmd_scoretype"] = "Percentage"
    if quiz.time_limit is not None:
        metadata["qmd_timelimit"] = f"{quiz.time_limit:g}"
    if quiz.attempts is not None:
        metadata["cc_maxattempts"] = str(quiz.attempts)
    _add_metadata(assessment, metadata)
    section = xml.add(assessment, "section", ident="root_section")
    for question in quiz.questions:
        if profile := _PROFILES.get(question.kind):
            told = {"cc_profile": profile, "cc_weighting": repr(question.points)}
            _add_item(section, question, told, rewrite, profile=True)
    beyond = Counter(
        question.kind
        for question in quiz.questions
        if question.kind not in _PROFILES and question.kind is not QuestionKind.TEXT
    )
    named = ", ".join(f"{count} {kind}" for kind, count in sorted(beyond.items()))
    lost = f"questions that only a reader of Canvas's form finds: {named}"
    return QtiDocument(root, [lost] if beyond else [])


def full_document(quiz: Quiz, identifier: str, rewrite: Rewrite) -> QtiDocument:
    """All questions, as Canvas's own export has them."""
    root = xml.root(xml.QTI, "questestinterop")
    document = QtiDocument(root)
    limit = {OUR_LIMIT: "true"} if quiz.restricted else {}
    if quiz.bank:
        holder = xml.add(root, "objectbank", ident=identifier)
        _add_metadata(holder, {"bank_title": quiz.title, **limit})
    else:
        assessment = xml.add(root, "assessment", ident=identifier, title=quiz.title)
        if limit:
            _add_metadata(assessment, limit)
        holder = xml.add(assessment, "section", ident="root_section")
    for question in quiz.questions:
        metadata = _metadata(question)
        document.lost += _add_item(holder, question, metadata, rewrite, profile=False)
    return document


def _metadata(question: Question) -> dict[str, str]:
    """What names a question's type, so that it reads back as the same kind and type."""
    raw_type = question.raw_type
    if raw_type and (question.kind is QuestionKind.OPAQUE or KINDS.get(raw_type) is question.kind):
        type_ = raw_type
    else:
        type_ = _TYPES[question.kind]
    found = {"question_type": type_, "points_possible": repr(question.points)}
    if question.kind in {QuestionKind.BLANK, QuestionKind.NUMERIC}:
        found["original_answer_ids"] = ",".join(choice.id for choice in question.choices)
    if question.kind is QuestionKind.BLANKS:
        found[OUR_WEIGHTS] = "each"
    kind = KINDS.get(type_, QuestionKind.OPAQUE)
    told = type_ if type_ in TELLING or kind is QuestionKind.OPAQUE else None
    if (kind, told) != (question.kind, raw_type):
        found[OUR_KIND] = str(question.kind)
        if raw_type is not None:
            found[OUR_TYPE] = raw_type
    return found


def _add_metadata(parent: Element, values: dict[str, str]) -> None:
    holder = xml.add(parent, "qtimetadata")
    for label, entry in values.items():
        one = xml.add(holder, "qtimetadatafield")
        xml.add(one, "fieldlabel", label)
        xml.add(one, "fieldentry", entry)


def _add_item(
    parent: Element,
    question: Question,
    metadata: dict[str, str],
    rewrite: Rewrite,
    *,
    profile: bool,
) -> list[str]:
    item = xml.add(parent, "item", ident=question.id, title=question.title)
    _add_metadata(xml.add(item, "itemmetadata"), metadata)
    presentation = xml.add(item, "presentation")
    xml.add(
        xml.add(presentation, "material"), "mattext", rewrite(question.html), texttype="text/html"
    )
    feedback = {
        name: rewrite(text)
        for name, text in zip(
            FEEDBACK,
            (question.feedback_html, question.correct_html, question.incorrect_html),
            strict=True,
        )
        if text
    }
    lost = add_answers(item, presentation, question, feedback, rewrite, profile=profile)
    for name, text in feedback.items():
        material = xml.add(
            xml.add(xml.add(item, "itemfeedback", ident=name), "flow_mat"), "material"
        )
        xml.add(material, "mattext", text, texttype="text/html")
    return lost

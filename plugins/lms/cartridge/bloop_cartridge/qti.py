"""QTI 1.2 items as questions: the Common Cartridge profile, and Canvas's types beyond it.

Sources: IMS QTI 1.2.1 (ASI), Common Cartridge 1.3 section 4.9 (the six profiles ``cc.*``), and the
``question_type`` that Canvas's exports carry in their metadata.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lxml.etree import _Element as Element

from bloop_cartridge import qti_answers
from bloop_cartridge.canvas import number
from bloop_cartridge.material import RESPONSES, material_html
from bloop_cartridge.qti_scores import Scores, read_scores
from bloop_cartridge.xmlsafe import child, children, descendants, local, text_of
from bloop_sdk.records import Choice, Question, QuestionKind

Rewrite = Callable[[str], str]

KINDS = {
    "cc.multiple_choice.v0p1": QuestionKind.CHOICE,
    "cc.multiple_response.v0p1": QuestionKind.MULTIPLE,
    "cc.true_false.v0p1": QuestionKind.TRUE_FALSE,
    "cc.fib.v0p1": QuestionKind.BLANK,
    "cc.pattern_match.v0p1": QuestionKind.BLANK,
    "cc.essay.v0p1": QuestionKind.ESSAY,
    "multiple_choice_question": QuestionKind.CHOICE,
    "multiple_answers_question": QuestionKind.MULTIPLE,
    "true_false_question": QuestionKind.TRUE_FALSE,
    "short_answer_question": QuestionKind.BLANK,
    "fill_in_multiple_blanks_question": QuestionKind.BLANKS,
    "multiple_dropdowns_question": QuestionKind.BLANKS,
    "matching_question": QuestionKind.MATCHING,
    "numerical_question": QuestionKind.NUMERIC,
    "calculated_question": QuestionKind.FORMULA,
    "essay_question": QuestionKind.ESSAY,
    "file_upload_question": QuestionKind.UPLOAD,
    "text_only_question": QuestionKind.TEXT,
}
# Types that say more than their kind: kept, so that they can be written again.
TELLING = frozenset({"cc.pattern_match.v0p1", "multiple_dropdowns_question"})
_NUMBERS = frozenset({"integer", "decimal", "scientific"})
OUR_KIND = "bloop_kind"
OUR_TYPE = "bloop_raw_type"
OUR_LIMIT = "bloop_restricted"


@dataclass(frozen=True, slots=True)
class Parts:
    """An item, taken apart: what the readers of answers work on."""

    item: Element
    metadata: dict[str, str]
    presentation: Element | None
    scores: Scores
    rewrite: Rewrite

    def html(self, element: Element) -> str:
        """The HTML of the ``material`` below an element, responses aside."""
        return self.rewrite(material_html(element))


def metadata_of(element: Element) -> dict[str, str]:
    """The ``qtimetadatafield`` entries that belong to an element itself."""
    found: dict[str, str] = {}
    for path in (("qtimetadata",), ("itemmetadata", "qtimetadata"), ("itemmetadata",)):
        holder = child(element, *path)
        if holder is None:
            continue
        for entry in children(holder, "qtimetadatafield"):
            found[text_of(entry, "fieldlabel").lower()] = text_of(entry, "fieldentry")
        for name in ("qmd_itemtype", "qmd_questiontype", "qmd_weighting"):
            if value := text_of(holder, name):
                found.setdefault(name, value)
    return found


def read_question(item: Element, rewrite: Rewrite, points: float | None) -> Question:
    """One ``item`` as a question; ``points`` is what its section says each item is worth."""
    metadata = metadata_of(item)
    presentation = child(item, "presentation")
    parts = Parts(item, metadata, presentation, read_scores(item), rewrite)
    kind, raw_type = _kind(parts)
    choices = _READERS.get(kind, qti_answers.labels)(parts)
    feedback = _feedback(parts, choices)
    weights = (metadata.get(name) for name in ("points_possible", "cc_weighting", "qmd_weighting"))
    weight = number(next(filter(None, weights), ""))
    return Question(
        id=item.get("ident", ""),
        kind=kind,
        title=item.get("title", "").strip(),
        html="" if presentation is None else parts.html(presentation),
        points=points if points is not None else (1.0 if weight is None else weight),
        choices=tuple(choices),
        feedback_html=feedback[0],
        correct_html=feedback[1],
        incorrect_html=feedback[2],
        case_sensitive=kind is QuestionKind.BLANK and parts.scores.case_sensitive,
        raw_type=raw_type,
    )


def _kind(parts: Parts) -> tuple[QuestionKind, str | None]:
    """The kind, and the type's name where the kind does not say it all."""
    metadata = parts.metadata
    if OUR_KIND in metadata:
        return QuestionKind(_known_kind(metadata[OUR_KIND])), metadata.get(OUR_TYPE)
    type_ = (
        metadata.get("question_type")
        or metadata.get("cc_profile")
        or metadata.get("qmd_itemtype")
        or metadata.get("qmd_questiontype")
    )
    kind = KINDS.get((type_ or "").lower())
    if kind is not None:
        fitting = _fitting(kind, parts)
        return fitting, type_ if type_ in TELLING and fitting is kind else None
    if metadata.get("question_type") or metadata.get("cc_profile"):
        return QuestionKind.OPAQUE, type_
    return _guess(parts), type_


def _fitting(kind: QuestionKind, parts: Parts) -> QuestionKind:
    """The kind, unless the item's form contradicts it.

    The profile has one blank an item and no matching; exports call both by its names anyway.
    """
    if kind is not QuestionKind.BLANK or parts.presentation is None:
        return kind
    forms = [local(found) for found in descendants(parts.presentation, *RESPONSES)]
    if forms.count("response_str") > 1:
        return QuestionKind.BLANKS
    if set(forms) == {"response_lid"}:
        return QuestionKind.MATCHING if len(forms) > 1 else _guess(parts)
    return kind


def _known_kind(name: str) -> str:
    return name if name in set(QuestionKind) else QuestionKind.OPAQUE


def _guess(parts: Parts) -> QuestionKind:
    """The kind by the item's form, for plain QTI without a profile."""
    if parts.presentation is None:
        return QuestionKind.TEXT
    responses = list(descendants(parts.presentation, *RESPONSES))
    if not responses:
        return QuestionKind.TEXT
    if len(responses) > 1:
        return _guess_several(responses)
    name = local(responses[0])
    if name == "response_lid":
        single = responses[0].get("rcardinality", "Single").lower() == "single"
        return QuestionKind.CHOICE if single else QuestionKind.MULTIPLE
    if name == "response_num":
        return QuestionKind.NUMERIC
    if name == "response_str":
        fields = descendants(responses[0], "render_fib")
        numeric = any(found.get("fibtype", "").lower() in _NUMBERS for found in fields)
        if parts.scores.numbers and (numeric or not parts.scores.weights):
            return QuestionKind.NUMERIC
        return QuestionKind.BLANK if parts.scores.weights else QuestionKind.ESSAY
    return QuestionKind.OPAQUE


def _guess_several(responses: list[Element]) -> QuestionKind:
    """Matching where each list has a side of its own and offers the same as the others."""
    if any(local(found) != "response_lid" for found in responses):
        return QuestionKind.OPAQUE
    sides = all(child(found, "material") is not None for found in responses)
    offered = {
        tuple(sorted(label.get("ident", "") for label in descendants(found, "response_label")))
        for found in responses
    }
    return QuestionKind.MATCHING if sides and len(offered) == 1 else QuestionKind.OPAQUE


def _feedback(parts: Parts, choices: list[Choice]) -> tuple[str, str, str]:
    """General, correct and incorrect feedback: by Canvas's names, else by when they are shown."""
    texts = {
        feedback.get("ident", ""): parts.html(feedback)
        for feedback in children(parts.item, "itemfeedback")
    }
    general = texts.pop("general_fb", "")
    correct = texts.pop("correct_fb", "")
    incorrect = texts.pop("general_incorrect_fb", "") or texts.pop("incorrect_fb", "")
    taken = {choice.feedback_html for choice in choices}
    for name, text in texts.items():
        if not text or text in taken:
            continue
        if name in parts.scores.shown_when_right and not correct:
            correct = text
        elif name in parts.scores.shown_when_wrong:
            incorrect += text
        else:
            general += text
    return general, correct, incorrect


_READERS: dict[QuestionKind, Callable[[Parts], list[Choice]]] = {
    QuestionKind.BLANK: qti_answers.texts,
    QuestionKind.NUMERIC: qti_answers.numbers,
    QuestionKind.FORMULA: qti_answers.formula,
    QuestionKind.MATCHING: qti_answers.pairs,
    QuestionKind.CHOICE: qti_answers.labels,
    QuestionKind.TRUE_FALSE: qti_answers.labels,
    QuestionKind.MULTIPLE: qti_answers.labels,
    QuestionKind.BLANKS: qti_answers.filled,
    QuestionKind.OPAQUE: qti_answers.blanks,
    QuestionKind.ESSAY: qti_answers.nothing,
    QuestionKind.UPLOAD: qti_answers.nothing,
    QuestionKind.TEXT: qti_answers.nothing,
}

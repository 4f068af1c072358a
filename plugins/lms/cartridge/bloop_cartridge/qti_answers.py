"""The answers of a QTI item as choices, one reader for each form of question."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING

from lxml.etree import _Element as Element

from bloop_cartridge.canvas import number
from bloop_cartridge.material import material_part
from bloop_cartridge.qti_scores import COMMON_FEEDBACK, NumberAnswer
from bloop_cartridge.xmlsafe import child, children, descendants, text_of
from bloop_sdk.records import Choice

if TYPE_CHECKING:
    from bloop_cartridge.qti import Parts

FORMULA = "formula"
VARIABLE = "variable"
ONLY = "response1"  # What every export calls the response of a question that has one.
OUR_WEIGHTS = "bloop_weights"
_TYPED = "fill_in_multiple_blanks_question"
_GROUPS = ("response_lid", "response_str", "response_grp")


def nothing(parts: Parts) -> list[Choice]:
    """Questions that a person grades hold no answers."""
    del parts
    return []


def labels(parts: Parts) -> list[Choice]:
    """The labels of the one list of a question: choice, multiple, true or false."""
    if parts.presentation is None:
        return []
    return [
        _label(parts, response, label, None)
        for response in descendants(parts.presentation, "response_lid")
        for label in descendants(response, "response_label")
    ]


def blanks(parts: Parts) -> list[Choice]:
    """The labels of several lists: ``group`` is the name of the blank."""
    if parts.presentation is None:
        return []
    return [
        _label(parts, response, label, _group_of(parts, response))
        for response in descendants(parts.presentation, *_GROUPS)
        for label in descendants(response, "response_label")
        if child(label, "material") is not None
    ]


def filled(parts: Parts) -> list[Choice]:
    """The blanks of a question, the weight of each answer being its share of its blank.

    Canvas gives each blank a share of the whole, and of texts to type only the first that is right;
    its newer quizzes call a blank with a menu by the same type.
    """
    found = blanks(parts) or _typed(parts)
    if OUR_WEIGHTS in parts.metadata:
        return found
    if parts.metadata.get("question_type") == _TYPED:
        menus = _menus(parts)
        found = [
            choice if choice.group in menus else replace(choice, weight=100.0) for choice in found
        ]
    tops: dict[str | None, float] = {}
    for choice in found:
        tops[choice.group] = max(tops.get(choice.group, 0.0), choice.weight)
    shares = {group: top for group, top in tops.items() if 0.0 < top < 100.0}
    return [
        replace(choice, weight=choice.weight * 100.0 / shares[choice.group])
        if len(tops) > 1 and choice.group in shares
        else choice
        for choice in found
    ]


def _menus(parts: Parts) -> set[str | None]:
    """The blanks that one chooses for instead of typing."""
    if parts.presentation is None:
        return set()
    return {
        _group_of(parts, response)
        for response in descendants(parts.presentation, *_GROUPS)
        for label in descendants(response, "response_label")
        if label.get("answer_type", "").lower() in {"dropdown", "wordbank"}
    }


def _typed(parts: Parts) -> list[Choice]:
    """The accepted texts of several fields to write into."""
    return [
        Choice(
            id=str(place + 1),
            html=html.escape(text, quote=False),
            weight=weight,
            group=response,
        )
        for place, ((response, text), weight) in enumerate(parts.scores.weights.items())
    ]


def _label(parts: Parts, response: Element, label: Element, group: str | None) -> Choice:
    key = (response.get("ident", ""), label.get("ident", ""))
    return Choice(
        id=key[1],
        html=parts.html(label),
        weight=parts.scores.weights.get(key, 0.0),
        feedback_html=_feedback(parts, parts.scores.feedback.get(key) or _usual_name(key[1])),
        group=group,
    )


def _group_of(parts: Parts, response: Element) -> str | None:
    """A blank's name, or a left side: the response's own material, else its identifier."""
    material = child(response, "material")
    shown = "" if material is None else parts.rewrite(material_part(material)).strip()
    ident = response.get("ident", "")
    return shown or (None if ident == ONLY else ident.removeprefix("response_"))


def _usual_name(ident: str) -> str:
    """What exports call the feedback of an answer."""
    name = f"{ident}_fb"
    return "" if name in COMMON_FEEDBACK else name


def _feedback(parts: Parts, ident: str) -> str:
    for found in children(parts.item, "itemfeedback"):
        if found.get("ident") == ident:
            return parts.html(found)
    return ""


def pairs(parts: Parts) -> list[Choice]:
    """Matching: the right side of each pair with its left side as ``group``, then the decoys.

    A pair's id is that of its left side, so that two left sides may share a right one.
    """
    if parts.presentation is None:
        return []
    found: list[Choice] = []
    rights: dict[str, str] = {}
    used: set[str] = set()
    for response in descendants(parts.presentation, "response_lid"):
        ident = response.get("ident", "")
        texts = {
            label.get("ident", ""): parts.html(label)
            for label in descendants(response, "response_label")
        }
        rights.update(texts)
        for name, text in texts.items():
            weight = parts.scores.weights.get((ident, name), 0.0)
            if weight:
                used.add(name)
                found.append(
                    Choice(
                        id=ident.removeprefix("response_"),
                        html=text,
                        weight=weight,
                        group=_group_of(parts, response),
                        feedback_html=_feedback(
                            parts, parts.scores.feedback.get((ident, name), "")
                        ),
                    )
                )
    found += [Choice(id=name, html=text) for name, text in rights.items() if name not in used]
    return found


def texts(parts: Parts) -> list[Choice]:
    """The accepted texts of a blank."""
    accepted = [
        (text, weight, parts.scores.feedback.get((response, text), ""))
        for (response, text), weight in parts.scores.weights.items()
    ]
    # Moodle tells of wrong answers by what is said to them alone.
    accepted += [
        (text, 0.0, shown)
        for (response, text), shown in parts.scores.feedback.items()
        if (response, text) not in parts.scores.weights
    ]
    names = _names(parts, len(accepted))
    return [
        Choice(
            id=name,
            html=html.escape(text, quote=False),
            weight=weight,
            feedback_html=_feedback(parts, shown) if shown else "",
        )
        for name, (text, weight, shown) in zip(names, accepted, strict=True)
    ]


def numbers(parts: Parts) -> list[Choice]:
    """The accepted numbers, each with its bounds."""
    found = parts.scores.numbers
    return [
        Choice(
            id=name,
            html=answer.text or range_text(answer),
            weight=answer.weight,
            feedback_html=_feedback(parts, answer.feedback) if answer.feedback else "",
            low=answer.low,
            high=answer.high,
        )
        for name, answer in zip(_names(parts, len(found)), found, strict=True)
    ]


def range_text(answer: NumberAnswer) -> str:
    """A range as text, for answers that name no number of their own."""
    low = "" if answer.low is None else f"{answer.low:.12g}"
    high = "" if answer.high is None else f"{answer.high:.12g}"
    return f"[{low}, {high}]"


def _names(parts: Parts, count: int) -> list[str]:
    """Canvas's ids of the answers where it tells them, else numbers from 1."""
    told = parts.metadata.get("original_answer_ids", "")
    names = [name for name in told.split(",") if name]
    return names if len(names) == count else [str(place + 1) for place in range(count)]


def formula(parts: Parts) -> list[Choice]:
    """Canvas's calculated question.

    The formulas come first, ``low`` and ``high`` bounding how far an answer may be off; then the
    variables, whose ``low`` and ``high`` bound their values.
    """
    found: list[Choice] = []
    for calculated in descendants(parts.item, "calculated"):
        tolerance = number(text_of(calculated, "answer_tolerance")) or 0.0
        for place, element in enumerate(descendants(calculated, "formula")):
            found.append(
                Choice(
                    id=f"formula{place + 1}",
                    html=html.escape("".join(element.itertext()).strip(), quote=False),
                    weight=100.0,
                    group=FORMULA,
                    low=0.0 - tolerance,
                    high=tolerance,
                )
            )
        variables = child(calculated, "vars")
        found += [
            Choice(
                id=element.get("name", ""),
                html=html.escape(element.get("name", ""), quote=False),
                group=VARIABLE,
                low=number(text_of(element, "min")),
                high=number(text_of(element, "max")),
            )
            for element in (() if variables is None else children(variables, "var"))
        ]
    return found

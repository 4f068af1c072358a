"""The answers of a question as QTI responses, their scores and their feedback."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lxml.etree import _Element as Element

from bloop_cartridge import export_xml as xml
from bloop_cartridge.canvas import number
from bloop_cartridge.qti_answers import FORMULA, ONLY, VARIABLE
from bloop_cartridge.qti_scores import COMMON_FEEDBACK
from bloop_sdk.records import Choice, Question, QuestionKind

Rewrite = Callable[[str], str]
FEEDBACK = ("general_fb", "correct_fb", "general_incorrect_fb")
_LABELS = {QuestionKind.CHOICE, QuestionKind.TRUE_FALSE, QuestionKind.MULTIPLE}
_BY_HAND = {QuestionKind.ESSAY, QuestionKind.UPLOAD, QuestionKind.TEXT}
_NAME = re.compile(r"[A-Za-z0-9_]{1,60}")


@dataclass(slots=True)
class _Score:
    """One condition: what must be answered, and what it gives."""

    response: str
    value: str
    choice: Choice


@dataclass(slots=True)
class _Item:
    """An item while its answers are written."""

    item: Element
    presentation: Element
    question: Question
    feedback: dict[str, str]
    rewrite: Rewrite
    profile: bool = False
    scores: list[_Score] = field(default_factory=list)

    def name_feedback(self, score: _Score) -> str:
        """The identifier of an answer's feedback, which is then written with the others."""
        name = f"{score.choice.id}_fb"
        if name in COMMON_FEEDBACK or score.response != ONLY:
            name = f"{score.response}_{name}"
        self.feedback[name] = self.rewrite(score.choice.feedback_html)
        return name


def add_answers(
    item: Element,
    presentation: Element,
    question: Question,
    feedback: dict[str, str],
    rewrite: Rewrite,
    *,
    profile: bool,
) -> list[str]:
    """Write responses and scores; adds to ``feedback`` what answers show, gives what is lost.

    The ``profile`` of Common Cartridge knows all points or none.
    """
    made = _Item(item, presentation, question, feedback, rewrite, profile)
    kind = question.kind
    if kind in _LABELS:
        _add_labels(made)
    elif kind is QuestionKind.MATCHING:
        _add_pairs(made)
    elif kind in {QuestionKind.BLANKS, QuestionKind.OPAQUE}:
        _add_groups(made)
    elif kind not in {QuestionKind.UPLOAD, QuestionKind.TEXT}:
        _add_field(made)
    _add_processing(made)
    if kind is QuestionKind.FORMULA:
        return _add_formula(made)
    if kind in _BY_HAND and question.choices:
        return [f"question {question.id!r}: answers to what a person grades"]
    return []


def _add_response(made: _Item, ident: str, cardinality: str, side: str | None) -> Element:
    response = xml.add(made.presentation, "response_lid", ident=ident, rcardinality=cardinality)
    if side is not None:
        _add_material(response, made.rewrite(side))
    return xml.add(response, "render_choice")


def _add_material(parent: Element, text: str) -> None:
    xml.add(xml.add(parent, "material"), "mattext", text, texttype="text/html")


def _add_labels(made: _Item) -> None:
    several = made.question.kind is QuestionKind.MULTIPLE
    render = _add_response(made, ONLY, "Multiple" if several else "Single", None)
    for choice in made.question.choices:
        _add_material(xml.add(render, "response_label", ident=choice.id), made.rewrite(choice.html))
        made.scores.append(_Score(ONLY, choice.id, choice))


def _add_groups(made: _Item) -> None:
    """A list for each blank, named after it where its name can be a name."""
    groups: dict[str | None, list[Choice]] = {}
    for choice in made.question.choices:
        groups.setdefault(choice.group, []).append(choice)
    for place, (group, choices) in enumerate(groups.items()):
        ident = ONLY if group is None else f"response_{group}"
        if group and not _NAME.fullmatch(group):
            ident = f"response_.{place + 1}"
        render = _add_response(made, ident, "Single", group)
        for choice in choices:
            label = xml.add(render, "response_label", ident=choice.id)
            _add_material(label, made.rewrite(choice.html))
            made.scores.append(_Score(ident, choice.id, choice))


def _add_pairs(made: _Item) -> None:
    """A response for each left side, and every right side and decoy in each of them."""
    paired = [choice for choice in made.question.choices if choice.group is not None]
    decoys = [choice for choice in made.question.choices if choice.group is None]
    taken = {choice.id for choice in decoys}
    rights: dict[str, str] = {}
    for choice in paired:
        if choice.html not in rights:
            name = f"right{len(rights) + 1}"
            while name in taken:
                name += "_"
            rights[choice.html] = name
    labels = [(name, text) for text, name in rights.items()]
    labels += [(choice.id, choice.html) for choice in decoys]
    for choice in paired:
        ident = f"response_{choice.id}"
        render = _add_response(made, ident, "Single", choice.group)
        for name, text in labels:
            _add_material(xml.add(render, "response_label", ident=name), made.rewrite(text))
        made.scores.append(_Score(ident, rights[choice.html], choice))


def _add_field(made: _Item) -> None:
    """A field to write into: blank, number, formula, essay."""
    question = made.question
    response = xml.add(made.presentation, "response_str", ident=ONLY, rcardinality="Single")
    decimal = question.kind in {QuestionKind.NUMERIC, QuestionKind.FORMULA}
    render = xml.add(response, "render_fib", **({"fibtype": "Decimal"} if decimal else {}))
    xml.add(render, "response_label", ident="answer1", rshuffle="No")
    if question.kind in {QuestionKind.BLANK, QuestionKind.NUMERIC}:
        made.scores += [
            _Score(ONLY, html.unescape(choice.html), choice) for choice in question.choices
        ]


def _add_processing(made: _Item) -> None:
    processing = xml.add(made.item, "resprocessing")
    outcomes = xml.add(processing, "outcomes")
    xml.add(outcomes, "decvar", maxvalue="100", minvalue="0", varname="SCORE", vartype="Decimal")
    if "general_fb" in made.feedback:
        _add_shown(processing, "general_fb")
    right = "correct_fb" if "correct_fb" in made.feedback else None
    incorrect = "general_incorrect_fb" in made.feedback
    if made.question.kind is QuestionKind.NUMERIC:
        _add_numbers(made, processing, right)
    else:
        _add_answer_feedback(made, processing)
        _add_scores(made, processing, right)
    if incorrect:
        _add_shown(processing, "general_incorrect_fb")
    if made.question.kind is QuestionKind.ESSAY:
        xml.add(xml.add(_condition(processing, more=False), "conditionvar"), "other")


def _condition(processing: Element, *, more: bool) -> Element:
    return xml.add(processing, "respcondition", **{"continue": "Yes" if more else "No"})


def _add_shown(processing: Element, name: str) -> None:
    condition = _condition(processing, more=True)
    xml.add(xml.add(condition, "conditionvar"), "other")
    xml.add(condition, "displayfeedback", feedbacktype="Response", linkrefid=name)


def _add_answer_feedback(made: _Item, processing: Element) -> None:
    for score in made.scores:
        if score.choice.feedback_html:
            condition = _condition(processing, more=True)
            _add_equal(made, xml.add(condition, "conditionvar"), score)
            xml.add(
                condition,
                "displayfeedback",
                feedbacktype="Response",
                linkrefid=made.name_feedback(score),
            )


def _add_equal(made: _Item, parent: Element, score: _Score) -> None:
    case = {"case": "Yes"} if made.question.case_sensitive else {}
    xml.add(parent, "varequal", score.value, respident=score.response, **case)


def _add_scores(made: _Item, processing: Element, right: str | None) -> None:
    """The conditions that give points, in the plainest form that says them exactly."""
    kind = made.question.kind
    wanted = [score for score in made.scores if score.choice.weight > 0]
    share = 100.0 / len(wanted) if wanted else 0.0
    alike = all(score.choice.weight in {0.0, share} for score in made.scores)
    if kind is QuestionKind.MULTIPLE and wanted and (alike or made.profile):
        tests = _scoring(processing, 100.0, "Set", right)
        both = xml.add(tests, "and")
        for score in made.scores:
            parent = both if score.choice.weight > 0 else xml.add(both, "not")
            _add_equal(made, parent, score)
    elif kind is QuestionKind.BLANK and all(s.choice.weight == 100 for s in made.scores):
        if made.scores:
            tests = _scoring(processing, 100.0, "Set", right)
            for score in made.scores:
                _add_equal(made, tests, score)
    else:
        action = "Set" if kind in {QuestionKind.CHOICE, QuestionKind.TRUE_FALSE} else "Add"
        for score in made.scores:
            if score.choice.weight or kind is QuestionKind.BLANK:
                shown = right if score.choice.weight > 0 else None
                tests = _scoring(processing, score.choice.weight, action, shown)
                _add_equal(made, tests, score)


def _scoring(processing: Element, weight: float, action: str, shown: str | None) -> Element:
    """The tests, still empty, of a condition that sets a score."""
    condition = _condition(processing, more=action == "Add")
    tests = xml.add(condition, "conditionvar")
    _add_setvar(condition, weight, action)
    if shown:
        xml.add(condition, "displayfeedback", feedbacktype="Response", linkrefid=shown)
    return tests


def _add_setvar(condition: Element, weight: float, action: str) -> None:
    xml.add(condition, "setvar", repr(weight), action=action, varname="SCORE")


def _add_numbers(made: _Item, processing: Element, right: str | None) -> None:
    for score in made.scores:
        choice = score.choice
        condition = _condition(processing, more=False)
        tests = xml.add(condition, "conditionvar")
        value = number(score.value)
        low = value if choice.low is None and choice.high is None else choice.low
        high = value if choice.low is None and choice.high is None else choice.high
        if value is not None and low == high == value:
            xml.add(tests, "varequal", score.value, respident=score.response)
        else:
            either = xml.add(tests, "or")
            if value is not None:
                xml.add(either, "varequal", score.value, respident=score.response)
            bounds = xml.add(either, "and")
            for name, bound in (("vargte", low), ("varlte", high)):
                if bound is not None:
                    xml.add(bounds, name, repr(bound), respident=score.response)
        _add_setvar(condition, choice.weight, "Set")
        names = [right] if right and choice.weight > 0 else []
        if choice.feedback_html:
            names.append(made.name_feedback(score))
        for name in names:
            xml.add(condition, "displayfeedback", feedbacktype="Response", linkrefid=name)


def _add_formula(made: _Item) -> list[str]:
    """Canvas's extension for calculated questions, without worked examples."""
    choices = made.question.choices
    formulas = [choice for choice in choices if choice.group == FORMULA]
    calculated = xml.add(xml.add(made.item, "itemproc_extension"), "calculated")
    tolerance = max((choice.high or 0.0 for choice in formulas), default=0.0)
    xml.add(calculated, "answer_tolerance", repr(tolerance))
    holder = xml.add(calculated, "formulas")
    for choice in formulas:
        xml.add(holder, "formula", html.unescape(choice.html))
    variables = xml.add(calculated, "vars")
    for choice in _variables(choices):
        one = xml.add(variables, "var", name=choice.id)
        xml.add_set(one, min=xml.number_text(choice.low), max=xml.number_text(choice.high))
    return [f"question {made.question.id!r}: worked examples of its formula"]


def _variables(choices: Iterable[Choice]) -> list[Choice]:
    return [choice for choice in choices if choice.group == VARIABLE]

"""Quizzes as QTI 1.2.1 in the Common Cartridge profile."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from course_builder.markdown import Renderer
from course_builder.model import Question, Quiz
from course_builder.xml_tools import add, root, serialise

NAMESPACE = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
SCHEMA = "http://www.imsglobal.org/profile/cc/ccv1p3/ccv1p3_qtiasiv1p2p1_v1p0.xsd"
RESPONSE = "response1"
PROFILES = {
    "multiple_choice": "cc.multiple_choice.v0p1",
    "multiple_response": "cc.multiple_response.v0p1",
    "true_false": "cc.true_false.v0p1",
    "fill_blank": "cc.fib.v0p1",
    "pattern_match": "cc.pattern_match.v0p1",
    "essay": "cc.essay.v0p1",
}


def quiz_xml(quiz: Quiz, ident: str, renderer: Renderer) -> tuple[bytes, tuple[str, ...]]:
    """The quiz document, and the assets its questions refer to."""
    document = root("questestinterop", NAMESPACE, SCHEMA)
    assessment = add(document, "assessment", ident=ident, title=quiz.title)
    metadata = add(assessment, "qtimetadata")
    _field(metadata, "cc_profile", "cc.exam.v0p1")
    _field(metadata, "qmd_assessmenttype", "Examination")
    _field(metadata, "qmd_scoretype", "Percentage")
    _field(metadata, "qmd_feedbackpermitted", "Yes")
    _field(metadata, "cc_maxattempts", quiz.attempts)
    if quiz.intro:
        intro, _ = renderer.block(quiz.source, quiz.intro)
        material = add(add(assessment, "presentation_material"), "flow_mat")
        _html(material, intro)
    section = add(assessment, "section", ident=f"{ident}-section")
    used: dict[str, None] = {}
    for number, question in enumerate(quiz.questions, 1):
        writer = _ItemWriter(quiz, question, f"{ident}-q{number}", renderer)
        section.append(writer.write())
        used.update(dict.fromkeys(writer.used))
    return serialise(document), tuple(used)


def _field(parent: ET.Element, label: str, entry: str) -> None:
    entryless = add(parent, "qtimetadatafield")
    add(entryless, "fieldlabel", label)
    add(entryless, "fieldentry", entry)


def _html(parent: ET.Element, content: str) -> None:
    add(add(parent, "material"), "mattext", content, texttype="text/html")


class _ItemWriter:
    """Writes one question as a QTI item."""

    def __init__(self, quiz: Quiz, question: Question, ident: str, renderer: Renderer) -> None:
        self.quiz = quiz
        self.question = question
        self.renderer = renderer
        self.item = ET.Element("item", {"ident": ident, "title": question.title})
        self.used: tuple[str, ...] = ()
        self.feedback: list[tuple[str, str]] = []

    def write(self) -> ET.Element:
        """The finished item."""
        self._metadata()
        self._presentation()
        self._responses()
        for ident, text in self.feedback:
            rendered, _ = self.renderer.block(self.quiz.source, text)
            _html(add(add(self.item, "itemfeedback", ident=ident), "flow_mat"), rendered)
        return self.item

    def _metadata(self) -> None:
        metadata = add(add(self.item, "itemmetadata"), "qtimetadata")
        _field(metadata, "cc_profile", PROFILES[self.question.type])
        if self.question.points != 1:
            _field(metadata, "cc_weighting", str(self.question.points))
        scored = "No" if self.question.type == "essay" else "Yes"
        _field(metadata, "qmd_computerscored", scored)

    def _labels(self) -> list[tuple[str, str, bool, str]]:
        """Ident, HTML, correctness and feedback of each choice."""
        if self.question.type == "true_false":
            truth = self.question.truth
            return [("true", "True", truth, ""), ("false", "False", not truth, "")]
        return [
            (f"c{n}", self.renderer.inline(self.quiz.source, c.text), c.correct, c.feedback)
            for n, c in enumerate(self.question.choices, 1)
        ]

    def _presentation(self) -> None:
        presentation = add(self.item, "presentation")
        prompt, self.used = self.renderer.block(self.quiz.source, self.question.prompt)
        _html(presentation, prompt)
        labels = self._labels()
        if not labels:
            response = add(presentation, "response_str", ident=RESPONSE, rcardinality="Single")
            rows = {"rows": "8"} if self.question.type == "essay" else {}
            add(add(response, "render_fib", **rows), "response_label", ident="answer1")
            return
        many = "Multiple" if self.question.type == "multiple_response" else "Single"
        response = add(presentation, "response_lid", ident=RESPONSE, rcardinality=many)
        choices = add(response, "render_choice")
        for ident, text, _, _ in labels:
            _html(add(choices, "response_label", ident=ident), text)

    def _responses(self) -> None:
        processing = add(self.item, "resprocessing")
        score = {"maxvalue": "100", "minvalue": "0", "varname": "SCORE", "vartype": "Decimal"}
        add(add(processing, "outcomes"), "decvar", **score)
        essay = self.question.type == "essay"
        if self.question.notes or essay:
            add(self._condition(processing, "general_fb", self.question.notes, "Yes"), "other")
        if essay:
            return
        for ident, _, _, feedback in self._labels():
            if feedback:
                condition = self._condition(processing, f"{ident}_fb", feedback, "Yes")
                add(condition, "varequal", ident, respident=RESPONSE)
        self._correct(processing)
        if self.question.on_incorrect:
            wrong = ("general_incorrect_fb", self.question.on_incorrect)
            add(self._condition(processing, *wrong, "Yes"), "other")

    def _condition(
        self, parent: ET.Element, ident: str, feedback: str, proceed: str, score: str = ""
    ) -> ET.Element:
        """A response condition showing *feedback*; returns its (empty) test to fill in."""
        condition = add(parent, "respcondition", **{"continue": proceed})
        test = add(condition, "conditionvar")
        if score:
            add(condition, "setvar", score, action="Set", varname="SCORE")
        if feedback:
            add(condition, "displayfeedback", feedbacktype="Response", linkrefid=ident)
            if ident not in (known for known, _ in self.feedback):
                self.feedback.append((ident, feedback))
        return test

    def _correct(self, processing: ET.Element) -> None:
        praise = ("correct_fb", self.question.on_correct, "No", "100")
        for answer in self.question.answers:
            tag = "varsubstring" if self.question.type == "pattern_match" else "varequal"
            test = self._condition(processing, *praise)
            add(test, tag, answer, respident=RESPONSE, case="No")
        if self.question.answers:
            return
        test = self._condition(processing, *praise)
        labels = self._labels()
        if self.question.type != "multiple_response":
            right = next(ident for ident, _, correct, _ in labels if correct)
            add(test, "varequal", right, respident=RESPONSE)
            return
        group = add(test, "and")
        for ident, _, correct, _ in labels:
            parent = group if correct else add(group, "not")
            add(parent, "varequal", ident, respident=RESPONSE)

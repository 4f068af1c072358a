"""Question types that the samples do not hold, and plain QTI without a profile."""

from __future__ import annotations

import pytest

from bloop_sdk.records import Kind, QuestionKind, Ref


@pytest.fixture
def question(read, build):
    """The one question that an item's XML becomes."""

    async def question(item, metadata=""):
        fields = "".join(
            f"<qtimetadatafield><fieldlabel>{key}</fieldlabel><fieldentry>{value}</fieldentry>"
            "</qtimetadatafield>"
            for key, value in (pair.split("=") for pair in metadata.split())
        )
        text = (
            '<questestinterop><assessment ident="a" title="A"><section ident="s">'
            f'<item ident="q"><itemmetadata><qtimetadata>{fields}</qtimetadata></itemmetadata>'
            f"{item}</item></section></assessment></questestinterop>"
        )
        type_ = "imsqti_xmlv1p2/imscc_xmlv1p3/assessment"
        resource = f'<resource identifier="a" type="{type_}"><file href="a.xml"/></resource>'
        snapshot = await read(build(resources=resource, files={"a.xml": text}))
        quiz = snapshot.records[Ref(Kind.QUIZ, "a")]
        return quiz.questions[0], quiz

    return question


def labels(*idents, cardinality="Single"):
    inner = "".join(
        f'<response_label ident="{i}"><material><mattext>{i} &amp;lt;</mattext></material>'
        "</response_label>"
        for i in idents
    )
    return (
        "<presentation><flow><material><mattext>What &lt; that?</mattext></material>"
        f'<response_lid ident="r" rcardinality="{cardinality}"><render_choice>{inner}'
        "</render_choice></response_lid></flow></presentation>"
    )


def processing(*conditions, maxvalue="100"):
    return (
        f'<resprocessing><outcomes><decvar maxvalue="{maxvalue}"/></outcomes>'
        + "".join(f"<respcondition>{condition}</respcondition>" for condition in conditions)
        + "</resprocessing>"
    )


def equal(value, score, action="Set", response="r"):
    return (
        f'<conditionvar><varequal respident="{response}">{value}</varequal></conditionvar>'
        f'<setvar action="{action}" varname="SCORE">{score}</setvar>'
    )


async def test_plain_text_is_escaped(question):
    made, _ = await question(labels("a"), "cc_profile=cc.multiple_choice.v0p1")
    assert made.html == "What &lt; that?"
    assert made.choices[0].html == "a &amp;lt;"


async def test_partial_credit_and_another_scale(question):
    conditions = processing(equal("a", 2), equal("b", 1), equal("c", -1), maxvalue="2")
    made, _ = await question(labels("a", "b", "c"), "cc_profile=cc.multiple_choice.v0p1")
    assert [choice.weight for choice in made.choices] == [0, 0, 0]
    made, _ = await question(
        labels("a", "b", "c") + conditions, "cc_profile=cc.multiple_choice.v0p1 cc_weighting=4"
    )
    assert [choice.weight for choice in made.choices] == [100, 50, -50]
    assert made.points == 4


async def test_answers_added_up(question):
    conditions = processing(equal("a", 50, "Add"), equal("b", 50, "Add"), equal("c", -50, "Add"))
    made, _ = await question(
        labels("a", "b", "c", cardinality="Multiple") + conditions,
        "cc_profile=cc.multiple_response.v0p1",
    )
    assert [choice.weight for choice in made.choices] == [50, 50, -50]


async def test_pattern_match_and_case(question):
    field = '<presentation><response_str ident="r"><render_fib/></response_str></presentation>'
    condition = (
        '<conditionvar><varequal respident="r" case="Yes">Ohm</varequal>'
        '<varsubset respident="r">V &lt; A</varsubset></conditionvar>'
        '<setvar varname="SCORE">100</setvar>'
    )
    made, _ = await question(field + processing(condition), "cc_profile=cc.pattern_match.v0p1")
    assert (made.kind, made.raw_type) == (QuestionKind.BLANK, "cc.pattern_match.v0p1")
    assert [choice.html for choice in made.choices] == ["Ohm", "V &lt; A"]
    assert made.case_sensitive


async def test_numeric_ranges(question):
    field = '<presentation><response_str ident="r"><render_fib/></response_str></presentation>'
    bounds = '<conditionvar><vargte respident="r">1</vargte><varlte respident="r">2.5</varlte>'
    bounds += '</conditionvar><setvar varname="SCORE">100</setvar>'
    made, _ = await question(
        field + processing(equal("7", 100), bounds), "question_type=numerical_question"
    )
    assert [(c.html, c.low, c.high) for c in made.choices] == [("7", 7, 7), ("[1, 2.5]", 1, 2.5)]


@pytest.mark.parametrize(
    ("presentation", "scored", "kind"),
    [
        (labels("a"), False, QuestionKind.CHOICE),
        (labels("a", cardinality="Multiple"), False, QuestionKind.MULTIPLE),
        ('<presentation><response_str ident="r"/></presentation>', True, QuestionKind.BLANK),
        ('<presentation><response_str ident="r"/></presentation>', False, QuestionKind.ESSAY),
        ('<presentation><response_num ident="r"/></presentation>', True, QuestionKind.NUMERIC),
        ('<presentation><response_xy ident="r"/></presentation>', False, QuestionKind.OPAQUE),
        ("<presentation/>", False, QuestionKind.TEXT),
        ("", False, QuestionKind.TEXT),
    ],
)
async def test_without_a_type_the_form_decides(question, presentation, scored, kind):
    made, _ = await question(presentation + (processing(equal("1", 100)) if scored else ""))
    assert made.kind is kind


async def test_an_unknown_type_is_kept(question):
    made, quiz = await question(labels("a", "b"), "question_type=hot_spot_question")
    assert (made.kind, made.raw_type) == (QuestionKind.OPAQUE, "hot_spot_question")
    assert [choice.id for choice in made.choices] == ["a", "b"]
    assert quiz.lost == ("question 'q' of type 'hot_spot_question' is kept as it is",)


async def test_feedback_without_canvas_names(question):
    feedback = "".join(
        f'<itemfeedback ident="{name}"><material><mattext>{name}!</mattext></material>'
        "</itemfeedback>"
        for name in ("f1", "f2", "hint")
    )
    shown = '<displayfeedback linkrefid="{}"/>'
    conditions = processing(
        equal("a", 100) + shown.format("f1"),
        '<conditionvar><varequal respident="r">b</varequal></conditionvar>' + shown.format("f2"),
    )
    made, _ = await question(
        labels("a", "b") + conditions + feedback, "cc_profile=cc.multiple_choice.v0p1"
    )
    assert [choice.feedback_html for choice in made.choices] == ["f1!", "f2!"]
    assert made.feedback_html == "hint!"


async def test_images_and_markup_in_material(question):
    material = (
        '<presentation><material><mattext texttype="text/xhtml">a <b>c</b></mattext>'
        '<matimage uri="x.png?a=1&amp;b=2"/></material></presentation>'
    )
    made, _ = await question(material)
    assert made.html == 'a <b>c</b><img src="x.png?a=1&amp;b=2" alt="">'


async def test_questions_that_share_an_id_are_told_apart(read, build):
    text = '<questestinterop><objectbank ident="b"><item ident="q"/><item ident="q"/><item/>'
    text += "</objectbank></questestinterop>"
    type_ = "imsqti_xmlv1p2/imscc_xmlv1p1/question-bank"
    resource = f'<resource identifier="b" type="{type_}"><file href="b.xml"/></resource>'
    snapshot = await read(build(resources=resource, files={"b.xml": text}))
    bank = snapshot.records[Ref(Kind.QUIZ, "b")]
    assert bank.bank
    assert [made.id for made in bank.questions] == ["q", "q#2", "question-3"]

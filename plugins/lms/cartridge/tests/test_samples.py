"""Every sample by an independent count of its manifest, and some of them by eye."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

import pytest

from bloop_sdk.records import Kind, QuestionKind, Ref
from bloop_sdk.testing import Killed, Replica, read_all


def local(element):
    return element.tag.rpartition("}")[2]


def listed(path):
    """What a manifest lists: the kind that each resource should have, its files, its parts."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        root = ET.fromstring(archive.read("imsmanifest.xml"))
    shown = {item.get("identifierref") for item in root.iter() if local(item) == "item"}
    resources = [r for r in root.iter() if local(r) == "resource"]
    return [(r, kind_of(r, shown, names)) for r in resources]


def kind_of(resource, shown, names):
    """The kind by the specification's types; None for parts, settings and what is missing."""
    files = [f.get("href") for f in resource if local(f) == "file"]
    type_, main = resource.get("type"), resource.get("href") or files[0]
    if main not in names or any(local(part) == "variant" for part in resource):
        return None
    for start, kind in {
        "imswl": "link",
        "imsdt": "discussion",
        "imsqti": "quiz",
        "imsbasiclti": "tool",
        "assignment": "assignment",
    }.items():
        if type_.startswith(start):
            return kind
    if type_ == "webcontent":
        html = PurePosixPath(main).suffix == ".html"
        page = html and (main.startswith("wiki_content/") or resource.get("identifier") in shown)
        return "page" if page else "file"
    if any(name.endswith("assignment_settings.xml") for name in files):
        return "assignment"
    return "quiz" if main.endswith(".xml.qti") else None


async def test_records_by_kind_equal_what_the_manifest_lists(sample, read):
    snapshot = await read(sample)
    resources = listed(sample)
    wanted = Counter(kind for _, kind in resources if kind)
    if sample.name == "course-1.imscc":
        wanted["tool"] += 1  # It stands in Canvas's modules alone.
    found = {kind: n for kind, n in snapshot.counts().items() if kind not in {"course", "module"}}
    assert found == dict(wanted)


async def test_every_resource_and_item_is_a_record_or_is_named(sample, read):
    snapshot = await read(sample)
    known = {ref.remote_id for ref in snapshot.records}
    parts = {part for record in snapshot.records.values() for part in record.raw.get("parts", ())}
    told = " ".join(
        [*snapshot.skipped, *snapshot.skipped.values()]
        + [text for record in snapshot.records.values() for text in record.lost]
    )
    resources = listed(sample)
    for resource, _ in resources:
        name = resource.get("identifier")
        assert name in known or name in parts or name in told, name
    with zipfile.ZipFile(sample) as archive:
        root = ET.fromstring(archive.read("imsmanifest.xml"))
    titled = [item for item in root.iter() if local(item) == "item" and len(item)]
    titled = [item for item in titled if local(item[0]) == "title"]
    for item in titled:
        assert item.get("identifier") in known or item.get("identifier") in told


async def test_only_course_1_has_faults(sample, read):
    snapshot = await read(sample)
    assert len(snapshot.skipped) == (4 if sample.name == "course-1.imscc" else 0)


async def test_a_second_read_gives_the_same(sample, provider):
    first, second = await read_all(provider(sample)), await read_all(provider(sample))
    assert first.state() == second.state()


async def test_a_kill_after_any_record_resumes_to_the_same(sample, provider):
    whole = await read_all(provider(sample, batch_records=1))
    for batches in range(1, whole.batches):
        replica = Replica()
        with pytest.raises(Killed):
            await replica.run(provider(sample, batch_records=1), stop_after=batches)
        await replica.run(provider(sample, batch_records=3))
        assert replica.state() == whole.state(), batches


async def test_a_moodle_course(samples, read):
    snapshot = await read(samples / "moodle-chem101.imscc")
    nodes = snapshot.of(Kind.MODULE)
    assert [n.title for n in nodes if n.parent is None] == [
        "0",
        "Week 1 – pH",
        "Week 2 – Titration",
        "Week 3 – Buffers (hidden)",
        "4",
    ]
    page = snapshot.records[Ref(Kind.PAGE, "I_CC7B6922_R")]
    assert page.title == "What is pH?"
    assert '<img src="bloop:file:I_64599B07_R" alt="scale">' in page.html
    assert page.lost == ()
    hidden = snapshot.records[Ref(Kind.PAGE, "I_6528D147_R")]
    assert (hidden.title, hidden.published) == ("Hidden page", False)
    (link,) = snapshot.of(Kind.LINK)
    assert link.lost == ("the link holds no address",)
    (topic,) = snapshot.of(Kind.DISCUSSION)
    assert topic.html == "<p>Ask here</p>"
    assert {file.name for file in snapshot.of(Kind.FILE)} == {
        "scale.svg",
        "lecture_1_–_ph.pdf",
        "sheet1.txt",
        "readings.csv",
    }


async def test_all_question_types(samples, read):
    snapshot = await read(samples / "all-question-types.imscc")
    (quiz,) = snapshot.of(Kind.QUIZ)
    assert (quiz.points, quiz.attempts, quiz.published) == (9.0, 1, False)
    assert [question.kind for question in quiz.questions] == [
        QuestionKind.CHOICE,
        QuestionKind.TRUE_FALSE,
        QuestionKind.MULTIPLE,
        QuestionKind.BLANKS,
        QuestionKind.MATCHING,
        QuestionKind.NUMERIC,
        QuestionKind.FORMULA,
        QuestionKind.ESSAY,
        QuestionKind.TEXT,
        QuestionKind.UPLOAD,
    ]
    choice, true_false, multiple, blanks, matching, numeric, formula, *_ = quiz.questions
    assert [(c.html, c.weight, c.feedback_html) for c in choice.choices] == [
        ("1", 0, "<p>add 2</p>"),
        ("2", 0, "<p>add 1</p>"),
        ("3", 100, "<p>good!</p>"),
        ("4", 0, "<p>subtract 1</p>"),
    ]
    assert choice.feedback_html == "<p>alright</p>"
    assert (choice.correct_html, choice.incorrect_html) == ("<p>nice job</p>", "<p>too bad</p>")
    assert [c.html for c in true_false.choices if c.weight] == ["False"]
    assert [c.html for c in multiple.choices if c.weight] == ["A", "B", "C"]
    assert [(c.group, c.html) for c in blanks.choices if c.weight] == [
        ("color1", "RED"),
        ("color2", "BLUE"),
    ]
    assert [(c.group, c.html) for c in matching.choices] == [
        ("Toyota", "Corolla"),
        ("Honda", "Civic"),
        ("Mitsubishi", "Lancer"),
        (None, "Model X,"),
        (None, "Escape,"),
        (None, "Impala"),
    ]
    assert [(c.html, c.low, c.high) for c in numeric.choices] == [("33.33", 33.32, 33.34)]
    assert [(c.group, c.html, c.low, c.high) for c in formula.choices] == [
        ("formula", "5 + x", 0.0, 0.0),
        ("variable", "x", 1.0, 10.0),
    ]


async def test_question_groups_and_banks(samples, read):
    snapshot = await read(samples / "grouptest.zip")
    quizzes = {quiz.title: quiz for quiz in snapshot.of(Kind.QUIZ)}
    assert {title: quiz.bank for title, quiz in quizzes.items()} == {
        "Unfiled Questions": True,
        "Grouped questions": False,
        "Mixed Quiz": False,
        "Ungrouped Quiz": False,
    }
    grouped = quizzes["Grouped questions"]
    assert [question.points for question in grouped.questions] == [3, 3, 3, 1, 1]
    assert "group 'Group 1' draws 2 of its 3 questions; all are kept" in grouped.lost
    blank = quizzes["Ungrouped Quiz"].questions[0]
    assert [(c.id, c.html, c.weight) for c in blank.choices] == [
        ("2105", "C", 100),
        ("4376", "D", 100),
    ]


async def test_a_rubric(samples, read):
    (work,) = (await read(samples / "assignment-rubrics.imscc")).of(Kind.ASSIGNMENT)
    assert work.submission_types == ("text", "url", "file")
    assert "a way to hand in is not kept: media_recording" in work.lost
    (row,) = work.rubric
    assert (row.title, row.points) == ("Description of criterion", 5.0)
    assert [(r.title, r.points) for r in row.ratings] == [("Full Marks", 5.0), ("No Marks", 0.0)]


async def test_a_canvas_course(samples, read):
    snapshot = await read(samples / "course-1.imscc")
    course = snapshot.records[Ref(Kind.COURSE, "ife6c3152cbc3f055b596a033fad66b4c")]
    assert (course.title, course.code) == ("COURSE-for-modules-testing",) * 2
    module, *leaves = snapshot.of(Kind.MODULE)
    assert (module.title, module.published) == ("First Module", False)
    assert [leaf.title for leaf in leaves][:5] == [
        "First Module Assignment 1",
        "First Module Quiz 1",
        "First Module Wiki Page 1",
        "First Module Discussion 1",
        "First Module Text Header 1",
    ]
    header = leaves[4]
    assert (header.content, header.parent) == (None, module.remote_id)
    html = snapshot.records[Ref(Kind.ASSIGNMENT, "iaa4b4fdadec793530c31c58a249e0879")].html
    assert 'href="bloop:file:fbac4bef75744d02b353abc6451e2b16"' in html
    assert 'href="bloop:file:i20d994c705d4f2bf05a753e922547b06"' in html
    assert 'href="http://google.com"' in html
    assert "record_missing" not in snapshot.skipped
    (tool,) = snapshot.of(Kind.TOOL)
    assert tool.launch_url.endswith("inscloudgate.net/lti_check_teacher_performance")
    assert (
        snapshot.records[Ref(Kind.MODULE, "idc1d64e13995c74b24959e8e309d0cba")].content == tool.ref
    )


async def test_references_of_a_rich_page(samples, read):
    snapshot = await read(samples / "rich-content-cc-file.imscc")
    (page,) = snapshot.of(Kind.PAGE)
    assert 'src="bloop:file:i57f57a3b1e07229be43ec32017eda5de"' in page.html
    assert 'src="bloop:file:6a1a5568a66550affe98c5bcc6c0aff11"' in page.html
    assert any("change%20300%20dpi.pdf" in text for text in page.lost)


@pytest.mark.parametrize("name", ["latex.imscc", "canvas_cc_gem_course.imscc"])
async def test_missing_settings_are_named_not_fatal(samples, read, name):
    snapshot = await read(samples / name)
    (course,) = snapshot.of(Kind.COURSE)
    assert any("missing: course_settings/" in text for text in course.lost)

"""What the exporters of Canvas, Moodle, Sakai and Windows's zippers write, by their own sources."""

from __future__ import annotations

import pytest

from bloop_sdk.records import Kind, QuestionKind, Ref

QTI = "imsqti_xmlv1p2/imscc_xmlv1p1/assessment"
PART = "associatedcontent/imscc_xmlv1p1/learning-application-resource"


def resource(identifier, type_, *hrefs, inside=""):
    files = "".join(f'<file href="{path}"/>' for path in hrefs)
    return f'<resource identifier="{identifier}" type="{type_}">{files}{inside}</resource>'


def item(identifier, ref, title, inside=""):
    named = f"<title>{title}</title>{inside}"
    return f'<item identifier="{identifier}" identifierref="{ref}">{named}</item>'


@pytest.fixture
def questions(read, build):
    """The questions of a quiz whose Canvas form holds these items; ``banks`` are files beside."""

    async def questions(items, meta="", banks=None):
        root = f'<questestinterop><assessment ident="q" title="Q"><section>{items}</section>'
        files = {
            "q.xml": "<questestinterop/>",
            "q/assessment_meta.xml": f"<quiz>{meta}</quiz>",
            "non_cc_assessments/q.xml.qti": f"{root}</assessment></questestinterop>",
            **(banks or {}),
        }
        parts = resource("m", PART, "q/assessment_meta.xml", "non_cc_assessments/q.xml.qti")
        own = resource("q", QTI, "q.xml", inside='<dependency identifierref="m"/>')
        more = "".join(resource(f"bank{n}", PART, path) for n, path in enumerate(banks or {}))
        quiz = (await read(build(resources=own + parts + more, files=files))).records[
            Ref(Kind.QUIZ, "q")
        ]
        return quiz.questions, quiz

    return questions


def asked(type_, responses, conditions, label="question_type", more="", out=""):
    return (
        f'<item ident="i"><itemmetadata><qtimetadata><qtimetadatafield><fieldlabel>{label}'
        f"</fieldlabel><fieldentry>{type_}</fieldentry></qtimetadatafield></qtimetadata>"
        f"</itemmetadata><presentation>{responses}</presentation><resprocessing>"
        f"<outcomes>{out}</outcomes>{conditions}</resprocessing>{more}</item>"
    )


def blank(ident, *labels):
    inside = "".join(
        f'<response_label ident="{ident}{n}"><material><mattext>{text}</mattext></material>'
        "</response_label>"
        for n, text in enumerate(labels)
    )
    return (
        f'<response_lid ident="response_{ident}"><material><mattext>{ident}</mattext></material>'
        f"<render_choice>{inside}</render_choice></response_lid>"
    )


def gives(response, value, score=None, shown="", action="Add"):
    points = "" if score is None else f'<setvar varname="SCORE" action="{action}">{score}</setvar>'
    link = f'<displayfeedback linkrefid="{shown}"/>' if shown else ""
    return (
        f'<respcondition><conditionvar><varequal respident="{response}">{value}</varequal>'
        f"</conditionvar>{points}{link}</respcondition>"
    )


def says(ident, text):
    material = f"<material><mattext>{text}</mattext></material>"
    return f'<itemfeedback ident="{ident}">{material}</itemfeedback>'


async def test_blanks_of_canvas_have_their_share_of_their_blank(questions):
    """Canvas writes shares of the whole, and one right text of several that may be typed."""
    responses = blank("x", "grey", "gray") + blank("y", "red", "blue")
    conditions = gives("response_x", "x0", "50.00") + gives("response_y", "y0", "50.00")
    items = asked("multiple_dropdowns_question", responses, conditions)
    items += asked("fill_in_multiple_blanks_question", responses, conditions)
    (menus, typed), _ = await questions(items)
    assert [(c.group, c.weight) for c in menus.choices] == [
        ("x", 100.0),
        ("x", 0.0),
        ("y", 100.0),
        ("y", 0.0),
    ]
    assert {c.weight for c in typed.choices} == {100.0}


async def test_menus_of_newer_quizzes_keep_their_wrong_options(questions):
    menu = blank("x", "grey", "red").replace(
        "<response_label", '<response_label answer_type="dropdown"'
    )
    conditions = gives("response_x", "x0", "50") + gives("response_y", "y0", "50")
    (question,), _ = await questions(
        asked("fill_in_multiple_blanks_question", menu + blank("y", "a", "b"), conditions)
    )
    assert [c.weight for c in question.choices] == [100.0, 0.0, 100.0, 100.0]


async def test_what_is_said_to_wrong_answers_is_not_said_to_all(questions):
    """Moodle's short answers, and a last condition of "anything else" with a name of its own."""
    conditions = gives("r", "near", shown="incorrect_0_fb") + gives("r", "yes", 100, action="Set")
    conditions += (
        "<respcondition><conditionvar><other/></conditionvar><setvar>0</setvar>"
        '<displayfeedback linkrefid="no"/></respcondition>'
    )
    more = says("incorrect_0_fb", "Nearly") + says("no", "Wrong")
    responses = '<response_str ident="r"><render_fib/></response_str>'
    (question,), _ = await questions(
        asked("cc.fib.v0p1", responses, conditions, "cc_profile", more)
    )
    told = [(c.html, c.weight, c.feedback_html) for c in question.choices]
    assert told == [("yes", 100.0, ""), ("near", 0.0, "Nearly")]
    assert (question.feedback_html, question.incorrect_html) == ("", "Wrong")


async def test_a_profile_that_the_form_contradicts(questions):
    """ATutor calls matching a pattern match; others put several blanks into one item."""
    pairs = blank("l1", "A", "B") + blank("l2", "A", "B")
    items = asked(
        "cc.pattern_match.v0p1",
        pairs,
        gives("response_l1", "l11", 1) + gives("response_l2", "l20", 1),
        "cc_profile",
    )
    fields = '<response_str ident="a"><render_fib/></response_str>' * 2
    scores = gives("a", "one", 50) + gives("b", "two", 50)
    items += asked("cc.fib.v0p1", fields.replace('"a"', '"b"', 1), scores, "cc_profile")
    (matching, blanks), _ = await questions(items)
    assert matching.kind is QuestionKind.MATCHING
    assert [(c.group, c.html) for c in matching.choices][:2] == [("l1", "B"), ("l2", "A")]
    assert blanks.kind is QuestionKind.BLANKS
    assert [(c.group, c.html, c.weight) for c in blanks.choices] == [
        ("a", "one", 100.0),
        ("b", "two", 100.0),
    ]


async def test_plain_matching_and_texts_in_several_parts(questions):
    pairs = blank("l1", "A", "B") + blank("l2", "A", "B").replace('t="l2', 't="l1')
    stem = "<material><mattext>One</mattext></material><material><mattext>Two</mattext>"
    stem += '<matbreak/><mataudio uri="a/b.mp3"/></material>'
    scores = gives("response_l1", "l11", 1) + gives("response_l2", "l10", 1)
    (question,), _ = await questions(asked("Matching", stem + pairs, scores, "qmd_itemtype"))
    assert question.kind is QuestionKind.MATCHING
    assert [(c.group, c.html) for c in question.choices] == [("l1", "B"), ("l2", "A")]
    assert question.html == 'One<br>Two<br><audio controls src="a/b.mp3"></audio>'


async def test_a_score_whose_whole_is_not_declared(questions):
    responses = blank("x", "yes", "no").replace("response_x", "r")
    (question,), _ = await questions(
        asked("multiple_choice_question", responses, gives("r", "x0", 1, action="Set"))
    )
    assert [c.weight for c in question.choices] == [100.0, 0.0]


async def test_questions_taken_from_banks_by_their_identifiers(questions):
    inside = asked("essay_question", "<material><mattext>Why?</mattext></material>", "")
    bank = f'<questestinterop><objectbank ident="b">{inside}</objectbank></questestinterop>'
    items = '<itemref linkrefid="i"/><bankentry_item item_ref="i" sourcebank_ref="bank0"'
    items += ' points_possible="3.0"/><itemref linkrefid="gone"/>'
    found, quiz = await questions(items, banks={"non_cc_assessments/b.xml.qti": bank})
    assert [(q.html, q.points) for q in found] == [("Why?", 1.0), ("Why?", 3.0)]
    assert "question 'gone' is in no bank of the cartridge" in quiz.lost


@pytest.mark.parametrize(
    ("meta", "published", "restricted"),
    [
        ("<access_code>x</access_code>", True, True),
        ("<unlock_at>2999-01-01T00:00:00</unlock_at>", True, True),
        ("<unlock_at>2001-01-01T00:00:00</unlock_at>", True, False),
        ("<only_visible_to_overrides>true</only_visible_to_overrides>", False, False),
    ],
)
async def test_exams_that_canvas_keeps_from_most(questions, meta, published, restricted):
    _, quiz = await questions("", meta)
    assert (quiz.published, quiz.restricted) == (published, restricted)
    assert (quiz.shown_from is not None) == ("2999" in meta)


async def test_tools_links_and_states_that_stand_in_canvas_modules_alone(read, build):
    def told(identifier, type_, url, state="active"):
        return (
            f'<item identifier="{identifier}"><content_type>{type_}</content_type>'
            f"<workflow_state>{state}</workflow_state><url>{url}</url></item>"
        )

    meta = (
        '<modules><module identifier="m"><unlock_at>2999-01-01T00:00:00</unlock_at>'
        "<prerequisites><prerequisite/></prerequisites><items>"
        + told("tag", "ContextExternalTool", "https://tool.example/?a=1&amp;b=2", "unpublished")
        + told("web", "ExternalUrl", "https://web.example/")
        + "</items></module></modules>"
    )
    # Canvas names the tool's item by what the manifest's item refers to.
    inside = item("other", "tag", "Tool") + item("web", "nothing", "Web")
    path = build(
        f'<item identifier="m"><title>M</title>{inside}</item>',
        files={"course_settings/module_meta.xml": meta},
    )
    snapshot = await read(path)
    assert snapshot.skipped == {}
    (tool,), (link,) = snapshot.of(Kind.TOOL), snapshot.of(Kind.LINK)
    assert (tool.launch_url, link.href) == (
        "https://tool.example/?a=1&b=2",
        "https://web.example/",
    )
    module, tool_node, link_node = snapshot.of(Kind.MODULE)
    assert (tool_node.content, tool_node.published) == (tool.ref, False)
    assert (link_node.content, link_node.published) == (link.ref, True)
    assert not module.published
    assert module.lost == (
        "when it opens: 2999-01-01T00:00:00",
        "the modules that have to be done before",
    )


async def test_launch_parameters_that_canvas_keeps_beside_its_modules(read, build):
    meta = (
        '<modules><module identifier="m"><items><item identifier="tag"><content_type>'
        "ContextExternalTool</content_type><url>https://tool.example/deep</url>"
        "<lti_resource_link_lookup_uuid>u-1</lti_resource_link_lookup_uuid>"
        "</item></items></module></modules>"
    )
    launch = (
        "<cartridge_basiclti_link><title>Tool</title><secure_launch_url>https://tool.example/"
        '</secure_launch_url><custom><property name="unit">7</property></custom>'
        '<extensions platform="canvas.instructure.com"><property name="lookup_uuid">u-1'
        "</property></extensions></cartridge_basiclti_link>"
    )
    path = build(
        item("other", "tag", "Tool"),
        resource("link", "imsbasiclti_xmlv1p3", "lti_resource_links/link.xml"),
        {"course_settings/module_meta.xml": meta, "lti_resource_links/link.xml": launch},
    )
    snapshot = await read(path)
    (tool,) = snapshot.of(Kind.TOOL)
    assert (tool.launch_url, tool.custom) == ("https://tool.example/deep", (("unit", "7"),))
    assert snapshot.skipped == {}


async def test_a_resource_outside_is_a_link_and_standards_are_named(read, build):
    standards = "<metadata><curriculumStandardsMetadataSet><curriculumStandardsMetadata>"
    standards += "<setOfGUIDs><labelledGUID><GUID>AB-1</GUID></labelledGUID></setOfGUIDs>"
    standards += "</curriculumStandardsMetadata></curriculumStandardsMetadataSet></metadata>"
    out = '<resource identifier="o" type="webcontent" href="https://else.example/a?b=1"/>'
    standards = resource("p", "webcontent", "p.txt", inside=standards)
    path = build(
        item("i", "o", "Elsewhere"),
        out + standards.replace("<resource", '<resource intendeduse="syllabus"'),
        {"p.txt": b"x"},
    )
    snapshot = await read(path)
    (link,) = snapshot.of(Kind.LINK)
    assert (link.href, link.title) == ("https://else.example/a?b=1", "Elsewhere")
    (file,) = snapshot.of(Kind.FILE)
    assert file.lost == (
        "what it is meant to be: syllabus",
        "the curriculum standards that it meets",
    )
    assert snapshot.skipped == {}


async def test_locked_folders_of_canvas_keep_their_files(read, build):
    meta = (
        '<fileMeta><folders><folder path="Exams"><locked>true</locked></folder>'
        '<folder path="Pictures"><hidden>true</hidden></folder></folders></fileMeta>'
    )
    names = ("Exams/deep/key.pdf", "Pictures/a.png")
    paths = [f"web_resources/{name}" for name in names]
    path = build(
        resources="".join(resource(f"f{n}", "webcontent", path) for n, path in enumerate(paths)),
        files={"course_settings/files_meta.xml": meta, **dict.fromkeys(paths, b"x")},
    )
    snapshot = await read(path)
    shown = [snapshot.records[Ref(Kind.FILE, f"f{n}")].published for n in range(2)]
    assert shown == [False, True]


async def test_attachments_of_assignments_by_their_roles(read, build):
    work = (
        '<assignment><title>W</title><text texttype="text/html">Do</text><attachments>'
        '<attachment href="sheet.pdf" role="All"/><attachment href="key.pdf" role="Instructor"/>'
        "</attachments></assignment>"
    )
    path = build(
        resources=resource("w", "assignment_xmlv1p0", "w/w.xml", "w/sheet.pdf", "w/key.pdf"),
        files={"w/w.xml": work, "w/sheet.pdf": b"x", "w/key.pdf": b"y"},
    )
    snapshot = await read(path)
    html = snapshot.records[Ref(Kind.ASSIGNMENT, "w")].html
    assert 'href="bloop:file:w%2Fsheet.pdf">sheet.pdf<' in html
    assert "key.pdf" not in html
    files = {file.name: file.published for file in snapshot.of(Kind.FILE)}
    assert files == {"sheet.pdf": True, "key.pdf": False}


async def test_an_announcement_and_what_is_attached_by_identifier(read, build):
    topic = '<topic><title>T</title><text>t</text><attachments><attachment href="$IMS-CC-FILEBASE$/'
    topic += 'old%20name.pdf"/></attachments></topic>'
    meta = "<topicMeta><type>announcement</type><posted_at>2026-01-02T03:04:05</posted_at>"
    meta += "<attachment_identifierref>f</attachment_identifierref></topicMeta>"
    path = build(
        resources=resource("t", "imsdt_xmlv1p1", "t.xml", inside='<dependency identifierref="tm"/>')
        + resource("tm", PART, "tm.xml")
        + resource("f", "webcontent", "web_resources/new.pdf"),
        files={"t.xml": topic, "tm.xml": meta, "web_resources/new.pdf": b"x"},
    )
    (found,) = (await read(path)).of(Kind.DISCUSSION)
    assert found.announcement
    assert found.posted_at is not None
    assert found.attachments == (Ref(Kind.FILE, "f"),)


async def test_markup_that_is_not_escaped_is_kept(read, build):
    topic = '<topic><text texttype="text/html"><p>See <b>this</b>.</p></text></topic>'
    path = build(
        resources=resource("t", "imsdt_xmlv1p1", "t.xml") + resource("w", "imswl_xmlv1p1", "w.xml"),
        files={"t.xml": topic, "w.xml": "<webLink><url>https://a.example</url></webLink>"},
    )
    snapshot = await read(path)
    (found,), (link,) = snapshot.of(Kind.DISCUSSION), snapshot.of(Kind.LINK)
    assert (found.html, link.href) == ("<p>See <b>this</b>.</p>", "https://a.example")


async def test_files_that_a_page_shows_and_no_manifest_lists(read, build):
    role = "<metadata><lom><educational><intendedEndUserRole><value>Instructor</value>"
    role += "</intendedEndUserRole></educational></lom></metadata>"
    path = build(
        item("i", "p", "P") + item("j", "h", "H"),
        resource("p", "webcontent", "p/p.html")
        + resource("h", "webcontent", "p/h.html", inside=role)
        + resource("t", "imsdt_xmlv1p1", "t.xml"),
        {
            "p/p.html": '<img src="img/my cat.png">',
            "p/h.html": '<a href="key.pdf">key</a>',
            "t.xml": "<topic><text>&lt;img src='$IMS-CC-FILEBASE$/dog.png'&gt;</text></topic>",
            "p/img/my cat.png": b"x",
            "p/key.pdf": b"x",
            "dog.png": b"x",
            "schema.xsd": b"x",
            "never.png": b"x",
        },
    )
    snapshot = await read(path)
    files = {file.path: file.published for file in snapshot.of(Kind.FILE)}
    assert files == {"p/img/my cat.png": True, "p/key.pdf": False, "dog.png": True}
    (page,) = [page for page in snapshot.of(Kind.PAGE) if page.published]
    assert page.html == '<img src="bloop:file:p%2Fimg%2Fmy%20cat.png">'


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        (
            (
                '<iframe title="Talk" data-media-type="video" data-media-id="m-1"><source src="'
                '$IMS-CC-FILEBASE$/v.mp4?canvas_=1&amp;media=true" data-media-id="m-1"></iframe>.'
            ),
            '<video controls src="bloop:file:v" title="Talk"></video>.',
        ),
        (
            '<a href="$CANVAS_COURSE_REFERENCE$/modules/items/i?x=1">v</a>',
            '<a href="bloop:file:v">v</a>',
        ),
        (
            (
                '<iframe src="$CANVAS_COURSE_REFERENCE$/external_tools/retrieve?display=borderless'
                '&amp;url=https%3A%2F%2Ftool.example%2Fa%3Fb%3D1"></iframe>'
            ),
            '<iframe src="https://tool.example/a?b=1"></iframe>',
        ),
    ],
)
async def test_what_canvas_embeds(read, build, html, shown):
    state = '<meta name="workflow_state" content="active"/><meta name="hide_from_students"'
    path = build(
        item("i", "v", "V"),
        resource("p", "webcontent", "wiki_content/p.html")
        + resource("v", "webcontent", "web_resources/v.mp4"),
        {
            "wiki_content/p.html": f'<head>{state} content="true"/></head><body>{html}</body>',
            "web_resources/v.mp4": b"x",
        },
    )
    (page,) = (await read(path)).of(Kind.PAGE)
    assert (page.html, page.published) == (shown, False)


async def test_children_stay_below_an_item_whose_identifier_is_taken(read, build):
    child = '<item identifier="{0}"><title>{0}</title></item>'
    twice = '<item identifier="m"><title>{0}</title>{1}</item>'
    path = build(
        twice.format("First", child.format("a"))
        + '<item identifier="n"><title>N</title></item>'
        + twice.format("Second", child.format("b"))
    )
    nodes = {n.title: (n.remote_id, n.parent) for n in (await read(path)).of(Kind.MODULE)}
    assert nodes["Second"] == ("m~2", None)
    assert (nodes["a"][1], nodes["b"][1]) == ("m", "m~2")


async def test_a_document_type_that_only_names_its_file(read, build):
    text = '<?xml version="1.0"?>\n<!DOCTYPE questestinterop SYSTEM "ims_qtiasiv1p2p1.dtd">\n'
    text += '<questestinterop><assessment ident="q" title="Old&nbsp;one"/></questestinterop>'
    snapshot = await read(build(resources=resource("q", QTI, "q.xml"), files={"q.xml": text}))
    assert snapshot.records[Ref(Kind.QUIZ, "q")].title == "Old\xa0one"


async def test_names_as_windows_and_case_sensitive_systems_zip_them(read, build):
    files = {"dir\\a.txt": b"1", "dir\\A.txt": b"2", "\u00fc.txt": b"3"}
    path = build(
        resources=resource("a", "webcontent", "dir/a.txt")
        + resource("b", "webcontent", "dir/A.txt")
        + resource("c", "webcontent", "\u00fc.txt"),
        files=files,
    )
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.rindex(mark) + offset + 1] &= ~0x08  # UTF-8 that does not say so
    path.write_bytes(bytes(data))
    snapshot = await read(path)
    found = {file.remote_id: (file.name, file.path) for file in snapshot.of(Kind.FILE)}
    assert found == {
        "a": ("a.txt", "dir/a.txt"),
        "b": ("A.txt", "dir/A.txt"),
        "c": ("\u00fc.txt", "\u00fc.txt"),
    }
    (file,) = [file for file in snapshot.of(Kind.FILE) if file.remote_id == "b"]
    assert [piece async for piece in file.chunks()] == [b"2"]

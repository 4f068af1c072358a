"""Export, then import: the same course."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bloop_cartridge.exporter import CartridgeExporter
from bloop_cartridge.provider import CartridgeProvider
from bloop_sdk.records import (
    Assignment,
    Choice,
    Container,
    Discussion,
    File,
    Kind,
    Link,
    Node,
    Note,
    Opaque,
    Page,
    Question,
    QuestionKind,
    Quiz,
    Ref,
    RubricCriterion,
    RubricRating,
    Tool,
)
from bloop_sdk.testing import FakeContext, read_all

C = "course"


def shown(record):
    """What must survive: everything but how it was stored, and a node's number."""
    drop = {"raw": {}, "lost": ()}
    if isinstance(record, Node):
        drop["position"] = 0
    if isinstance(record, File):
        drop["path"] = None
    return dataclasses.replace(record, **drop)


def in_order(records):
    """The tree as (parent, node) in the order in which siblings stand."""
    nodes = [record for record in records if isinstance(record, Node)]
    places = {node.remote_id: node for node in nodes}
    parents = {}
    for node in sorted(nodes, key=lambda n: (n.position, n.remote_id)):
        parents.setdefault(node.parent, []).append(node.remote_id)
    return parents, {key: shown(node) for key, node in places.items()}


async def test_every_sample_survives(sample, read, hold, export):
    before = await read(sample)
    after = await read(export(await hold(before)))
    assert after.skipped == {}
    assert in_order(after.records.values()) == in_order(before.records.values())
    contents = {ref: shown(record) for ref, record in before.records.items()}
    assert {ref: shown(record) for ref, record in after.records.items()} == contents
    assert after.files == before.files


async def test_a_second_export_is_the_same_bytes(sample, read, hold, export):
    source = await hold(await read(sample))
    first, second = export(source, "first.imscc"), export(source, "second.imscc")
    assert first.read_bytes() == second.read_bytes()


async def test_an_export_of_an_export_is_the_same_bytes(sample, read, hold, export):
    first = export(await hold(await read(sample)), "first.imscc")
    second = export(await hold(await read(first)), "second.imscc")
    third = export(await hold(await read(second)), "third.imscc")
    assert second.read_bytes() == third.read_bytes()


def course(**changes):
    return Container(remote_id=C, title="Chemistry", **changes)


def node(remote_id, content=None, parent=None, position=1, **changes):
    return Node(
        remote_id=remote_id,
        container=C,
        parent=parent,
        position=position,
        title=changes.pop("title", f"Node {remote_id}"),
        content=content,
        **changes,
    )


@pytest.fixture
def same(held, export, read):
    """Export records and import them again; gives (before, after) by ref."""

    async def same(contents, nodes=(), blobs=None, container=None):
        source = held(container or course(), list(nodes), list(contents), blobs or {})
        snapshot = await read(export(source))
        return snapshot, export.report

    return same


async def test_dates_rubrics_and_states_survive(same):
    at = datetime(2026, 5, 1, 12, 30, 15, 250000, tzinfo=UTC)
    work = Assignment(
        remote_id="42",
        container=C,
        title="Essay",
        published=False,
        html="<p>Write</p>",
        points=7.5,
        due_at=at,
        opens_at=at.replace(day=2),
        closes_at=at.replace(day=3),
        submission_types=("text", "external", "none"),
        rubric=(
            RubricCriterion(
                title="Clarity",
                points=5,
                description="How clear",
                ratings=(RubricRating(title="Good", points=5, description="Very"),),
            ),
        ),
    )
    container = course(
        code="CHEM 1",
        language="de",
        summary_html='<p>See <a href="bloop:assignment:42">it</a></p>',
        starts_at=at,
        ends_at=at.replace(day=9),
    )
    snapshot, _ = await same([work], container=container)
    assert shown(snapshot.records[work.ref]) == work
    assert shown(snapshot.records[Ref(Kind.COURSE, C)]) == container


async def test_announcements_and_restricted_quizzes_survive(same):
    at = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    news = Discussion(
        remote_id="n", container=C, title="News", html="x", announcement=True, posted_at=at
    )
    exam = Quiz(remote_id="e", container=C, title="Exam", restricted=True)
    bank = Quiz(remote_id="b", container=C, title="Bank", bank=True, restricted=True)
    snapshot, _ = await same([news, exam, bank])
    assert [shown(snapshot.records[one.ref]) for one in (news, exam, bank)] == [news, exam, bank]


async def test_ids_of_any_shape_survive(same):
    """Two kinds share an id, one is a path, one differs by letter case only."""
    pages = [Page(remote_id=name, container=C, title="P", html="") for name in ("7", "a", "A")]
    odd = Page(remote_id="web/ä ö?#.html", container=C, title="P", html="")
    quiz = Quiz(remote_id="7", container=C, title="Q")
    nodes = [node("a", pages[1].ref), node("7#content", quiz.ref, position=2)]
    snapshot, _ = await same([*pages, odd, quiz], nodes)
    found = set(snapshot.records)
    assert {page.ref for page in (*pages, odd)} | {quiz.ref} <= found
    assert snapshot.records[Ref(Kind.MODULE, "7#content")].content == quiz.ref


async def test_links_between_all_kinds_survive(same):
    file = File(remote_id="f/1 x.png", container=C, title="Pic", name="1 x.png", path="f/1 x.png")
    page = Page(remote_id="p1", container=C, title="P", html="")
    link = Link(remote_id="l", container=C, title="L", href="https://example.org/?a=1&b=2")
    html = (
        '<a href="bloop:file:f%2F1%20x.png#top">file</a> <a href="bloop:page:p1">page</a>'
        ' <a href="bloop:link:l">link</a> <a href="bloop:module:n">module</a>'
        ' <img src="bloop:file:gone"> <a href="https://example.org/#a">out</a>'
        " bloop:page:p1 in text, a &lt; b"
    )
    texts = [
        Page(remote_id="p2", container=C, title="P2", html=html),
        Discussion(remote_id="d", container=C, title="D", html=html, attachments=(file.ref,)),
        Tool(remote_id="t", container=C, title="T", launch_url="https://t.example", html=html),
        Opaque(remote_id="o", container=C, title="O", remote_kind="glossary", html=html),
        Assignment(remote_id="as", container=C, title="A", html=html),
        Quiz(remote_id="q", container=C, title="Q", html=html),
    ]
    contents = [file, page, link, *texts]
    snapshot, _ = await same(contents, [node("n")], {"f/1 x.png": b"pixels"})
    for content in contents[1:]:
        assert shown(snapshot.records[content.ref]) == content
    again = snapshot.records[file.ref]
    assert (again.title, again.name, again.path) == ("Pic", "1 x.png", "f/1 x.png")


async def test_an_html_file_in_the_tree_stays_a_file(same):
    file = File(remote_id="f", container=C, title="x.html", name="x.html", media_type="text/html")
    snapshot, _ = await same([file], [node("n", file.ref)], {"f": b"<p>x</p>"})
    assert file.ref in snapshot.records


async def test_what_cannot_be_written_is_named(same):
    gone = File(remote_id="gone", container=C, title="g.pdf", name="g.pdf")
    note = Note(remote_id="n", container=C, title="N", markdown="# a < b")
    snapshot, report = await same([gone, note], [node("leaf", gone.ref), node("m", position=2)])
    assert [ref.remote_id for ref in snapshot.records if ref.kind is Kind.MODULE] == ["m"]
    assert "<pre># a &lt; b</pre>" in snapshot.records[Ref(Kind.PAGE, "n")].html
    told = " ".join(report.lost)
    assert "file 'g.pdf' is left out" in told
    assert "note 'n' becomes a page" in told
    assert report.written == {"course": 1, "module": 1, "note": 1}


async def test_files_at_the_same_or_an_unsafe_path_are_moved(same):
    files = [
        File(remote_id="1", container=C, title="a.txt", name="a.txt", path="x/a.txt"),
        File(remote_id="2", container=C, title="a.txt", name="a.txt", path="X/A.txt"),
        File(remote_id="3", container=C, title="b.txt", name="b.txt", path="../../b.txt"),
    ]
    blobs = {"1": b"one", "2": b"two", "3": b"three"}
    snapshot, report = await same(files, blobs=blobs)
    assert len(snapshot.files) == 3
    assert len(set(snapshot.files.values())) == 3
    assert len(report.lost) == 2


async def test_nodes_may_come_breadth_first_and_deep(same):
    chain = [node("d0")]
    chain += [node(f"d{n}", parent=f"d{n - 1}") for n in range(1, 40)]
    nodes = [*chain[:1], node("second", position=2), *chain[1:]]
    snapshot, _ = await same([], nodes)
    parents, _ = in_order(snapshot.records.values())
    assert parents[None] == ["d0", "second"]
    assert parents["d38"] == ["d39"]


async def test_the_export_keeps_to_the_profile(same, held, export):
    """Every href is in the zip, every reference resolves, identifiers occur once."""
    quiz = Quiz(
        remote_id="q",
        container=C,
        title="Q",
        questions=(
            Question(id="1", kind=QuestionKind.MATCHING, html="m"),
            # Each is worth all points to the hub; the profile gives points for all of them.
            Question(
                id="2",
                kind=QuestionKind.MULTIPLE,
                html="n",
                choices=tuple(Choice(id=name, html=name, weight=100.0) for name in "ab"),
            ),
        ),
    )
    page = Page(remote_id="p", container=C, title="P", html="x")
    target = export(held(course(), [node("n", quiz.ref)], [quiz, page], {}))
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        root = ET.fromstring(archive.read("imsmanifest.xml"))
        profile = archive.read("quizzes/q/assessment_qti.xml").decode()
    identifiers = [e.get("identifier") for e in root.iter() if e.get("identifier")]
    assert len(identifiers) == len(set(identifiers))
    hrefs = [e.get("href") for e in root.iter() if e.get("href")]
    assert set(hrefs) <= names
    assert names - {"imsmanifest.xml"} == set(hrefs)
    refs = [e.get("identifierref") for e in root.iter() if e.get("identifierref")]
    assert set(refs) <= set(identifiers)
    assert "matching" not in profile
    assert '<and><varequal respident="response1">a<' in profile.replace("\n", "").replace("  ", "")
    told = "quiz 'q': questions that only a reader of Canvas's form finds: 1 matching"
    assert told in export.report.lost
    assert {local.tag.rpartition("}")[0][1:] for local in root.iter()} == {
        "http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1",
        "http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest",
    }


# What a person may write into a title, a text, an id: XML's characters, no padding.
words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"),
    min_size=1,
    max_size=12,
).map(lambda text: " ".join(text.split()) or "x")
plain = words.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
html = st.one_of(st.just(""), plain, plain.map(lambda text: f"<p>{text}</p>\n<b>1</b>"))
names = st.text("abcXYZ019._-", min_size=1, max_size=8)
weights = st.sampled_from([0.0, 100.0, 50.0, -25.0, 33.333])
numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: value + 0.0)
flags = st.booleans()


def _choices(kind, ids, draw):
    make = {
        QuestionKind.BLANK: lambda i, text: Choice(
            id=i, html=text, weight=draw(weights), feedback_html=draw(html)
        ),
        QuestionKind.MATCHING: lambda i, text: Choice(
            id=i, html=text, weight=draw(st.sampled_from([50.0, 25.0])), group=draw(plain)
        ),
        QuestionKind.BLANKS: lambda i, text: Choice(
            id=i,
            html=text,
            weight=draw(weights),
            group=draw(st.sampled_from(["a", "b c", "ä"])),
            feedback_html=draw(html),
        ),
    }
    simple = make.get(kind) or (
        lambda i, text: Choice(id=i, html=text, weight=draw(weights), feedback_html=draw(html))
    )
    return tuple(simple(i, draw(plain) + str(n)) for n, i in enumerate(ids))


@st.composite
def questions(draw, number):
    kind = draw(st.sampled_from(list(QuestionKind)))
    ids = draw(st.lists(names, min_size=1, max_size=4, unique_by=str.casefold))
    choices, raw_type = (), None
    if kind in {QuestionKind.ESSAY, QuestionKind.UPLOAD, QuestionKind.TEXT}:
        pass
    elif kind is QuestionKind.NUMERIC:
        low = draw(numbers)
        choices = (Choice(id=ids[0], html="1.5", weight=100.0, low=low, high=low + 1),)
    elif kind is QuestionKind.FORMULA:
        choices = (
            Choice(id="formula1", html="x + 1", weight=100.0, group="formula", low=-0.5, high=0.5),
            Choice(id="x", html="x", group="variable", low=1.0, high=draw(numbers)),
        )
    else:
        choices = _choices(kind, ids, draw)
    if kind is QuestionKind.OPAQUE:
        raw_type = draw(st.sampled_from([None, "hotspot", "essay_question"]))
    if kind is QuestionKind.BLANKS:
        raw_type = draw(st.sampled_from([None, "multiple_dropdowns_question", "gapselect"]))
    if kind is QuestionKind.BLANKS or kind is QuestionKind.OPAQUE:
        # Answers stand with their blank, as they do in QTI.
        choices = tuple(sorted(choices, key=lambda choice: choice.group or ""))
    return Question(
        id=f"q{number}",
        kind=kind,
        title=draw(words),
        html=draw(html),
        points=draw(st.sampled_from([0.0, 1.0, 2.5])),
        choices=choices,
        feedback_html=draw(html),
        correct_html=draw(html),
        incorrect_html=draw(html),
        case_sensitive=kind is QuestionKind.BLANK and draw(flags),
        raw_type=raw_type,
    )


@st.composite
def contents(draw, number):
    kind = draw(st.sampled_from(["page", "link", "topic", "tool", "opaque", "quiz", "file"]))
    remote_id = draw(st.sampled_from([f"{number}", f"id{number}", f"a/b {number}.x"]))
    common = {
        "remote_id": remote_id,
        "container": C,
        "title": draw(words),
        "published": draw(flags),
    }
    if kind == "page":
        return Page(**common, html=draw(html))
    if kind == "link":
        return Link(**common, href="https://example.org/?a=b&c", new_window=draw(flags))
    if kind == "topic":
        return Discussion(**common, html=draw(html))
    if kind == "tool":
        custom = tuple(draw(st.lists(st.tuples(names, words), max_size=2)))
        return Tool(**common, launch_url="http://t.example/", html=draw(html), custom=custom)
    if kind == "opaque":
        return Opaque(**common, remote_kind=draw(words), html=draw(html))
    if kind == "file":
        return File(
            **common, name=f"{number}.txt", media_type="text/plain", size=3, path=f"{number}.txt"
        )
    several = draw(st.integers(0, 3))
    return Quiz(
        **common,
        html=draw(html),
        questions=tuple(draw(questions(n)) for n in range(several)),
        bank=draw(flags),
        points=draw(st.sampled_from([None, 3.0])),
        time_limit=draw(st.sampled_from([None, 12.5])),
        attempts=draw(st.sampled_from([None, 2])),
    )


@st.composite
def courses(draw):
    made = [draw(contents(number)) for number in range(draw(st.integers(0, 5)))]
    nodes = []
    for number in range(draw(st.integers(0, 6))):
        parent = draw(st.sampled_from([None, *[n.remote_id for n in nodes if not n.content]]))
        content = draw(st.sampled_from([None, *[one.ref for one in made]]))
        nodes.append(
            node(
                draw(st.sampled_from([f"n{number}", f"{number}"])),
                content,
                parent,
                number,
                title=draw(words),
                published=draw(flags),
            )
        )
    return nodes, made


class FromBytes(FakeContext):
    """A context whose source is written on the spot."""


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(made=courses())
async def test_any_course_survives(made, held, tmp_path):
    nodes, contents_ = made
    blobs = {one.remote_id: b"abc" for one in contents_ if isinstance(one, File)}
    buffer = io.BytesIO()
    source = held(course(), nodes, contents_, blobs)
    CartridgeExporter(FakeContext()).export(source, buffer)
    path = tmp_path / "any.imscc"
    path.write_bytes(buffer.getvalue())
    snapshot = await read_all(CartridgeProvider(FakeContext(source=path)))
    assert snapshot.skipped == {}
    assert in_order(snapshot.records.values()) == in_order(nodes)
    for content in contents_:
        after = snapshot.records[content.ref]
        assert unpaired(shown(after)) == unpaired(shown(content))


def unpaired(content):
    """QTI puts decoys behind the pairs, and numbers of a range carry no text of their own."""
    if not isinstance(content, Quiz):
        return content
    return dataclasses.replace(
        content,
        questions=tuple(
            dataclasses.replace(
                q, choices=tuple(sorted(q.choices, key=lambda c: (c.group is None, c.id)))
            )
            if q.kind is QuestionKind.MATCHING
            else q
            for q in content.questions
        ),
    )

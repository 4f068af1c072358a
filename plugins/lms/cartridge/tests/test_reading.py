"""What real exports do to their manifests, names, encodings and links."""

from __future__ import annotations

import unicodedata
import zipfile

import pytest

from bloop_sdk.errors import FatalError, UnsupportedError
from bloop_sdk.providers.content import Partition
from bloop_sdk.records import Cursor, Kind, Ref

NAMESPACES = (
    ("http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1", "1.1.0"),
    ("http://www.imsglobal.org/xsd/imsccv1p2/imscp_v1p1", "1.2.0"),
    ("http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1", "1.3.0"),
    ("http://www.imsglobal.org/xsd/imscp_v1p1", "1.1.4"),
    ("urn:nobody:knows", "9"),
)


def resource(identifier, type_, href, *more, inside=""):
    files = "".join(f'<file href="{path}"/>' for path in (href, *more))
    return (
        f'<resource identifier="{identifier}" type="{type_}" href="{href}">'
        f"{inside}{files}</resource>"
    )


def item(identifier, ref=None, title=None, inside=""):
    shown = f' identifierref="{ref}"' if ref else ""
    named = f"<title>{title}</title>" if title else ""
    return f'<item identifier="{identifier}"{shown}>{named}{inside}</item>'


def nodes(snapshot):
    return [(n.remote_id, n.parent, n.title, n.content) for n in snapshot.of(Kind.MODULE)]


@pytest.mark.parametrize(("namespace", "version"), NAMESPACES)
async def test_versions_and_unknown_namespaces(read, build, provider, namespace, version):
    path = build(
        item("i", "p", "P"),
        resource("p", "webcontent", "p.html"),
        {"p.html": "<p>x</p>"},
        namespace=namespace,
        version=version,
    )
    snapshot = await read(path)
    assert snapshot.records[Ref(Kind.PAGE, "p")].html == "<p>x</p>"
    assert (await provider(path).check()).version == version
    (course,) = snapshot.of(Kind.COURSE)
    assert bool(course.lost) == (namespace == "urn:nobody:knows")


async def test_the_thin_variant_holds_its_links_in_the_manifest(read, build):
    link = '<webLink xmlns="http://www.imsglobal.org/xsd/imsccv1p3/imswl_v1p3">'
    link += '<title>L</title><url href="https://example.org/"/></webLink>'
    tool = '<cartridge_basiclti_link xmlns="http://www.imsglobal.org/xsd/imslticc_v1p3"'
    tool += ' xmlns:blti="http://www.imsglobal.org/xsd/imsbasiclti_v1p0"><blti:title>T</blti:title>'
    tool += "<blti:launch_url>https://t.example/</blti:launch_url></cartridge_basiclti_link>"
    path = build(
        item("i1", "l", "Link") + item("i2", "t", "Tool"),
        f'<resource identifier="l" type="imswl_xmlv1p3">{link}</resource>'
        f'<resource identifier="t" type="imsbasiclti_xmlv1p3">{tool}</resource>',
    )
    snapshot = await read(path)
    assert snapshot.records[Ref(Kind.LINK, "l")].href == "https://example.org/"
    assert snapshot.records[Ref(Kind.TOOL, "t")].launch_url == "https://t.example/"
    assert [node[3] for node in nodes(snapshot)] == [Ref(Kind.LINK, "l"), Ref(Kind.TOOL, "t")]


async def test_a_folder_around_the_cartridge_is_named(read, tmp_path, manifest):
    path = tmp_path / "folder.zip"
    with zipfile.ZipFile(path, "w") as archive:
        page = resource("p", "webcontent", "wiki_content/p.html")
        archive.writestr("My Course/imsmanifest.xml", manifest(resources=page))
        archive.writestr("My Course/wiki_content/p.html", "<p>x</p>")
        archive.writestr("__MACOSX/._x", "junk")
    snapshot = await read(path)
    assert Ref(Kind.PAGE, "p") in snapshot.records
    (course,) = snapshot.of(Kind.COURSE)
    assert any("'My Course/'" in text for text in course.lost)


async def test_titles_come_from_where_there_is_one(read, build):
    path = build(
        item("i1", "p1") + item("i2", "p2", "From the item") + item("i3", "p3") + item("i4"),
        resource("p1", "webcontent", "one.html")
        + resource("p2", "webcontent", "two.html")
        + resource("p3", "webcontent", "three.html"),
        {
            "one.html": "<html><head><title>A &amp; B</title></head><body>x</body></html>",
            "two.html": "x",
            "three.html": "x",
        },
    )
    snapshot = await read(path)
    assert [node[2] for node in nodes(snapshot)] == [
        "A & B",
        "From the item",
        "three.html",
        "Untitled",
    ]
    assert snapshot.records[Ref(Kind.PAGE, "p2")].title == "From the item"


async def test_an_item_with_content_and_children_becomes_a_folder_and_a_leaf(read, build):
    path = build(
        item("top", "p", "Top", item("sub", "p", "Sub")),
        resource("p", "webcontent", "p.html"),
        {"p.html": "x"},
    )
    page = Ref(Kind.PAGE, "p")
    assert nodes(await read(path)) == [
        ("top", None, "Top", None),
        ("top#content", "top", "Top", page),
        ("sub", "top", "Sub", page),
    ]


async def test_hidden_items_and_resources(read, build):
    role = "<metadata><lom><educational><intendedEndUserRole><value>Instructor</value>"
    role += "</intendedEndUserRole></educational></lom></metadata>"
    path = build(
        '<item identifier="i" identifierref="p" isvisible="false"><title>P</title></item>',
        resource("p", "webcontent", "p.html", inside=role),
        {"p.html": "x"},
    )
    snapshot = await read(path)
    assert not snapshot.records[Ref(Kind.PAGE, "p")].published
    assert not snapshot.records[Ref(Kind.MODULE, "i")].published


async def test_duplicates_dangling_references_and_circles_are_quarantined(read, build):
    path = build(
        item("a", "p", "First") + item("a", "p", "Twice") + item("b", "gone", "Dangling"),
        resource("p", "webcontent", "p.html", inside='<dependency identifierref="q"/>')
        + resource("q", "webcontent", "q.txt", inside='<dependency identifierref="p"/>')
        + resource("p", "webcontent", "other.html")
        + resource("self", "webcontent", "q.txt", inside='<dependency identifierref="self"/>')
        + resource("lone", "webcontent", "q.txt", inside='<dependency identifierref="nothing"/>')
        + resource("missing", "webcontent", "missing.pdf")
        + '<resource type="webcontent" href="q.txt"/>',
        {"p.html": "x", "q.txt": "y"},
    )
    snapshot = await read(path)
    assert set(snapshot.skipped) == {
        "module:b",
        "resource:p",
        "resource:",
        "file:missing",
        "dependency:lone->nothing",
        "dependency:q->p",
        "dependency:self->self",
    }
    assert {str(ref) for ref in snapshot.records} == {
        "course:course",
        "module:a",
        "module:a~2",
        "page:p",
        "file:q",
        "file:self",
        "file:lone",
    }


async def test_variants_that_refer_to_each_other_end_in_one_record(read, build):
    def variant(identifier, other):
        inside = f'<variant identifier="v{identifier}" identifierref="{other}"/>'
        return resource(identifier, "webcontent", f"{identifier}.html", inside=inside)

    path = build(
        item("i", "a", "Any"),
        variant("a", "b") + variant("b", "c") + variant("c", "a"),
        {"a.html": "a", "b.html": "b", "c.html": "c"},
    )
    snapshot = await read(path)
    assert snapshot.counts() == {"course": 1, "module": 1, "file": 1}
    assert "variant:c" in snapshot.skipped


async def test_a_fallback_stands_behind_what_it_is_a_fallback_of(read, build):
    variant = '<variant identifier="v" identifierref="a"/>'
    path = build(
        item("i", "fallback", "Work"),
        resource("a", "assignment_xmlv1p0", "a.xml")
        + resource("fallback", "webcontent", "a.html", inside=variant),
        {"a.xml": "<assignment><title>W</title></assignment>", "a.html": "W"},
    )
    snapshot = await read(path)
    assert nodes(snapshot)[0][3] == Ref(Kind.ASSIGNMENT, "a")
    assert snapshot.counts() == {"course": 1, "module": 1, "assignment": 1}


async def test_a_canvas_assignment_with_missing_parts(read, build):
    def work(name):
        page, settings = f"{name}/text.html", f"{name}/assignment_settings.xml"
        return resource(name, "associatedcontent/x", page, settings)

    path = build(
        item("i", "b", "B"),
        work("a") + work("b") + work("c") + work("d"),
        {
            "a/text.html": "A",
            "b/assignment_settings.xml": "<assignment><title>B</title></assignment>",
            "d/text.html": "D",
            "d/assignment_settings.xml": "<assignment>",
        },
    )
    snapshot = await read(path)
    assert list(snapshot.skipped) == ["assignment:c"]
    a, b, d = (snapshot.records[Ref(Kind.ASSIGNMENT, name)] for name in "abd")
    assert (a.html, a.lost) == ("A", ("the assignment's settings are not in the zip",))
    assert (b.title, b.lost) == ("B", ("the assignment's text is not in the zip",))
    assert (d.html, len(d.lost)) == ("D", 1)
    assert snapshot.records[Ref(Kind.MODULE, "i")].content == b.ref


async def test_broken_settings_cost_themselves_alone(read, build):
    qti = '<questestinterop><assessment ident="q" title="Q"/></questestinterop>'
    needs = '<dependency identifierref="{}"/>'.format
    path = build(
        "",
        resource("q", "imsqti_xmlv1p2/imscc_xmlv1p1/assessment", "q.xml", inside=needs("m"))
        + resource("m", "associatedcontent/x", "q/assessment_meta.xml", "q/q.xml.qti")
        + resource("t", "imsdt_xmlv1p1", "t.xml", inside=needs("tm"))
        + resource("tm", "associatedcontent/x", "tm.xml"),
        {
            "q.xml": qti,
            "q/assessment_meta.xml": "<quiz>",
            "q/q.xml.qti": "<nothing/>",
            "t.xml": "<topic><title>T</title></topic>",
            "tm.xml": "<topicMeta>",
            "course_settings/module_meta.xml": "<modules><module",
            "course_settings/course_settings.xml": "<course",
            "course_settings/rubrics.xml": LAUGHS,
        },
    )
    snapshot = await read(path)
    assert snapshot.skipped == {}
    assert snapshot.counts() == {"course": 1, "quiz": 1, "discussion": 1}
    (course,) = snapshot.of(Kind.COURSE)
    assert sum("could not be read" in text for text in course.lost) == 3
    assert all(len(record.lost) == 1 for record in snapshot.of(Kind.QUIZ))


async def test_a_link_takes_from_canvas_what_it_lacks(read, build):
    meta = '<modules><module identifier="m"><items><item identifier="i"><new_tab>true</new_tab>'
    meta += "<url>https://example.org/</url></item></items></module></modules>"
    path = build(
        item("i", "l", "Link"),
        resource("l", "imswl_xmlv1p1", "l.xml"),
        {"l.xml": "<webLink/>", "course_settings/module_meta.xml": meta},
    )
    link = (await read(path)).records[Ref(Kind.LINK, "l")]
    assert (link.title, link.href, link.new_window) == ("Link", "https://example.org/", True)


async def test_unknown_types_are_kept_with_their_files(read, build):
    path = build(
        item("i", "x", "Thing"),
        resource("x", "vendor/thing", "x/thing.bin", "x/pic.png"),
        {"x/thing.bin": b"1", "x/pic.png": b"2"},
    )
    snapshot = await read(path)
    thing = snapshot.records[Ref(Kind.OPAQUE, "x")]
    assert (thing.remote_kind, thing.title) == ("vendor/thing", "Thing")
    assert {ref.remote_id for ref in snapshot.records if ref.kind is Kind.FILE} == {
        "x/thing.bin",
        "x/pic.png",
    }


@pytest.mark.parametrize(
    ("in_manifest", "in_zip"),
    [
        ("a%20b.txt", "a b.txt"),
        ("what?.txt", "what?.txt"),
        ("./c.txt", "c.txt"),
        ("dir\\d.txt", "dir/d.txt"),
        (unicodedata.normalize("NFC", "ä.txt"), unicodedata.normalize("NFD", "ä.txt")),
        ("Photo.JPG", "photo.jpg"),
        ("&amp;.txt", "&.txt"),
    ],
)
async def test_odd_names(read, build, in_manifest, in_zip):
    path = build(resources=resource("f", "webcontent", in_manifest), files={in_zip: b"x"})
    snapshot = await read(path)
    assert snapshot.records[Ref(Kind.FILE, "f")].name == in_zip.rpartition("/")[2]
    assert snapshot.skipped == {}


async def test_names_of_a_zip_that_forgot_to_say_it_is_utf8(read, build):
    path = build(resources=resource("f", "webcontent", "ü.txt"), files={"ü.txt": b"x"})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = data.rindex(mark)
        data[at + offset + 1] &= ~0x08
    path.write_bytes(bytes(data))
    assert (await read(path)).skipped == {}


async def test_xml_base_moves_the_files(read, build):
    inside = '<resource xml:base="sub/" identifier="f" type="webcontent" href="f.txt">'
    inside += '<file href="f.txt"/></resource>'
    snapshot = await read(build(resources=inside, files={"sub/f.txt": b"x"}))
    assert snapshot.records[Ref(Kind.FILE, "f")].path == "sub/f.txt"


TEXTS = [
    ("utf-8-sig", "utf-8", True),
    ("utf-16", "utf-16", True),
    ("utf-16-le", "UTF-16", True),
    ("latin-1", "iso-8859-1", True),
    ("cp1252", "windows-1252", True),
    ("utf-8", "utf-16", True),
    ("latin-1", "utf-8", False),
    ("utf-8", "punycode", True),
    ("utf-8", "no-such", True),
]


@pytest.mark.parametrize(("encoding", "declared", "honest"), TEXTS)
async def test_encodings_of_records(read, build, encoding, declared, honest):
    text = f'<?xml version="1.0" encoding="{declared}"?><webLink><title>Übung</title>'
    text += '<url href="u"/></webLink>'
    path = build(
        resources=resource("l", "imswl_xmlv1p1", "l.xml"), files={"l.xml": text.encode(encoding)}
    )
    snapshot = await read(path)
    link = snapshot.records[Ref(Kind.LINK, "l")]
    assert link.title == "Übung"
    assert (link.lost == ()) == honest


@pytest.mark.parametrize(("encoding", "declared", "honest"), TEXTS)
async def test_encodings_of_manifests(read, build, manifest, encoding, declared, honest):
    text = manifest(title="Übung").replace("UTF-8", declared)
    snapshot = await read(build(manifest=text.encode(encoding)))
    (course,) = snapshot.of(Kind.COURSE)
    assert course.title == "Übung"
    assert (course.lost == ()) == honest


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
async def test_encodings_of_pages(read, build, encoding):
    page = resource("p", "webcontent", "wiki_content/p.html")
    snapshot = await read(
        build(resources=page, files={"wiki_content/p.html": "ö".encode(encoding)})
    )
    assert snapshot.records[Ref(Kind.PAGE, "p")].html == "ö"


async def test_forbidden_characters_and_html_entities_are_mended(read, build):
    text = "<webLink><title>a\x0b&nbsp;b&lt;</title><url href='u'/></webLink>"
    snapshot = await read(build(resources=resource("l", "imswl", "l.xml"), files={"l.xml": text}))
    link = snapshot.records[Ref(Kind.LINK, "l")]
    assert link.title == "a\xa0b<"
    assert any("were replaced" in note for note in link.lost)


LINKS = [
    ("$IMS-CC-FILEBASE$/pic.png", "bloop:file:pic"),
    ("$IMS-CC-FILEBASE$/pic.png?canvas_download=1&amp;x=2", "bloop:file:pic"),
    ("%24IMS-CC-FILEBASE%24/pic.png#here", "bloop:file:pic#here"),
    ("$IMS_CC_FILEBASE$/files/pic.png", "bloop:file:pic"),
    ("$IMS-CC-FILEBASE$/../web_resources/pic.png", "bloop:file:pic"),
    ("../web_resources/pic.png", "bloop:file:pic"),
    ("other.html", "bloop:page:other"),
    ("$WIKI_REFERENCE$/pages/other", "bloop:page:other"),
    ("%24WIKI_REFERENCE%24/wiki/other#x", "bloop:page:other#x"),
    ("$CANVAS_OBJECT_REFERENCE$/pages/other", "bloop:page:other"),
    ("$CANVAS_OBJECT_REFERENCE$/discussion_topics/topic", "bloop:discussion:topic"),
    ("$CANVAS_COURSE_REFERENCE$/file_ref/pic?wrap=1", "bloop:file:pic"),
    ("$CANVAS_OBJECT_REFERENCE$/modules/m", "bloop:module:m"),
    ("https://example.org/pic.png", None),
    ("mailto:a@example.org", None),
    ("#below", None),
    ("/courses/1", None),
    ("data:image/png;base64,AAAA", None),
]
LAUGHS = '<!DOCTYPE r [<!ENTITY a "ha">]><rubrics>&a;</rubrics>'
DEAD = ["gone.html", "$IMS-CC-FILEBASE$/gone.png", "$CANVAS_OBJECT_REFERENCE$/quizzes/x", "../../x"]


async def links(read, build, html):
    path = build(
        item("m", None, "Module"),
        resource("p", "webcontent", "wiki_content/p.html")
        + resource("other", "webcontent", "wiki_content/other.html")
        + resource("pic", "webcontent", "web_resources/pic.png")
        + resource("topic", "imsdt_xmlv1p3", "topic.xml"),
        {
            "wiki_content/p.html": f"<body>{html}</body>",
            "wiki_content/other.html": "x",
            "web_resources/pic.png": b"x",
            "topic.xml": "<topic><title>T</title><text>x</text></topic>",
        },
    )
    return (await read(path)).records[Ref(Kind.PAGE, "p")]


@pytest.mark.parametrize(("url", "target"), LINKS)
async def test_links(read, build, url, target):
    page = await links(read, build, f'<a class="x" href="{url}">t</a>')
    assert page.html == f'<a class="x" href="{target or url}">t</a>'
    assert page.lost == ()


@pytest.mark.parametrize("url", DEAD)
async def test_links_to_nothing_stay_and_are_named(read, build, url):
    page = await links(read, build, f"<a href='{url}'>t</a>")
    assert page.html == f"<a href='{url}'>t</a>"
    assert page.lost == (f"link to nothing in the cartridge: {url}",)


async def test_only_tags_are_changed(read, build):
    html = '<!-- <a href="other.html"> --> href="other.html" <p title="href=\'other.html\'">'
    page = await links(read, build, html + "<a href=other.html>")
    assert page.html == html + '<a href="bloop:page:other">'


async def test_equations_become_text(read, build):
    image = '<img class="equation_image" title="t" data-equation-content="a &lt; \\frac{1}{2}">'
    page = await links(read, build, f"<p>{image}</p>")
    assert page.html == r"<p>\(a &lt; \frac{1}{2}\)</p>"


async def test_a_change_in_any_file_changes_raw(read, build):
    """Also when the record's own bytes are the same: its link's target appeared."""
    page = resource("p", "webcontent", "wiki_content/p.html")
    file = resource("f", "webcontent", "f.png")
    body = {"wiki_content/p.html": '<img src="../f.png">'}
    before = (await read(build(resources=page, files=body))).records[Ref(Kind.PAGE, "p")]
    after = await read(build(resources=page + file, files={**body, "f.png": b"x"}))
    assert before.raw != after.records[Ref(Kind.PAGE, "p")].raw


async def test_another_file_starts_from_the_beginning(provider, build):
    path = build(item("i", None, "M"))
    stale = Cursor({"file": "another", "next": 2})
    batches = [b async for b in provider(path).read(Partition("content"), stale)]
    assert [type(record).__name__ for record in batches[0].records] == ["Container", "Node"]
    with pytest.raises(UnsupportedError):
        [b async for b in provider(path).read(Partition("people"), None)]


async def test_a_batch_ends_early_when_its_texts_are_large(provider, build):
    page = "".join(resource(f"p{n}", "webcontent", f"wiki_content/{n}.html") for n in range(6))
    path = build(resources=page, files={f"wiki_content/{n}.html": "x" * 900 for n in range(6)})
    read = provider(path, batch_bytes=1000).read(Partition("content"), None)
    assert [len(batch.records) async for batch in read] == [3, 2, 2]


async def test_fetch_names_what_is_not_there(provider, build):
    reader = provider(build(item("i", None, "M")))
    wanted = [Ref(Kind.MODULE, "i"), Ref(Kind.COURSE, "course"), Ref(Kind.PAGE, "gone")]
    batch = await reader.fetch(wanted)
    assert [record.remote_id for record in batch.records] == ["i", "course"]
    assert [skipped.ref for skipped in batch.skipped] == ["page:gone"]


async def test_a_connection_without_a_file_is_refused(provider):
    with pytest.raises(FatalError, match="stands for no file"):
        await provider(None).discover()

from __future__ import annotations

import unicodedata
from urllib.parse import quote

import pytest

from bloop_sdk.records import Kind


def href(kind, path, anchor=""):
    return f'"bloop:{kind}:{quote(path, safe="")}{anchor}"'


HEADING = href("note", "b.md", "#tr%C3%AAs")
DEEP_X = href("note", "Deep/Deeper/c d.md", "#x")
PICTURE = href("file", "pics/x y.png")
SONG = href("file", "song.mp3")

OTHERS = {
    "b.md": "",
    "Deep/b.md": "",
    "Deep/Deeper/c d.md": "",
    "Deep/e.md": "",
    "pics/x y.png": b"png",
    "song.mp3": b"mp3",
    "paper.pdf": b"pdf",
    "Note.v2.md": "",
}


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("[[b]]", f"<a href={href('note', 'b.md')}>b</a>"),
        ("[[B.MD|text]]", f"<a href={href('note', 'b.md')}>text</a>"),
        ("[[Deep/b]]", f"<a href={href('note', 'Deep/b.md')}>Deep/b</a>"),
        ("[[/Deep/b]]", f"<a href={href('note', 'Deep/b.md')}>/Deep/b</a>"),
        ("[[e]]", f"<a href={href('note', 'Deep/e.md')}>e</a>"),
        ("[[Deeper/c d]]", f"<a href={href('note', 'Deep/Deeper/c d.md')}>Deeper/c d</a>"),
        ("[[c%20d]]", f"<a href={href('note', 'Deep/Deeper/c d.md')}>c%20d</a>"),
        ("[[Note.v2]]", f"<a href={href('note', 'Note.v2.md')}>Note.v2</a>"),
        ("[[b#One two#Três!]]", f"<a href={HEADING}>b › One two › Três!</a>"),
        ("[[b#^block]]", f"<a href={href('note', 'b.md', '#%5Eblock')}>b › ^block</a>"),
        ("[[#Here it is]]", '<a href="#here-it-is">Here it is</a>'),
        ("[t](b.md)", f"<a href={href('note', 'b.md')}>t</a>"),
        ("[t](Deep/Deeper/c%20d.md#x)", f"<a href={DEEP_X}>t</a>"),
        ("[t](<Deep/Deeper/c d.md>)", f"<a href={href('note', 'Deep/Deeper/c d.md')}>t</a>"),
        ("[t](#here)", '<a href="#here">t</a>'),
        ("[t](https://x.org/b.md)", '<a href="https://x.org/b.md">t</a>'),
        ("[t](//x.org/b.md)", '<a href="//x.org/b.md">t</a>'),
        ("[t](paper.pdf)", f"<a href={href('file', 'paper.pdf')}>t</a>"),
        ("![[x y.png]]", f'<img src={href("file", "pics/x y.png")} alt="" />'),
        ("![[x y.png|300x200]]", f'<img src={PICTURE} alt="" width="300" height="200" />'),
        ("![[x y.png|A pic]]", f'<img src={href("file", "pics/x y.png")} alt="A pic" />'),
        ("![alt](pics/x%20y.png)", f'<img src={href("file", "pics/x y.png")} alt="alt" />'),
        ("<img src='pics/x y.png'>", f"<img src={href('file', 'pics/x y.png')}>"),
        ("![[song.mp3]]", f'<audio controls preload="metadata" src={SONG}></audio>'),
        ("![[paper.pdf]]", f"<a href={href('file', 'paper.pdf')}>paper.pdf</a>"),
        ("`[[b]]`", "<code>[[b]]</code>"),
        (r"\[[b]]", "[[b]]"),
        ("[[]] [[ ]] [[a\nb]]", "[[]] [[ ]] [[a\nb]]"),
    ],
)  # fmt: skip
async def test_a_link_becomes_what_it_means(note, written, html):
    found = await note(f"x {written}", OTHERS)
    assert found.html == f"<p>x {html}</p>\n"
    assert found.lost == ()


@pytest.mark.parametrize(
    ("written", "html", "lost"),
    [
        ("[[gone]]", "gone", "[[gone]]"),
        ("[[gone|text]]", "text", "[[gone|text]]"),
        ("[*t* u](gone.md)", "<em>t</em> u", "gone.md"),
        ("![alt](gone.png)", "alt", "gone.png"),
        ("![[gone.png]]", "gone.png", "[[gone.png]]"),
        ("[t](Deep/)", "t", "Deep/"),
        ("[[.hidden]]", ".hidden", "[[.hidden]]"),
    ],
)
async def test_a_link_to_nothing_stays_as_text_and_is_named(note, written, html, lost):
    found = await note(f"x {written} y", {**OTHERS, ".hidden.md": ""})
    assert found.html == f"<p>x {html} y</p>\n"
    assert found.lost == (f"link to nothing in the notebook: {lost}",)


@pytest.mark.parametrize(
    ("name", "tag"),
    [("a.webp", "<img"), ("a.SVG", "<img"), ("a.m4a", "<audio"), ("a.ogg", "<audio"),
     ("a.webm", "<video"), ("a.canvas", "<a"), ("a", "<a")],
)  # fmt: skip
async def test_what_is_embedded_is_shown_by_its_type(note, name, tag):
    found = await note(f"![[{name}]]", {f"files/{name}": b""})
    assert found.html.startswith(f"<p>{tag} ")
    assert found.lost == ()


async def test_only_some_links_to_nothing_are_named_one_by_one(note):
    found = await note(" ".join(f"[[gone {n}]]" for n in range(50)))
    assert len(found.lost) == 21
    assert found.lost[-1] == "and 30 more such links"


async def test_an_embedded_note_becomes_a_link_and_is_named(note):
    found = await note("![[b]]", OTHERS)
    assert found.html == f"<p><a href={href('note', 'b.md')}>b</a></p>\n"
    assert found.lost == ("embedded note, shown as a link: b",)


async def test_the_own_folder_comes_first_then_the_shortest_path(note):
    others = {"far/away/x.md": "", "near/x.md": "", "a/own/x.md": ""}
    inside = await note("[[x]]", others, name="a/own/n.md")
    assert href("note", "a/own/x.md") in inside.html
    outside = await note("[[x]]", {}, name="a/n.md")
    assert href("note", "near/x.md") in outside.html


async def test_links_go_up_from_a_folder(note):
    found = await note("[t](../pics/x%20y.png) [u](../../b.md)", OTHERS, name="Deep/n.md")
    assert href("file", "pics/x y.png") in found.html
    assert href("note", "b.md") in found.html


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_normal_forms_of_unicode_are_one_name(note, form):
    name = unicodedata.normalize("NFD" if form == "NFC" else "NFC", "Übung.md")
    found = await note(f"[[{unicodedata.normalize(form, 'übung')}|t]]", {name: ""})
    assert found.html == f"<p><a href={href('note', 'Übung.md')}>t</a></p>\n"


async def test_two_files_of_one_name_in_two_normal_forms_both_live(folder, read):
    names = [unicodedata.normalize(form, "é.md") for form in ("NFC", "NFD")]
    snapshot = await read(folder(dict.fromkeys(names, "")))
    assert {one.remote_id for one in snapshot.of(Kind.NOTE)} == set(names)


async def test_places_in_a_note_have_names(note):
    found = await note("x\n\n## One, two!\n\n## One two\n\ntext ^block\n\n- item ^no\n")
    assert '<h2 id="one-two">One, two!</h2>\n<h2>One two</h2>' in found.html
    assert '<p id="^block">text</p>' in found.html


async def test_links_in_tables_may_escape_their_bar(note):
    found = await note("| a |\n|---|\n| [[b\\|text]] |\n", OTHERS)
    assert f"<td><a href={href('note', 'b.md')}>text</a></td>" in found.html


async def test_a_note_has_the_id_of_its_front_matter_wherever_it_lies(folder, read, tmp_path):
    root = folder({"a.md": "[[b]]", "b.md": "---\nid: b-1\n---\n"})
    before = await read(root)
    (root / "Moved").mkdir()
    (root / "b.md").rename(root / "Moved" / "new name.md")
    (root / "a.md").write_text("[[new name]]")
    after = await read(root)

    assert {one.remote_id for one in before.of(Kind.NOTE)} == {"a.md", "id:b-1"}
    assert {one.remote_id for one in after.of(Kind.NOTE)} == {"a.md", "id:b-1"}
    assert '"bloop:note:id%3Ab-1"' in after.of(Kind.NOTE)[-1].html


async def test_of_two_notes_with_one_id_the_first_keeps_it(folder, read):
    snapshot = await read(folder({"a.md": "---\nid: 1\n---\n", "copy.md": "---\nid: 1\n---\n"}))
    first, second = snapshot.of(Kind.NOTE)
    assert (first.remote_id, second.remote_id) == ("id:1", "copy.md")
    assert second.lost == ("its id '1', which another note has too",)


async def test_a_note_changes_when_what_it_links_to_comes(folder, read):
    first = (await read(folder({"a.md": "[[b]]"}))).of(Kind.NOTE)[0]
    second = (await read(folder({"b.md": ""}))).of(Kind.NOTE)[0]
    assert first.raw["sha256"] == second.raw["sha256"]
    assert first.raw != second.raw
    assert "bloop:note:b.md" in second.html

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from bloop_sdk.records import Kind


async def test_front_matter_says_what_a_note_is(note):
    found = await note(
        "---\ntitle: Acids\ntags: [chemistry, '#lab']\ncreated: 2024-05-01\n"
        "updated: 2024-05-02 10:00:00 +0200\nlanguage: de\naliases: [x]\n---\nSauer.\n"
    )

    assert (found.title, found.tags) == ("Acids", ("chemistry", "lab"))
    assert found.created_at == datetime(2024, 5, 1, tzinfo=UTC)
    assert found.updated_at == datetime(2024, 5, 2, 8, tzinfo=UTC)
    assert found.html == '<div lang="de">\n<p>Sauer.</p>\n</div>'
    assert found.markdown == "Sauer.\n"
    assert "aliases: [x]" in found.raw["front_matter"]
    assert found.lost == ()


@pytest.mark.parametrize(
    ("text", "title", "html"),
    [
        ("# Own *title*\n\nText", "Own title", "<p>Text</p>\n"),
        ("---\ntitle: Same\n---\n# Same\nText", "Same", "<p>Text</p>\n"),
        ("---\ntitle: T\n---\n# Other\n", "T", '<h1 id="other">Other</h1>\n'),
        ("Text\n# Later", "a", '<p>Text</p>\n<h1 id="later">Later</h1>\n'),
        ("---\ntitle: [1, 2]\n---\n", "a", ""),
        ("---\ntitle: 2024\n---\n", "2024", ""),
        ("---\ntitle: 12:30\n---\n", "12:30", ""),
        ("+++\ntitle = 'T'\n+++\n", "T", ""),
        ("", "a", ""),
    ],
)
async def test_a_title_comes_from_front_matter_heading_or_file(note, text, title, html):
    found = await note(text)
    assert (found.title, found.html) == (title, html)


async def test_a_title_without_end_is_cut_and_said_so(note):
    found = await note(f"# {'long ' * 200}")
    assert len(found.title) == 300
    assert "the end of its title" in found.lost[0]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("title: [", "expected the node content"),
        ("title: a: b", "mapping values are not allowed"),
        ("just words", "it holds no names and values"),
        ("- a", "it holds no names and values"),
        ("date: 2024-13-45", "month must be in 1..12"),
        ("? [a]\n: b", "found unhashable key"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("a: " + "[" * 1200, "recursion"),
        ("n: " + "9" * 5000, "Exceeds the limit"),
        ("title: 0x" + "f" * 5000, "Exceeds the limit"),
    ],
)
async def test_broken_front_matter_stays_in_the_text_and_is_said_so(note, head, reason):
    found = await note(f"---\n{head}\n---\nText")

    assert found.title == "a"
    assert '<pre><code class="language-yaml">' in found.html
    assert head.split()[0] in found.html
    assert found.html.endswith("<p>Text</p>\n")
    assert reason in found.lost[0]


async def test_front_matter_that_never_ends_is_text(note):
    found = await note("---\ntitle: x\n" + "a: b\n" * 3_000)
    assert found.title == "a"
    assert "<hr" in found.html


async def test_aliases_of_yaml_do_not_multiply(note):
    """A billion laughs: nine lists of nine references each."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    keys = ("title", "tags", "date", "language", "publish", "draft", "id", "summary")
    lines += [f"{key}: *a9" for key in keys]
    found = await note("---\n" + "\n".join(lines) + "\n---\nText")
    assert (found.title, found.tags, found.published) == ("a", (), True)


async def test_values_that_mean_nothing_are_lost_by_name(note):
    found = await note("---\ncreated: yesterday\nlanguage: as spoken\n---\n")
    assert found.lost == (
        "created: 'yesterday' is no date",
        "language: 'as spoken' is no language tag, like en or pt-BR",
    )
    assert found.created_at is None


@pytest.mark.parametrize("head", ["draft: true", "publish: false", "published: 'False'"])
async def test_a_draft_is_not_published_and_neither_is_its_place(folder, read, head):
    snapshot = await read(folder({"a.md": f"---\n{head}\n---\n"}))
    assert [one.published for one in snapshot.of(Kind.NOTE)] == [False]
    assert [one.published for one in snapshot.of(Kind.MODULE)] == [False]


async def test_tags_stand_in_the_text_too(note):
    found = await note(
        "---\ntags: one, two\n---\n#three and #nested/four, not a#b nor #123 "
        "nor `#code` nor [x](https://x.org/#frag)\n\n# Heading\n\n```\n#block\n```\n#two"
    )
    assert found.tags == ("one", "two", "three", "nested/four")


async def test_what_people_write_beyond_commonmark(note):
    found = await note(
        "> [!warning]- Mind *this*\n> Text\n\n> [!tip]\n\n> plain\n\n"
        "- [ ] open\n- [x] done\n- [y] text\n\n==marked *so*== and ~~gone~~ == not\n\n"
        "| a |\n|---|\n| b |\n\nSee[^1].\n\n[^1]: Note.\n"
    )
    assert '<blockquote role="note">\n<p><strong>Mind <em>this</em></strong><br />' in found.html
    assert "<p><strong>Tip</strong></p>" in found.html
    assert "<blockquote>\n<p>plain</p>" in found.html
    assert "<li>☐ open</li>\n<li>☑ done</li>\n<li>[y] text</li>" in found.html
    assert "<mark>marked <em>so</em></mark> and <s>gone</s> == not" in found.html
    assert "<td>b</td>" in found.html
    assert 'href="#fn1"' in found.html and 'id="fn1"' in found.html


async def test_formulas_are_marked_as_the_hub_knows_them(note):
    found = await note("$a < b$ costs $5 and $6\n\n$$\n\\frac{1}{2}\n$$\n")
    assert '<span class="math inline">\\(a &lt; b\\)</span> costs $5 and $6' in found.html
    assert "\\[\\frac{1}{2}\\]" in found.html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a %%secret%% b", "<p>a  b</p>\n"),
        ("a %%secret", "<p>a </p>\n"),
        ("a\n\n%%\nsecret\n\nsecret\n%%\n\nb", "<p>a</p>\n<p>b</p>\n"),
        ("a\n%%\nsecret\n\nsecret", "<p>a</p>\n"),
        ("%% secret\n\nsecret %% a\n\nb", "<p>a</p>\n<p>b</p>\n"),
        ("`%%code%%` 5%", "<p><code>%%code%%</code> 5%</p>\n"),
    ],
)
async def test_comments_are_for_the_author_alone(note, text, html):
    assert (await note(text)).html == html


@pytest.mark.parametrize(
    ("data", "html", "lost"),
    [
        (b"\xef\xbb\xbfcaf\xc3\xa9", "<p>café</p>\n", ()),
        ("\ufeffcafé".encode("utf-16-le"), "<p>café</p>\n", ()),
        (b"caf\xe9", "<p>café</p>\n", ("the note is no UTF-8; it was read as Windows-1252",)),
        (b"a\0b", "<p>a\ufffdb</p>\n", ("NUL characters, which no text holds",)),
        (b"a\r\n\r\nb\rc", "<p>a</p>\n<p>b\nc</p>\n", ()),
    ],
)
async def test_texts_of_other_encodings(note, data, html, lost):
    found = await note(data)
    assert (found.html, found.lost) == (html, lost)


async def test_what_is_no_text_is_left_out_with_its_reason(folder, read):
    snapshot = await read(folder({"a.md": b"\xff\x00\x80PNG", "b.md": "ok"}))
    assert [one.title for one in snapshot.of(Kind.NOTE)] == ["b"]
    assert "a.md: it is no text" in snapshot.skipped["note:a.md"]


async def test_the_index_note_speaks_for_the_notebook(folder, read):
    root = folder({
        "README.md": "---\ntitle: All of it\nlang: pt_BR\nid: mine\ndescription: a < b\n---\n",
        "A/index.md": "---\ntitle: Not this\n---\n",
        "b.md": "---\nlang: pt-BR\n---\nOi",
    })  # fmt: skip
    snapshot = await read(root)

    (notebook,) = snapshot.of(Kind.NOTEBOOK)
    assert (notebook.remote_id, notebook.title, notebook.language) == (
        "id:mine",
        "All of it",
        "pt-BR",
    )
    assert notebook.summary_html == "<p>a &lt; b</p>"
    assert snapshot.of(Kind.NOTE)[-1].html == "<p>Oi</p>\n"


async def test_without_one_the_notebook_is_its_place(folder, read, tmp_path):
    first = (await read(folder({"a.md": ""}))).of(Kind.NOTEBOOK)[0]
    (tmp_path / "else").mkdir()
    (tmp_path / "Notes").rename(tmp_path / "else" / "Notes")
    second = (await read(tmp_path / "else" / "Notes")).of(Kind.NOTEBOOK)[0]

    assert first.title == second.title == "Notes"
    assert first.remote_id != second.remote_id
    assert str(tmp_path) not in str(first)


async def test_a_backslash_takes_its_meaning_from_whatever_has_one(note):
    text = r"\#no *x*\#no #yes|> \[!note] a|- \[x] b|m \^2|50\%\% c"
    found = await note(text.replace("|", "\n\n"))
    assert found.tags == ("yes",)
    shown = re.sub(r"<[^>]+>|\s+", " ", found.html)
    assert " ".join(shown.split()) == "#no x #no #yes [!note] a [x] b m ^2 50%% c"

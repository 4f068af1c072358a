"""What blocks become, by either way: Notion's own Markdown, and block by block."""

from __future__ import annotations

import pytest

from bloop_notion import enhanced
from bloop_notion.content import DEEPEST
from bloop_notion.model import Making
from bloop_notion.render import document
from plugins.notes.notion.tests.fake_notion import FakeNotion
from plugins.notes.notion.tests.fake_workspace import (
    ADA,
    block,
    ident,
    latex,
    mention,
    table,
    upload,
    words,
)

OTHER = ident("page Other")
HEX = OTHER.replace("-", "")
ALL = ident("page All")

CASES = {
    "marks": (
        [
            block(
                "paragraph",
                "A ",
                words("bold ", bold=True),
                words("both", bold=True, italic=True),
                " ",
                words("co*de", code=True),
                " ",
                words("gone", strikethrough=True),
                " ",
                words("under", underline=True),
                " ",
                words("lit", color="yellow_background"),
            )
        ],
        "A **bold *both*** `co*de` ~~gone~~ <u>under</u> ==lit==",
        (),
    ),
    "colours": (
        [block("paragraph", words("red", color="red"))],
        "red",
        ("colours of text",),
    ),
    "what Markdown would take for marks": (
        [block("paragraph", "*a* _b_ c_d [e] <f> $5 ==g== ~~h~~ #tag &amp; \\ `i` %%j%%")],
        (
            "\\*a\\* \\_b\\_ c_d \\[e\\] \\<f> \\$5 \\==g\\== \\~~h\\~~ \\#tag \\&amp; \\\\ "
            "\\`i\\` \\%%j\\%%"
        ),
        (),
    ),
    "what Markdown would take for blocks": (
        [block("paragraph", "# a\n- b\n1. c\n> d\n---")],
        "\\# a\\\n\\- b\\\n1\\. c\\\n\\> d\\\n\\---",
        (),
    ),
    "links and mentions": (
        [
            block(
                "paragraph",
                words("out", link="https://example.org/a(b)"),
                " ",
                mention("page", {"id": OTHER}, "Other"),
                " ",
                mention("date", {"start": "2026-05-04", "end": "2026-05-05"}, "May"),
                " ",
                mention("user", {"object": "user", "id": ADA}, "@Ada"),
                " ",
                words("in", link=f"https://www.notion.so/Other-{OTHER.replace('-', '')}"),
            )
        ],
        (
            f"[out](<https://example.org/a(b)>) [Other](bloop:note:{OTHER}) "
            f"2026-05-04 → 2026-05-05 @Ada [in](bloop:note:{OTHER})"
        ),
        (),
    ),
    "formulas": (
        [block("paragraph", "so ", latex("x^2")), block("equation", expression="\\int x dx")],
        "so $x^2$\n\n$$\n\\int x dx\n$$",
        (),
    ),
    "lists": (
        [
            block(
                "bulleted_list_item",
                "a",
                children=[
                    block("bulleted_list_item", "b", children=[block("paragraph", "c")]),
                    block("code", "x\n\n\ty", language="python"),
                ],
            ),
            block("bulleted_list_item", "d"),
            block("numbered_list_item", "one", children=[block("to_do", "t", checked=True)]),
            block("numbered_list_item", "two"),
            block("to_do", "open", checked=False),
        ],
        (
            "- a\n  - b\n\n    c\n\n  ```python\n  x\n\n  \ty\n  ```\n- d\n\n"
            "1. one\n   - [x] t\n2. two\n\n- [ ] open"
        ),
        (),
    ),
    "toggles": (
        [
            block(
                "toggle",
                "Fold",
                children=[block("toggle", "In", children=[block("paragraph", "deep")])],
            ),
            block("heading_2", "Head", is_toggleable=True, children=[block("paragraph", "p")]),
        ],
        "> [!toggle]- Fold\n> > [!toggle]- In\n> > deep\n\n## Head\n\np",
        ("headings that fold",),
    ),
    "quotes and callouts": (
        [
            block("quote", "Said\nagain", children=[block("paragraph", "more")]),
            block(
                "callout",
                "Hot",
                icon={"type": "emoji", "emoji": "⚠️"},
                children=[block("bulleted_list_item", "x")],
            ),
            block("callout", "Fox", icon={"type": "emoji", "emoji": "🦊"}),
        ],
        "> Said\\\n> again\n>\n> more\n\n> [!warning]\n> Hot\n>\n> - x\n\n> [!note]\n> Fox",
        ("icons of callouts",),
    ),
    "code with fences in it": (
        [block("code", "```\na\n```", language="plain text")],
        "````\n```\na\n```\n````",
        (),
    ),
    "tables": (
        [table(["a", "b|c"], ["1", [words("x", bold=True)]]), table(["n", "o"], header=False)],
        "| a | b\\|c |\n| --- | --- |\n| 1 | **x** |\n\n|  |  |\n| --- | --- |\n| n | o |",
        (),
    ),
    "columns and synced blocks": (
        [
            block(
                "column_list",
                children=[
                    block("column", children=[block("paragraph", "left")]),
                    block("column", children=[block("paragraph", "right")]),
                ],
            ),
            block("synced_block", children=[block("paragraph", "same")], synced_from=None),
            block("divider"),
            block("table_of_contents"),
        ],
        "left\n\nright\n\nsame\n\n---",
        (
            "columns, read one after another",
            "that blocks are synced with another place",
            "tables of contents",
        ),
    ),
    "media": (
        [
            block("image", **upload("a b.png"), caption=[words("Alt")]),
            block("image", type="external", external={"url": "https://example.org/i.png"}),
            block("file", **upload("doc.pdf"), caption=[]),
            block("video", type="external", external={"url": "https://youtu.be/x"}, caption=[]),
        ],
        (
            f"![Alt](bloop:file:{ALL}.{ident('a b.png')})\n\n![](https://example.org/i.png)\n\n"
            f"[doc.pdf](bloop:file:{ALL}.{ident('doc.pdf')})\n\n[x](https://youtu.be/x)"
        ),
        (),
    ),
    "what Notion's Markdown lacks": (
        [
            block("bookmark", url="https://example.org/m", caption=[]),
            block("embed", url="https://example.org/e", caption=[words("cap")]),
            block("hologram", rich_text=[words("light")], children=[block("paragraph", "in")]),
        ],
        (
            "[https://example.org/m](https://example.org/m)\n\n[cap](https://example.org/e)\n\n"
            "light\n\nin"
        ),
        ("a block of the type 'hologram'",),
    ),
    "indented paragraphs": (
        [block("paragraph", "a", children=[block("paragraph", "b")]), block("paragraph", "")],
        "a\n\nb",
        ("indentation of paragraphs",),
    ),
}


@pytest.mark.parametrize("case", sorted(CASES))
@pytest.mark.parametrize("whole", [True, False], ids=["markdown", "blocks"])
async def test_both_ways_say_the_same(rig, case, whole):
    blocks, markdown, lost = CASES[case]
    notion = FakeNotion()
    notion.markdown = whole
    notion.page("Other")
    notion.page("All", *blocks)
    note = (await rig(notion).read()).note("All")
    assert note.markdown == markdown
    assert note.lost == lost


async def test_pages_and_databases_within_a_page_are_links(rig):
    notion = FakeNotion()
    top = notion.page("Top")
    child = notion.page("Child", parent=top)
    notion.source("Tasks", parent=top)
    database = ident("database Tasks").replace("-", "")
    expected = f"[Child](bloop:note:{child})\n\n[Tasks](https://www.notion.so/{database})"
    assert (await rig(notion).read()).note("Top").markdown == expected
    notion.markdown = False
    assert (await rig(notion).read()).note("Top").markdown == expected


async def test_a_page_that_was_cut_is_walked_and_a_few_gaps_are_asked_for_one_by_one(rig):
    notion = FakeNotion()
    notion.page("All", *[block("paragraph", f"p{number}") for number in range(30)])
    notion.most_blocks = 10
    cut = await rig(notion).read()
    assert cut.note("All").markdown.endswith("p29")
    assert [one for one in cut.requests if "children" in one]
    notion = FakeNotion()
    notion.page("All", block("paragraph", "p"), block("bookmark", url="https://e.org", caption=[]))
    few = await rig(notion).read()
    assert [one.partition("/")[0] for one in few.requests] == [
        "POST search",
        "GET pages",
        "GET blocks",
        "GET users?page_size=100",
    ]


async def test_a_block_that_is_not_shared_is_named(rig):
    notion = FakeNotion()
    own = notion.page("All", block("paragraph", "p"), block("embed", url="https://e.org"))
    notion.unshared.add(notion.blocks[own]["children"][1])
    note = (await rig(notion).read()).note("All")
    assert (note.markdown, note.lost) == (
        "p",
        ("a block that is not shared with the integration (embed)",),
    )


@pytest.mark.parametrize("whole", [True, False], ids=["markdown", "blocks"])
async def test_raw_is_the_same_although_addresses_are_signed_anew(rig, whole):
    notion = FakeNotion()
    notion.markdown = whole
    notion.page("All", block("image", **upload("a.png"), caption=[]))
    mine = rig(notion)
    first = (await mine.read({})).note("All")
    again = (await mine.read({})).note("All")
    assert (first.raw, first.remote_version) == (again.raw, again.remote_version)
    assert "X-Amz" not in str(first.raw)
    assert "X-Amz" not in first.markdown


async def test_blocks_nested_without_end_are_cut_and_named(rig):
    notion = FakeNotion()
    notion.markdown = False
    inner = block("paragraph", "end")
    for _ in range(DEEPEST + 3):
        inner = block("toggle", "t", children=[inner])
    notion.page("All", inner)
    note = (await rig(notion).read()).note("All")
    assert f"blocks within more than {DEEPEST} others" in note.lost
    assert "end" not in note.markdown


@pytest.mark.parametrize(
    ("written", "markdown"),
    [
        (
            '::: callout {icon="💡" color="gray_bg"}\nText\n\t- a\n:::\nAfter',
            "> [!tip]\n> Text\n>\n> - a\n\nAfter",
        ),
        ('<callout icon="💡">One line</callout>', "> [!tip]\n> One line"),
        (
            '<details color="blue">\n<summary>**T**</summary>\n\tIn\n</details>',
            "> [!toggle]- **T**\n> In",
        ),
        ('## H {toggle="true" color="red"}\n\tIn', "## H\n\nIn"),
        (
            "a\\*b $`x`$ and $y$<br>c[^https://e.org]",
            "a\\*b $x$ and $y$\\\nc[https://e.org](https://e.org)",
        ),
        ('<mention-date start="2026-05-04" startTime="09:00"/>', "2026-05-04T09:00"),
        (
            f'<page url="{{{{https://www.notion.so/{HEX}}}}}" color="red">P</page>',
            f"[P](bloop:note:{OTHER})",
        ),
        (
            (
                '<synced_block_reference url="https://www.notion.so/x#y">\n\tIn\n'
                "</synced_block_reference>"
            ),
            "In",
        ),
        (
            "<meeting-notes>\n\tTitle\n\t<notes>\n\t\tSaid\n\t</notes>\n</meeting-notes>",
            "Title\n\nSaid",
        ),
        (
            (
                '<table header-row="true">\n<colgroup><col color="red"></colgroup>\n'
                '<tr><td>a</td></tr>\n<tr color="red">\n<td>b</td>\n</tr>\n</table>'
            ),
            "| a |\n| --- |\n| b |",
        ),
        ("<weird/>\nkept", "kept"),
        ("<details>\nunclosed", "> [!toggle]-\n> unclosed"),
        ("```py\nunclosed", "```py\nunclosed\n```"),
        ("a < b and <c> d", "a \\< b and \\<c> d"),
    ],
)
def test_the_guide_of_notions_markdown_is_understood(written, markdown):
    making = Making(ALL)
    assert document(enhanced.parse(written, making), making) == markdown

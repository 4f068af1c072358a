"""Three texts of a note into one: no edit is lost, and only what met is a conflict."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop.content.notes.merge import Text, merge, merge_markdown
from bloop_sdk.markdown import blocks

BASE = "# Acids\n\nfirst\n\n- [ ] one\n- [ ] two\n- [ ] three\n\nlast\n"


@pytest.mark.parametrize(
    ("here", "there", "merged"),
    [
        (("first", "FIRST"), ("last", "LAST"), ("FIRST", "LAST")),
        # Two tasks beside each other are two things.
        (("[ ] one", "[x] one"), ("[ ] two", "[x] two"), ("- [x] one\n- [x] two\n",)),
        (("first\n", "first\n\nnew\n"), ("last", "LAST"), ("first\n\nnew\n", "LAST")),
        (("- [ ] two\n", ""), ("first", "FIRST"), ("- [ ] one\n- [ ] three", "FIRST")),
        # What differs in blanks alone is no edit.
        (("first", "first  "), ("first", "FIRST"), ("FIRST",)),
        (("first", "same"), ("first", "same"), ("same",)),
    ],
)
def test_edits_in_different_places_are_put_together(here, there, merged):
    made = merge_markdown(BASE, BASE.replace(*here), BASE.replace(*there))
    assert made is not None
    for part in merged:
        assert part in made
    assert made.count("Acids") == 1


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (("first", "mine"), ("first", "theirs")),
        (("first\n\n", ""), ("first", "theirs")),
        (("last\n", "last\n\nmine\n"), ("last\n", "last\n\ntheirs\n")),
        (("- [ ] two\n", ""), ("[ ] two", "[x] two")),
    ],
)
def test_edits_of_the_same_are_a_conflict(here, there):
    mine, theirs = BASE.replace(*here), BASE.replace(*there)
    assert merge_markdown(BASE, mine, theirs) is None
    assert merge_markdown(BASE, theirs, mine) is None


@pytest.mark.parametrize("around", ["- point\n\n  ", "> "], ids=["point", "quotation"])
def test_blanks_in_code_are_no_blanks_wherever_it_stands(around):
    lines = ["```", "a  = 1", "bc = 2", "```"]
    base = around + "\n".join(lines).replace("\n", "\n" + around[-2:]) + "\n"
    assert not Text("", base).same(Text("", base.replace("a  =", "a =")))


def test_blanks_in_code_are_no_blanks():
    base = "```py\nif x:\n    y\n```\n"
    assert merge_markdown(base, base, base.replace("    y", "  y")) == base.replace("    y", "  y")
    mine, theirs = base.replace("    y", "\ty"), base.replace("    y", "  y")
    assert merge_markdown(base, mine, theirs) is None


def test_a_text_without_its_last_line_end_can_be_added_to():
    assert merge_markdown("one\n\ntwo", "one\n\ntwo\n\nthree", "ONE\n\ntwo") == (
        "ONE\n\ntwo\n\nthree"
    )


def test_titles_and_tags_are_merged_each_for_itself():
    base = Text("Old", "text\n", ("a", "b"))
    here, there = Text("New", "text\n", ("b", "c")), Text("Old", "text!\n", ("a", "b", "d"))
    assert merge(base, here, there) == Text("New", "text!\n", ("b", "d", "c"))
    assert merge(base, here, Text("Newer", "text\n", ())) is None


def test_a_text_of_very_many_blocks_is_compared_or_refused_quickly():
    long = "".join(f"{n}\n\n" for n in range(2_500))
    assert merge_markdown(long, f"{long}end\n", f"begin\n\n{long}") is not None
    other = "".join(f"x{n}\n\n" for n in range(2_500))
    assert merge_markdown(long, other, f"begin\n\n{long}") is None


def test_a_text_in_which_everything_was_changed_is_compared_in_its_length():
    def seconds(count):
        base = "".join(f"{n}\n\n" for n in range(count))
        here = "".join(f"x{n}\n\n" for n in range(count))
        begun = time.process_time()
        assert merge_markdown(base, here, f"begin\n\n{base}") == f"begin\n\n{here}"
        return time.process_time() - begun

    seconds(10)
    few, many = seconds(200), seconds(1_000)
    assert many < 25 * few


def test_what_both_changed_alike_is_no_conflict_where_one_changed_its_neighbour_too():
    here, there = BASE.replace("first", "same").replace("# Acids", "# Bases"), BASE
    assert merge_markdown(BASE, here, there.replace("first", "same")) == here


PIECES = [
    "one",
    "two",
    "- a\n- b",
    "> [!note]\n> x",
    "```\ncode\n```",
    "| a |\n|---|\n| b |",
    "$$x$$",
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("\n\n".join)


@st.composite
def edits(draw, base, side):
    """The base with some blocks changed, added and taken away; what is new names its side."""
    parts = base.split("\n\n") if base else []
    for number in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(parts)))
        new = f"{side}{number}"
        if place == len(parts) or draw(st.booleans()):
            parts.insert(place, new)
        elif draw(st.booleans()):
            parts[place] = new
        else:
            del parts[place]
    return "\n\n".join(parts)


@given(st.data())
def test_no_edit_is_lost_and_sides_do_not_matter(data):
    base = data.draw(TEXTS)
    here, there = data.draw(edits(base, "here")), data.draw(edits(base, "there"))
    merged = merge_markdown(base, here, there)
    other = merge_markdown(base, there, here)

    def keys(text):
        return [block.key for block in blocks(text) if block.key]

    assert (merged is None) == (other is None)
    if merged is None or other is None:
        return
    assert keys(merged) == keys(other)
    was = set(keys(base))
    for side in (here, there):
        assert set(keys(side)) - was <= set(keys(merged))
    # Merged once more with either side, it stays.
    assert keys(merge_markdown(here, here, merged)) == keys(merged)
    assert keys(merge_markdown(there, merged, there)) == keys(merged)


@given(st.text(st.sampled_from("ab \n\r\t-#>|$`*[]!%=1.~<\\"), max_size=60))
def test_blocks_joined_are_the_text_again(text):
    assert "".join(block.text for block in blocks(text)) == text
    assert merge_markdown(text, text, text) == text

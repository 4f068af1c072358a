from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bloop.web import course_publish_pages as publishing
from bloop.web import differences as module
from bloop.web.differences import differences
from bloop.web.editing import Lesson

TEXTS = st.lists(st.sampled_from(["a b c", "a b", "x", "a y c", "z z"]), max_size=8).map("\n".join)


def told(lines, *kinds):
    """The text that the pieces of some kinds make, a line each."""
    made = ["".join(text for kind, text in line.pieces if kind in kinds) for line in lines]
    return [line for line in made if line]


def test_a_changed_word_stands_in_its_line_and_what_stayed_is_counted():
    lines = differences("1\n2\n3\nThe pH is ten.\n5\n6", "1\n2\n3\nThe pH is 10.\n5\n6\n7")
    assert [(line.kind, line.count) for line in lines] == [
        ("skipped", 2), ("same", 0), ("changed", 0), ("same", 0), ("same", 0), ("new", 0),
    ]  # fmt: skip
    assert lines[2].pieces == (
        ("same", "The pH is "), ("gone", "ten"), ("new", "10"), ("same", "."),
    )  # fmt: skip
    assert differences("same", "same") == [lines[0].__class__("skipped", (), 1)]
    assert differences("\n".join("abcd" * 1600), "") is None


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_out_of_it(before, after):
    lines = differences(before, after)
    kept = sum(line.count for line in lines)
    for text, kind in ((before, "gone"), (after, "new")):
        seen = told(lines, "same", kind)
        assert len(seen) + kept == len(text.splitlines())
        there = iter(text.splitlines())
        assert all(line in there for line in seen), "in their order"


def test_what_repeats_itself_is_compared_as_far_as_that_ends_soon(monkeypatch):
    compared = []

    class Counting(module.SequenceMatcher):
        def find_longest_match(self, *given):
            compared.append(given)
            return super().find_longest_match(*given)

    monkeypatch.setattr(module, "SequenceMatcher", Counting)
    # All words of a paragraph are others, and the blanks between them are not: difflib's worst.
    before, after = (" ".join(f"{one}{n}" for n in range(1000)) for one in "ab")
    assert [line.kind for line in differences(before, after)] == ["gone", "new"]
    many = ["\n".join(f"x\n{one}{n}" for n in range(1000)) for one in "ab"]
    assert differences(*many) is None
    assert len(compared) < 100
    # A word that is another in a paragraph of an ordinary length is still found.
    words = "the force on a body is its mass times what changes " * 12
    lines = differences(words.strip(), words.replace("mass", "weight", 1).strip())
    assert [line.kind for line in lines] == ["changed"]


def test_of_many_changed_lessons_no_more_is_compared_and_shown_than_a_page_holds(monkeypatch):
    made = []

    class Counting(module.SequenceMatcher):
        def __init__(self, *given, **more):
            made.append(given)
            super().__init__(*given, **more)

    monkeypatch.setattr(module, "SequenceMatcher", Counting)

    def lesson(number):
        was, now = (
            "".join(f"<p>{one} {n} of lesson {number} {'so ' * 20}</p>" for n in range(30))
            for one in ("this", "that")
        )
        text = {"title": "x", "html": was, "source": None, "language": None, "data": {}}
        draft = {**text, "html": now, "base": ""}
        more = {"id": str(number), "kind": "page", "published": True, "row_version": 1}
        return Lesson(**text, **more, draft=draft, live=False)

    shown = publishing._shown([lesson(number) for number in range(300)])
    assert len(shown) == 300, "each can be ticked"
    lines = [line for one in shown for line in one["lines"]]
    letters = sum(len(text) for line in lines for _, text in line.pieces)
    assert 0 < len(lines) <= publishing.MOST_LINES_SHOWN
    assert letters <= publishing.MOST_LETTERS_SHOWN
    assert len(made) < 500, "the others are not even compared"
    assert shown[0]["lines"] and not shown[0]["more"]
    assert not shown[-1]["lines"] and shown[-1]["more"], "it is linked"

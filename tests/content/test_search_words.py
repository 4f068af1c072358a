"""Words of queries and texts: typing errors, marks and excerpts."""

import pytest

from bloop.content.search import words


@pytest.mark.parametrize(
    ("one", "other", "away"),
    [
        ("light", "light", 0),
        ("light", "lihgt", 1),
        ("light", "lght", 1),
        ("light", "lights", 1),
        ("light", "night", 1),
        ("light", "bright", 2),
        ("light", "heavy", 3),
        ("", "abcdef", 3),
    ],
)
def test_letters_that_are_wrong_are_counted_up_to_a_bound(one, other, away):
    assert words.distance(one, other, 2) == away
    assert words.distance(other, one, 2) == away


def test_the_nearest_word_comes_first_and_of_these_the_most_frequent():
    known = [("lights", 9), ("night", 2), ("light", 1), ("heavy", 99)]
    assert words.nearest("light", known, 2) == ["light", "lights"]
    assert words.nearest("abc", [("abd", 9)], 5) == []


def marked(text, pattern):
    return [text[start:end] for start, end in words.marks(text, pattern)]


def test_marks_are_of_whole_words_whatever_their_case_and_diacritics():
    pattern = words.pattern_of(["krafte", "Strasse"], prefix=False)
    assert marked("Kräfte, KRÄFTE und Kräften auf der Straße", pattern) == [
        "Kräfte",
        "KRÄFTE",
        "Straße",
    ]
    begun = words.pattern_of(["a", "kra"], prefix=True)
    assert marked("Kräften, a und an", begun) == ["Kräften", "a"]


def test_an_excerpt_is_of_the_words_and_its_marks_fit():
    text = " ".join(f"word{number}" for number in range(500)) + "\nhere it is " + "tail " * 100
    piece, marks = words.excerpt(text, words.pattern_of(["here"], prefix=False))
    assert len(piece) <= words.EXCERPT + 4
    assert piece.startswith("… ")
    assert piece.endswith(" …")
    assert [piece[start:end] for start, end in marks] == ["here"]
    piece, marks = words.excerpt("short", words.pattern_of(["absent"], prefix=False))
    assert (piece, marks) == ("short", [])


def test_a_query_has_bounds():
    assert words.words_of("a_b a! " + "x" * 100 + " c" * 50) == ("a", "b", "x" * 60, "c")
    assert len(words.words_of(" ".join(f"w{number}" for number in range(50)))) == 16


def test_vowels_that_are_marks_are_of_their_word():
    assert words.words_of("हिन्दी भाषा, தமிழ்") == ("हिन्दी", "भाषा", "தமிழ்")
    assert words.words_of("كِتَاب Kra\u0308fte \u0301") == ("كِتَاب", "Kräfte")

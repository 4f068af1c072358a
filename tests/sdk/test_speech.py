"""From tokens with times to the words of a text."""

from __future__ import annotations

import array
import wave

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bloop_sdk.providers.ai import Phoneme, Speech, Word
from bloop_sdk.speech import (
    align,
    estimated,
    located,
    match,
    pieces,
    runs,
    sayable,
    trim,
    write_wav,
)

RATE = 1000


def token(start, end, begins, ends) -> Word:
    return Word(start=start, end=end, begins=begins, ends=ends)


def told(text, words) -> list[tuple[str, float, float]]:
    return [(text[one.start : one.end], round(one.begins, 3), round(one.ends, 3)) for one in words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The well-known one.", ["The", "well", "known", "one"]),
        ("don't 'quote' l\u2019eau", ["don't", "quote", "l\u2019eau"]),
        ("1.5 3,50 v2. e.g. x_1", ["1.5", "3,50", "v2", "e", "g", "x", "1"]),
        ("नमस्ते Cafe\u0301 zero\u200dwidth", ["नमस्ते", "Cafe\u0301", "zero\u200dwidth"]),
        ("学习, 🙂!", ["学习"]),
        ("", []),
        ("'.,", []),
    ],
)
def test_runs(text, expected):
    assert [text[start:end] for start, end in runs(text)] == expected


def test_a_word_has_the_time_of_its_token():
    text = "Yes, we can."
    tokens = [token(0, 3, 0.1, 0.4), token(5, 7, 0.6, 0.8), token(8, 12, 0.8, 1.2)]
    assert told(text, align(text, tokens, 1.5)) == [
        ("Yes", 0.1, 0.4),
        ("we", 0.6, 0.8),
        ("can", 0.8, 1.2),
    ]


def test_tokens_of_one_run_make_one_word():
    text = "it's x2"
    tokens = [token(at, at + 1, at / 10, (at + 1) / 10) for at in range(len(text))]
    assert told(text, align(text, tokens, 1)) == [("it's", 0.0, 0.4), ("x2", 0.5, 0.7)]


def test_where_words_are_not_set_apart_tokens_stay_words_but_no_marks():
    text = "学习"
    tokens = [token(0, 1, 0, 0.2), token(1, 2, 0.3, 0.5)]
    assert told(text, align(text, tokens, 1)) == [("学", 0.0, 0.2), ("习", 0.3, 0.5)]
    text = "สวัส"
    tokens = [token(at, at + 1, at / 10, (at + 1) / 10) for at in range(4)]
    assert told(text, align(text, tokens, 1)) == [
        ("ส", 0.0, 0.1),
        ("วั", 0.1, 0.3),
        ("ส", 0.3, 0.4),
    ]


def test_a_token_of_several_runs_is_shared_out_by_letters_or_as_told():
    text = "of them"
    tokens = [token(0, 7, 1.0, 1.6)]
    assert told(text, align(text, tokens, 2)) == [("of", 1.0, 1.2), ("them", 1.2, 1.6)]
    words = align(text, tokens, 2, lambda one, spans: [one.begins, 1.5])
    assert told(text, words) == [("of", 1.0, 1.5), ("them", 1.5, 1.6)]


def test_a_run_without_a_token_gets_its_part_of_the_one_before():
    text = "of them all"
    tokens = [token(0, 1, 1.0, 1.6), token(8, 11, 1.6, 2.0)]
    assert told(text, align(text, tokens, 2)) == [
        ("of", 1.0, 1.2),
        ("them", 1.2, 1.6),
        ("all", 1.6, 2.0),
    ]
    assert told("a b", align("a b", [token(2, 3, 0.5, 1.0)], 1)) == [
        ("a", 0.5, 0.75),
        ("b", 0.75, 1.0),
    ]


def test_without_tokens_the_words_are_spread_over_the_time():
    assert told("ab cd", align("ab cd", [], 4)) == [("ab", 0.0, 2.0), ("cd", 2.0, 4.0)]
    assert align("...", [], 4) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="ab1 .,'-学习ัส́😀", max_size=20),
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 6), st.floats(-1, 9), st.floats(-1, 9)),
        max_size=8,
    ),
)
def test_whatever_the_tokens_words_are_in_order_and_cover_the_text(text, given_tokens):
    tokens = [token(start, start + count, *times) for start, count, *times in given_tokens]
    words = align(text, tokens, 5.0)
    end, last = 0, 0.0
    for word in words:
        assert end <= word.start < word.end <= len(text)
        assert last <= word.begins <= word.ends <= 5.0
        end, last = word.end, word.ends
        assert any(map(str.isalnum, text[word.start : word.end]))
    covered = {at for word in words for at in range(word.start, word.end)}
    assert {at for at, char in enumerate(text) if char.isalnum()} <= covered


@pytest.mark.parametrize(
    ("sounds", "expected", "counts"),
    [
        ("ʌ v ð ə", ["ʌ v", "ð iː"], [2, 2]),
        ("w ʌ n d ə", ["w ɒ n t", "t uː"], [3, 2]),
        ("ð ə k æ t", ["ð ə", "k æ t", ""], [2, 3, 0]),
        ("t ə b i", ["t uː", "b iː"], [2, 2]),
        ("", ["a", "b"], [0, 0]),
    ],
)
def test_match_tells_which_sounds_are_whose(sounds, expected, counts):
    assert match(sounds.split(), [one.split() for one in expected]) == counts


def test_match_goes_by_the_boundaries_of_the_voice():
    sounds = list("ðə kat sat ɔnðə mat")
    expected = [list(one) for one in ("ðiː", "kat", "sat", "ɔn", "ðə", "mat")]
    assert match(sounds, expected) == [3, 4, 4, 2, 3, 3]


def spoken(samples) -> Speech:
    word = token(0, 1, 0.1, 0.2)
    return Speech(
        pcm=array.array("h", samples).tobytes(),
        rate=RATE,
        words=(word,),
        exact=True,
        phonemes=(Phoneme(ipa="a", begins=0.1, ends=0.2),),
    )


def test_trim_leaves_as_much_silence_in_every_voice_and_moves_the_times():
    # 100 samples of noise, 100 of sound, 300 of silence.
    speech = trim(spoken([3] * 100 + [5000, -5000] * 50 + [0] * 300))
    assert len(speech.pcm) == 2 * (20 + 100 + 100)
    assert told("a", speech.words) == [("a", 0.02, 0.12)]
    assert speech.phonemes[0].begins == speech.words[0].begins
    short = trim(spoken([0] * 100 + [5000, -5000] * 50))
    assert short.pcm[:240] == speech.pcm[:240][:40].replace(b"\3", b"\0") + speech.pcm[40:240]
    assert len(short.pcm) == len(speech.pcm)


def test_trim_of_sound_that_begins_at_once():
    speech = trim(spoken([5000] * 200))
    assert len(speech.pcm) == 2 * (20 + 200 + 100)
    assert told("a", speech.words) == [("a", 0.12, 0.22)]


def test_trim_leaves_silence_alone():
    assert trim(spoken([0] * 50)).pcm == bytes(100)
    assert trim(spoken([])).pcm == b""


def test_estimated_speech_is_silence_that_says_so():
    speech = estimated("ab cd", RATE, 2.0)
    assert not speech.exact and set(speech.pcm) == {0}
    assert told("ab cd", speech.words) == [("ab", 0.0, 0.07), ("cd", 0.07, 0.14)]
    assert estimated("?!", RATE) == Speech(pcm=b"", rate=RATE, words=(), exact=True)


def test_sayable_text_is_as_long():
    text = "a\0b\ud800c\n😀"
    assert sayable(text) == "a b c 😀"
    assert runs(sayable(text)) == runs(text)


def test_a_wav_file(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(spoken([1, 2, 3]), path)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, RATE, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two. Three.", ["One. Two. ", "Three."]),
        ("One two three four", ["One two ", "three four"]),
        ("一二三。四五六七八九十。", ["一二三。", "四五六七八九十。"]),
        ("abcdefghijklmnop", ["abcdefghij", "klmnop"]),
        ("", []),
    ],
)
def test_a_text_is_cut_where_it_is_heard_least(text, expected):
    assert [text[start:end] for start, end in pieces(text, 10)] == expected


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("I 😀 am", ["I", " ", "?", " ", "a", "", "m"], [(0, 1), (4, 5), (5, 6)]),
        ("no, no more", ["no", "no", "more"], [(0, 2), (4, 6), (7, 11)]),
        ("one" + " " * 40 + "two", ["one", "two"], [(0, 3), (43, 46)]),
        ("one" + " " * 41 + "two", ["one", "two"], [(0, 3)]),
    ],
)
def test_what_a_voice_says_is_found_in_the_text_in_order(text, said, expected):
    times = [0.1 * at for at in range(len(said))]
    found = located(text, zip(said, times, times, strict=True))
    assert [(one.start, one.end) for one in found] == expected
    assert [one.begins for one in found] == sorted(one.begins for one in found)

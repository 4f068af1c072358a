from __future__ import annotations

import re
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise

import pytest
import webvtt as parser
from hypothesis import given, settings
from hypothesis import strategies as st
from studio_media import speak as voice

from bloop_sdk.storyboard import Scene
from bloop_studio.captions import (
    Told,
    captions,
    chapters,
    chapters_webvtt,
    srt,
    transcript_html,
    transcript_text,
    webvtt,
)
from bloop_studio.languages import iso639_2, right_to_left
from bloop_studio.marks import Chapter
from bloop_studio.phrases import WIDTH, cut, pieces
from bloop_studio.readable import readable
from bloop_studio.spoken import speak
from bloop_studio.timing import Voiced, offsets, plan_scene

STAMP = re.compile(r"<(\d\d):(\d\d):(\d\d\.\d\d\d)>")


def tell(*lines: str, language: str = "en", silent: bool = False) -> list[Told]:
    """A scene for each line."""
    scenes, timed, said = [], [], []
    for number, text in enumerate(lines):
        scene = Scene.model_validate(
            {
                "id": f"s{number}",
                "title": f"Part {number} & <more>" if number != 1 else "",
                "visual": {"kind": "bullets", "items": ["One"]},
                "narration": [{"id": "l", "text": text}],
            }
        )
        spoken = speak(text, language)
        one = {} if silent else {"l": Voiced(spoken=spoken, speech=voice(spoken.text, seed=number))}
        scenes.append(scene)
        said.append(one)
        timed.append(plan_scene(scene, one, 30))
    starts = offsets(timed)
    return [
        Told(scene=a, timed=b, voiced=c, starts=d)
        for a, b, c, d in zip(scenes, timed, said, starts, strict=True)
    ]


LONG = (
    "A binary search tree keeps $x_i^2$ smaller keys on the left, and larger ones on the right; "
    "so a search goes down one path only. That takes **about** $\\log_2 n$ steps & no more."
)


def test_captions_hold_what_is_written_with_the_times_of_what_is_said():
    told = tell(LONG, "Second scene.")
    found = captions(told)
    text = " ".join(one.text.replace("\n", " ") for one in found)
    assert text == f"{readable(LONG).text} Second scene."
    assert "xᵢ²" in text and "log₂ n steps & no more" in text
    speech = told[0].voiced["l"]
    for wanted in ("keys", "search", "steps"):
        word = next(w for one in found for w in one.words if w.text.strip() == wanted)
        at = speech.spoken.text.index(wanted)
        begins = next(w.begins for w in speech.speech.words if w.start <= at < w.end)
        starts = word.starts - told[0].timed.starts["l"]
        assert starts == pytest.approx(begins) or wanted == "search"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text("abcdefghij ,.;:!?$x木探索ابجहि*é🙂'\n", min_size=1, max_size=220).filter(
            str.strip
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
def test_captions_are_short_in_order_and_lose_nothing(lines, silent):
    told = tell(*lines, silent=silent)
    found = captions(told)
    for one, following in zip(found, [*found[1:], None], strict=True):
        rows = one.text.split("\n")
        assert len(rows) <= 2 and all(row.strip() for row in rows)
        assert all(len(row) <= WIDTH for row in rows)
        assert one.starts < one.ends and one.ends - one.starts <= 7.0
        assert following is None or one.ends <= following.starts + 0.0011
        times = [word.starts for word in one.words]
        assert times == sorted(times)
    shown = "".join("".join(one.text.split()) for one in found)
    assert shown == "".join("".join(readable(text).text.split()) for text in lines)
    read = parser.from_buffer(StringIO(webvtt(found, "en")))
    assert len(read) == len(found)


def test_webvtt_is_read_back_by_a_parser_with_its_inner_times():
    told = tell(LONG, "Short & <b>sweet</b>")
    found = captions(told)
    text = webvtt(found, "en")
    assert text.startswith("WEBVTT\n\n1\n00:00:00.")
    read = parser.from_buffer(StringIO(text))
    assert [one.start_in_seconds for one in read] == [int(one.starts) for one in found]
    assert "&amp; &lt;b&gt;" in read[-1].raw_text.replace("\n", " ") or "&lt;b&gt;" in text
    for caption, one in zip(read, found, strict=True):
        times = [
            int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in STAMP.findall(caption.raw_text)
        ]
        assert times == sorted(set(times)) and all(one.starts < t < one.ends for t in times)
        assert len(times) >= len(one.words) - 2
        assert re.sub(r"<[^>]*>", "", caption.raw_text) == (
            one.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        )
    assert "<00:" not in webvtt(found, "en", words=False)


def test_captions_break_at_phrases():
    text = (
        "The left child is smaller than its parent. The right child, which we look at later, is "
        "larger than the parent of the two."
    )
    rows = [["".join(p.text for p in row).strip() for row in one] for one in cut(pieces(text))]
    assert rows == [
        ["The left child is smaller than its parent."],
        ["The right child, which we look at later,", "is larger than the parent of the two."],
    ]


def test_scripts_without_spaces_fit_sixteen_to_a_row_and_keep_their_signs():
    text = "二分探索木では、左の子は親より小さく、右の子は大きい。" * 2
    rows = [["".join(p.text for p in row) for row in one] for one in cut(pieces(text))]
    assert "".join(row for one in rows for row in one) == text
    assert all(len(row) <= 17 for one in rows for row in one)
    assert not any(row[0] in "、。" for one in rows for row in one)


def test_a_clause_that_is_one_word_to_the_voice_is_shared_out():
    text = "二分探索木では左の子は親より小さく右の子は親より大きいので探索は一本の道だけを下る"
    first, second = captions(tell(text, language="ja"))
    assert first.starts < second.starts
    assert len({word.starts for word in first.words}) == len(first.words)


def test_rows_of_scripts_from_the_right_say_so():
    found = captions(
        tell("HTML هي لغة توصيف لإنشاء صفحات الويب وتنسيقها وربطها ببعضها", language="ar")
    )
    rows = webvtt(found, "ar", words=False).strip().split("\n\n")[1].split("\n")[2:]
    assert len(rows) == 2 and all(row.startswith("\u200f") for row in rows)


def test_captions_stay_long_enough_to_be_read_and_leave_a_gap():
    found = captions(tell("Hm.", "Go on, and on, and on.", "And so forth, until the very end."))
    assert all(one.ends - one.starts > 0.9999 for one in found)
    for one, following in pairwise(found):
        assert following.starts - one.ends >= 0.0799


def test_without_a_voice_captions_follow_the_pace_of_reading():
    told = tell(LONG, silent=True)
    found = captions(told)
    times = [word.starts for one in found for word in one.words]
    assert times == sorted(times) and times[0] == told[0].timed.starts["l"]
    assert len(set(times)) > len(times) / 2


def test_chapters_are_the_scenes_with_titles():
    told = tell("One.", "Two.", "Three.")
    found = chapters(told)
    assert found == [Chapter(0.0, "Part 0 & <more>"), Chapter(told[2].starts, "Part 2 & <more>")]
    read = parser.from_buffer(StringIO(chapters_webvtt(found, 60.0)))
    assert [one.raw_text for one in read] == [
        "Part 0 &amp; &lt;more&gt;",
        "Part 2 &amp; &lt;more&gt;",
    ]
    assert read[1].end == "00:01:00.000"


def test_srt_is_read_back():
    found = captions(tell(LONG))
    read = parser.from_buffer(StringIO(srt(found, "en")), format="srt")
    assert [one.text for one in read] == [one.text for one in found]


def test_what_players_of_srt_take_for_marks_is_shown():
    """As ffmpeg's ``ff_htmlmarkup_to_ass`` takes it, which drops tags that it does not know."""
    found = captions(tell("Write <div>, </p> or {\\b1}; a < b and {x: 1}."))
    shown = srt(found, "en")
    assert not re.search(r"<[/\w]|\{\\|\{\w:", shown)
    assert "<\u2060div>, <\u2060/p>" in shown and "a < b" in shown
    assert "\u200f{" in srt(captions(tell("{1} مجموعة")), "az-Arab")


def test_captions_of_one_long_formula_share_its_time():
    found = captions(tell("$" + " + ".join(f"a_{{{n}}} b_{{{n}}}" for n in range(40)) + "$ is it."))
    assert len(found) > 2
    assert all(one.ends - one.starts > 0.1 for one in found)


def test_transcripts_have_headings_and_hold_no_markup_of_the_lines():
    told = tell("Is $x^2<y$ & <script>?", "No.", language="en")
    text = transcript_text(told)
    assert text == "Part 0 & <more>\n\nIs x² < y & <script>?\n\nNo.\n"
    page = transcript_html(told, "ar")
    tags: list[str] = []
    seen = HTMLParser()
    seen.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    seen.feed(page)
    assert tags == ["div", "section", "h2", "p", "section", "p"]
    assert '<div lang="ar" dir="rtl">' in page and "x² &lt; y &amp; &lt;script&gt;?" in page


@pytest.mark.parametrize(
    ("tag", "code"), [("de-AT", "deu"), ("en", "eng"), ("haw", "haw"), ("xx", "und")]
)
def test_languages_have_three_letters_in_files(tag, code):
    assert iso639_2(tag) == code


@pytest.mark.parametrize(
    ("tag", "right"),
    [("ar-EG", True), ("ckb", True), ("ku", False), ("pa-Arab-PK", True), ("ur-Latn", False)],
)
def test_a_script_says_where_rows_begin(tag, right):
    assert right_to_left(tag) is right

"""Captions, chapters and transcripts, from the lines as they are written.

WebVTT as https://www.w3.org/TR/webvtt1/ says; how long lines are and stay follows the guidelines
that broadcasters share (42 characters, 16 of East Asian scripts, one to seven seconds).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from bloop_sdk.storyboard import Scene
from bloop_studio.languages import directed, right_to_left
from bloop_studio.marks import Caption, CaptionWord, Chapter
from bloop_studio.phrases import cut, pieces
from bloop_studio.readable import Readable, readable
from bloop_studio.timing import Timed, Voiced, begins_at

LONGEST, SHORTEST, GAP = 7.0, 1.0, 0.08
_LIKE_TAGS = re.compile(r"<(?=[A-Za-z/])|\{(?=\\|[A-Za-z]:)")
"""What players of SubRip, which knows no escapes, take for marks, and don't show."""
_NO_TAG = "\u2060"
Clock = Callable[[int, int], float | None]
"""Seconds from a line's start at which a stretch of it is said; None where it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A scene, when it starts in the video, and what was spoken of it (by lines' ids)."""

    scene: Scene
    timed: Timed
    starts: float
    voiced: dict[str, Voiced]


def captions(scenes: Iterable[Told]) -> list[Caption]:
    """All captions of a video, in order, none over another."""
    found: list[Caption] = []
    for told in scenes:
        lines = {one.line: one for one in told.timed.lines}
        for line in told.scene.narration:
            time = lines[line.id]
            begins = told.starts + time.starts
            clock = _clock(told.voiced.get(line.id), line.text, time.ends - time.starts)
            found += _of_line(readable(line.text), clock, begins, told.starts + time.ends)
    return _settled(found)


def chapters(scenes: Iterable[Told]) -> list[Chapter]:
    """One for each scene with a title; a scene without one belongs to the chapter before."""
    found = [Chapter(one.starts, _heading(one.scene)) for one in scenes]
    named = [one for number, one in enumerate(found) if one.title or not number]
    return [Chapter(one.starts, one.title or "…") for one in named]


def _heading(scene: Scene) -> str:
    return " ".join(readable(scene.title or scene.visual.title).text.split())


def _clock(one: Voiced | None, written: str, seconds: float) -> Clock:
    if one is None or not one.speech.words:
        return lambda start, _end: seconds * start / max(1, len(written))

    def said(start: int, end: int) -> float | None:
        stretch = one.spoken.said(start, end)
        return begins_at(one.speech, *stretch) if stretch else None

    return said


def _of_line(text: Readable, clock: Clock, begins: float, ends: float) -> Iterator[Caption]:
    cut_up = cut(pieces(text.text))
    starts: list[list[CaptionWord]] = []
    last = begins
    for rows in cut_up:
        words: list[CaptionWord] = []
        for number, row in enumerate(rows):
            for at, piece in enumerate(row):
                said = clock(*text.written(piece.start, piece.end))
                last = last if said is None else max(last, begins + said)
                shown = piece.text.rstrip() if at == len(row) - 1 else piece.text
                breaks = "\n" if number and not at else ""
                words.append(CaptionWord(breaks + shown, last))
        starts.append(words)
    starts = _spread(starts, ends)
    for words, following in zip(starts, [*starts[1:], None], strict=True):
        until = following[0].starts if following else ends
        yield Caption(starts=words[0].starts, ends=max(until, words[0].starts), words=tuple(words))


def _spread(cut_up: Sequence[list[CaptionWord]], ends: float) -> list[list[CaptionWord]]:
    """Captions that begin together, as those of one long formula, share the time until the next."""
    spread: list[list[CaptionWord]] = []
    for begins, together in groupby(cut_up, lambda words: words[0].starts):
        some = list(together)
        after = cut_up[len(spread) + len(some) :]
        step = ((after[0][0].starts if after else ends) - begins) / len(some)
        spread += [
            [CaptionWord(one.text, max(one.starts, begins + number * step)) for one in words]
            for number, words in enumerate(some)
        ]
    return spread


def _settled(found: Sequence[Caption]) -> list[Caption]:
    """Each stays at least a second where there is room, at most seven, and ends before the next."""
    settled: list[Caption] = []
    for one, following in zip(found, [*found[1:], None], strict=True):
        room = (following.starts if following else one.ends + SHORTEST) - one.starts
        longest = max(0.001, min(LONGEST, room - GAP if room > SHORTEST else room))
        stays = min(max(one.ends - one.starts, SHORTEST), longest)
        settled.append(Caption(starts=one.starts, ends=one.starts + stays, words=one.words))
    return settled


def webvtt(found: Iterable[Caption], language: str, *, words: bool = True) -> str:
    """A WebVTT file; with ``words``, each caption holds the times at which its words are said."""
    parts = ["WEBVTT\n"]
    for number, one in enumerate(found, 1):
        text = directed(_payload(one) if words else _escaped(one.text), language)
        parts.append(f"{number}\n{_stamp(one.starts)} --> {_stamp(one.ends)}\n{text}\n")
    return "\n".join(parts)


def _payload(one: Caption) -> str:
    out = []
    last = round(one.starts * 1000)
    end = round(one.ends * 1000)
    for word in one.words:
        at = round(word.starts * 1000)
        # Inner times must rise, and lie inside the caption.
        stamp = f"<{_stamp(at / 1000)}>" if last < at < end else ""
        last = max(last, at)
        lead = "\n" if word.text.startswith("\n") else ""
        out.append(lead + stamp + _escaped(word.text.removeprefix("\n")))
    return "".join(out)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _stamp(seconds: float, point: str = ".") -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(whole, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}{point}{thousandths:03}"


def chapters_webvtt(found: Sequence[Chapter], seconds: float) -> str:
    """Chapters as browsers read them, from a track of ``kind="chapters"``."""
    parts = ["WEBVTT\n"]
    ends = [*(one.starts for one in found[1:]), seconds]
    for number, (one, end) in enumerate(zip(found, ends, strict=True), 1):
        parts.append(f"{number}\n{_stamp(one.starts)} --> {_stamp(end)}\n{_escaped(one.title)}\n")
    return "\n".join(parts)


def srt(found: Iterable[Caption], language: str) -> str:
    """SubRip, for players that know nothing else."""
    return "\n".join(
        f"{number}\n{_stamp(one.starts, ',')} --> {_stamp(one.ends, ',')}\n"
        f"{directed(_LIKE_TAGS.sub(lambda sign: sign[0] + _NO_TAG, one.text), language)}\n"
        for number, one in enumerate(found, 1)
    )


def transcript_text(scenes: Iterable[Told]) -> str:
    """What is said, under the scenes' headings."""
    parts = []
    for told in scenes:
        said = " ".join(readable(line.text).text for line in told.scene.narration)
        parts += [one for one in (_heading(told.scene), said) if one]
    return "\n\n".join(parts) + "\n"


def transcript_html(scenes: Iterable[Told], language: str) -> str:
    """The same as a fragment of HTML: sections with the seconds at which they start."""
    direction = ' dir="rtl"' if right_to_left(language) else ""
    parts = [f'<div lang="{html.escape(language)}"{direction}>']
    for told in scenes:
        parts.append(f'<section data-starts="{told.starts:.3f}">')
        heading = _heading(told.scene)
        parts += [f"<h2>{html.escape(heading)}</h2>"] if heading else []
        lines = {one.line: one.starts for one in told.timed.lines}
        parts += [
            f'<p data-starts="{told.starts + lines[line.id]:.3f}">'
            f"{html.escape(readable(line.text).text)}</p>"
            for line in told.scene.narration
        ]
        parts.append("</section>")
    return "\n".join([*parts, "</div>", ""])

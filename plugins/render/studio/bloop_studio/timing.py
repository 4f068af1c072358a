"""Cues resolved to times: what a scene says when, what moves when, and how long it lasts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bloop_sdk import gettext_noop
from bloop_sdk.providers.ai import Speech
from bloop_sdk.providers.render import TimedCue
from bloop_sdk.storyboard import Cue, Line, Scene
from bloop_sdk.storyboard.words import find_word, unspaced
from bloop_studio.spoken.model import Spoken

_SILENT_KEYS = frozenset({"kind", "id", "source", "target", "asset", "alt", "language", "layout"})
_LONGEST_LOOK = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Seconds of quiet, and how fast people read (characters a second).

    ``animation`` is the longest that a renderer takes for one cue; ``rest`` is what the eye gets
    after the last one, ``tail`` what the ear gets after the last word.
    """

    lead: float = 0.4
    between: float = 0.35
    tail: float = 0.8
    animation: float = 0.8
    rest: float = 0.7
    least: float = 2.0
    reading: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Voiced:
    """A line as it was spoken."""

    spoken: Spoken
    speech: Speech


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTime:
    """When a line is said (or read), in seconds from the scene's start."""

    line: str
    starts: float
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that a person should see; ``code`` is ``word_missing`` or ``word_unsaid``."""

    code: str
    line: str
    word: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A scene in time. All times are whole frames."""

    lines: tuple[LineTime, ...]
    cues: tuple[TimedCue, ...]
    frames: int
    fps: int
    problems: tuple[Problem, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the scene lasts."""
        return self.frames / self.fps

    @property
    def starts(self) -> dict[str, float]:
        """When each line starts."""
        return {one.line: one.starts for one in self.lines}


def plan_scene(
    scene: Scene, voiced: Mapping[str, Voiced], fps: int, pauses: Pauses | None = None
) -> Timed:
    """Place a scene's lines and cues.

    A line that is not in ``voiced`` lasts as long as it takes to read; cues on its words are
    spread evenly. A cue's time is that of its word, to the nearest frame.
    """
    rest = pauses or Pauses()
    lines = _placed(scene.narration, voiced, fps, rest)
    texts = {line.id: line.text for line in scene.narration}
    problems: list[Problem] = []
    times: list[tuple[Cue, float]] = []
    for cue in scene.cues:
        line = next(one for one in lines if one.line == cue.line)
        after, problem = _after(cue, texts[cue.line], voiced.get(cue.line), line)
        times.append((cue, line.starts + after))
        problems += [problem] if problem else []
    frames = _frames(scene, lines, [at for _, at in times], fps, rest)
    cues = [
        TimedCue(at=min(round(at * fps), frames - 1) / fps, action=cue.action, target=cue.target)
        for cue, at in times
    ]
    return Timed(
        lines=tuple(lines),
        cues=tuple(sorted(cues, key=lambda one: one.at)),
        frames=frames,
        fps=fps,
        problems=tuple(problems),
    )


def offsets(scenes: Sequence[Timed]) -> Iterator[float]:
    """When each scene starts in the whole video, free of accumulated rounding."""
    frames = 0
    for one in scenes:
        yield frames / one.fps
        frames += one.frames


def reading_seconds(text: str, speed: float = 15.0) -> float:
    """How long a person takes to read it; a character of an unspaced script counts for two."""
    return sum(2 if unspaced(one) else 1 for one in text) / speed


def _placed(
    narration: Sequence[Line], voiced: Mapping[str, Voiced], fps: int, rest: Pauses
) -> list[LineTime]:
    lines: list[LineTime] = []
    at = rest.lead
    for line in narration:
        starts = math.ceil(round(at * fps, 6)) / fps
        one = voiced.get(line.id)
        long = one.speech.seconds if one else max(1.0, reading_seconds(line.text, rest.reading))
        lines.append(LineTime(line=line.id, starts=starts, ends=starts + long))
        at = starts + long + rest.between
    return lines


def _after(cue: Cue, text: str, one: Voiced | None, line: LineTime) -> tuple[float, Problem | None]:
    """Seconds from the line's start to the cue's word."""
    where = find_word(text, cue.word, cue.nth)
    if where is None:
        told = gettext_noop(
            "line {line} does not say {word}: {action} {target} comes with the line's start"
        )
        if cue.nth > 1:
            told = gettext_noop(
                "line {line} does not say {word} {n} times: "
                "{action} {target} comes with the line's start"
            )
        return 0.0, Problem(
            code="word_missing",
            line=cue.line,
            word=cue.word,
            message=_of_cue(told, cue),
        )
    if one is None:
        return (line.ends - line.starts) * where[0] / len(text), None
    said = one.spoken.said(*where)
    begins = None if said is None else begins_at(one.speech, *said)
    if begins is None:
        return 0.0, Problem(
            code="word_unsaid",
            line=cue.line,
            word=cue.word,
            message=_of_cue(
                gettext_noop(
                    "{word} in line {line} is not spoken: "
                    "{action} {target} comes with the line's start"
                ),
                cue,
            ),
        )
    return begins, None


def _of_cue(message: str, cue: Cue) -> str:
    return message.format(
        line=cue.line, word=repr(cue.word), n=cue.nth, action=cue.action, target=cue.target
    )


def begins_at(speech: Speech, start: int, end: int) -> float | None:
    """When the first word of ``text[start:end]`` is said.

    In scripts without spaces a voice's word may be a whole clause: its time is shared out.
    """
    word = next((w for w in speech.words if w.start < end and start < w.end), None)
    if word is None:
        return None
    if start <= word.start:
        return word.begins
    return word.begins + (word.ends - word.begins) * (start - word.start) / (word.end - word.start)


def _frames(
    scene: Scene, lines: Sequence[LineTime], cues: Sequence[float], fps: int, rest: Pauses
) -> int:
    ends = [scene.seconds or 0.0]
    if lines:
        ends.append(lines[-1].ends + rest.tail)
    elif scene.seconds is None:
        ends.append(max(rest.least, _look(scene, rest)))
    ends += [max(cues) + rest.animation + rest.rest] if cues else []
    return max(1, math.ceil(round(max(ends) * fps, 6)))


def _look(scene: Scene, rest: Pauses) -> float:
    """Seconds to take in a picture that nobody speaks to."""
    texts = list(_texts(scene.visual.model_dump()))
    read = sum(reading_seconds(text, rest.reading) for text in texts)
    return min(_LONGEST_LOOK, rest.lead + 1.5 + read)


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for key, value in node.items():
            if key not in _SILENT_KEYS:
                yield from _texts(value)
    elif isinstance(node, list):
        for one in node:
            yield from _texts(one)

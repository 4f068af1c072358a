"""The stage ``composing``: clips, sound, captions and chapters become the files of a video."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop_sdk import FatalError, Unit, gettext_noop
from bloop_sdk.providers.ai import Speech
from bloop_sdk.providers.render import Clip
from bloop_sdk.storyboard import Storyboard
from bloop_studio import finding, pieces, videos
from bloop_studio.captions import (
    Told,
    captions,
    chapters_webvtt,
    srt,
    transcript_html,
    transcript_text,
    webvtt,
)
from bloop_studio.captions import chapters as chapters_of
from bloop_studio.clips import CLIPS_DIFFER
from bloop_studio.compose import Metadata, compose
from bloop_studio.jobs import JobPayload, Work, stage
from bloop_studio.options import Options
from bloop_studio.sound import Placed, make_sound
from bloop_studio.tables import VideoScene, now
from bloop_studio.telling import timed_scenes
from bloop_studio.thumbnail import thumbnail
from bloop_studio.timing import Voiced, offsets
from bloop_studio.voicing import Narration, narrate

VERSION = 2
"""Changes when the same clips and speech would be put together otherwise."""
THUMBNAIL_WIDTH, THUMBNAIL_SECONDS = 640, 2.0
FILES = {
    "video.mp4": "video/mp4",
    "captions.vtt": "text/vtt",
    "captions.srt": "application/x-subrip",
    "chapters.vtt": "text/vtt",
    "transcript.txt": "text/plain",
    "transcript.html": "text/html",
    "thumbnail.jpg": "image/jpeg",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a video is put together from."""

    storyboard: Storyboard
    scenes: Sequence[Told]
    clips: Sequence[Clip]
    seconds: float


@stage("scenes", "composing")
async def join(work: Work, payload: JobPayload) -> dict[str, Any]:
    """Put the video together, unless the same was put together before.

    Clips that can't be joined are of a renderer that has changed between two scenes, as one does
    whose encoder was given up, or were timed by a voice that has been replaced since: the video is
    made once more, with what fits found again.
    """
    try:
        return await _joined(work)
    except FatalError as err:
        if err.code != CLIPS_DIFFER or payload.get("redrawn"):
            raise
        await work.ctx.transaction(videos.redraw, work.video.id, work.video.round)
        return {"redrawn": err.message}


async def _joined(work: Work) -> dict[str, Any]:
    ctx, begun = work.ctx, time.monotonic()
    rows = await ctx.read(videos.scenes, work.video.id)
    await work.tell(state="composing", done=0, total=0, message="")
    with pieces.workshop(ctx) as name:
        folder = Path(name)
        narration = await narrate(
            ctx, work.storyboard, _as_spoken(work), folder, refused=_refused(work)
        )
        key = _key(work, rows, narration)
        files = {file: f"video/{key}/{file}" for file in FILES}
        kept = [await pieces.use(ctx, one) for one in files.values()]
        if not all(kept):
            parts = await _gathered(work, rows, narration, folder)
            await ctx.run_sync(_make, work, parts, folder)
            for file, media_type in FILES.items():
                await pieces.keep(ctx, files[file], folder / file, media_type)
    report = _report(work, rows, time.monotonic() - begun)
    seconds = sum(row.frames for row in rows) / work.options.fps
    said = await finding.transcript(ctx, files, report["language"])
    await ctx.transaction(_ready, work, files, seconds, report, said)
    return {"video": files["video.mp4"], "seconds": seconds}


def _as_spoken(work: Work) -> Options:
    """The options with the voice that the scenes were timed by, whoever else can speak by now."""
    voice = (work.video.report or {}).get("speech", {}).get("voice") or work.options.voice
    return work.options.model_copy(update={"voice": voice})


def _refused(work: Work) -> dict[tuple[str, str], str]:
    """The lines that the scenes were timed without."""
    unsaid = (work.video.report or {}).get("speech", {}).get("unsaid", ())
    return {(one["scene"], one["line"]): one["reason"] for one in unsaid}


def _key(work: Work, rows: Sequence[VideoScene], narration: Narration) -> str:
    """All that the files depend on: clips, what is said when and how it is written."""
    board = work.storyboard
    said = [[*where, one.spoken.text] for where, one in sorted(narration.lines.items())]
    told = [[scene.title, [line.text for line in scene.narration]] for scene in board.scenes]
    return pieces.digest(
        VERSION, board.title, board.language, [row.clip for row in rows],
        narration.voice, narration.version, work.options.pace, said, told,
    )  # fmt: skip


async def _gathered(
    work: Work, rows: Sequence[VideoScene], narration: Narration, folder: Path
) -> Parts:
    timed = timed_scenes(work.storyboard, narration, work.options.fps)
    if [one.frames for one in timed] != [row.frames for row in rows]:
        # What is said would no longer meet what is seen.
        raise FatalError(
            gettext_noop("the voice speaks otherwise than when the scenes were drawn"),
            code=CLIPS_DIFFER,
            cure=gettext_noop("make the video again"),
        )
    clips = []
    for row in rows:
        if row.clip is None:
            raise FatalError(
                gettext_noop("scene {number} was never drawn").format(number=row.number),
                cure=gettext_noop("make the video again"),
            )
        path = folder / f"clip-{row.number}.mp4"
        if not await pieces.fetch(work.ctx, row.clip, path):
            raise FatalError(
                gettext_noop("the clip of scene {number} is gone").format(number=row.number),
                cure=gettext_noop("make the video again"),
            )
        clips.append(Clip(path=path, seconds=row.frames / work.options.fps, frames=row.frames))
    board = work.storyboard
    scenes = [
        Told(scene=scene, timed=one, starts=starts, voiced=narration.of_scene(scene.id))
        for scene, one, starts in zip(board.scenes, timed, offsets(timed), strict=True)
    ]
    return Parts(board, scenes, clips, sum(one.seconds for one in timed))


def _make(work: Work, parts: Parts, folder: Path) -> None:
    """Write all files into ``folder``; in a thread."""
    lines = list(_placed(parts))
    sound = make_sound(lines, parts.seconds, folder / "sound.m4a").path if lines else None
    board, shown, chapters = parts.storyboard, captions(parts.scenes), chapters_of(parts.scenes)
    compose(
        parts.clips,
        sound,
        folder / "video.mp4",
        metadata=Metadata(title=board.title, language=board.language),
        chapters=chapters,
        captions=shown,
        progress=lambda done, total: work.ctx.progress(int(done), int(total), "seconds joined"),
    )
    texts = {
        "captions.vtt": webvtt(shown, board.language),
        "captions.srt": srt(shown, board.language),
        "chapters.vtt": chapters_webvtt(chapters, parts.seconds),
        "transcript.txt": transcript_text(parts.scenes),
        "transcript.html": transcript_html(parts.scenes, board.language),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    picture = min(THUMBNAIL_SECONDS, parts.seconds / 2)
    thumbnail(folder / "video.mp4", picture, folder / "thumbnail.jpg", THUMBNAIL_WIDTH)


def _placed(parts: Parts) -> Iterator[Placed]:
    for told in parts.scenes:
        for line, starts in told.timed.starts.items():
            voiced = told.voiced.get(line)
            if voiced is not None:
                yield Placed(told.starts + starts, functools.partial(_speech, voiced))


def _speech(voiced: Voiced) -> Speech:
    return voiced.speech


def _report(work: Work, rows: Sequence[VideoScene], seconds: float) -> dict[str, Any]:
    report = dict(work.video.report or {})
    report["drawn"] = sum(not row.reused for row in rows)
    report["reused"] = sum(row.reused for row in rows)
    report["degraded"] = [{"scene": row.number, "reason": row.fault} for row in rows if row.fault]
    report["language"] = work.storyboard.language
    report["seconds"] = {**report.get("seconds", {}), "composing": round(seconds, 2)}
    return report


def _ready(
    unit: Unit, work: Work, files: dict[str, str], seconds: float, report: Any, said: Any
) -> None:
    video = work.video
    done = videos.progress(
        unit, video.id, video.round,
        state="ready", files=files, seconds=seconds, report=report, error=None, transcript=said,
        message="", finished_at=now(),
    )  # fmt: skip
    if done:
        payload = {"id": video.id, "lesson": video.item_id, "seconds": seconds}
        videos.tell(unit, video.item_id)
        unit.emit("video.ready", f"video:{video.id}", payload)

"""The stage ``composing``: clips, sound, captions and chapters become the files of a video."""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop_sdk import FatalError, Unit
from bloop_sdk.providers.render import Clip
from bloop_sdk.storyboard import Storyboard
from bloop_studio import captions, pieces, videos
from bloop_studio.compose import Metadata, compose
from bloop_studio.jobs import JobPayload, Work, stage
from bloop_studio.marks import Caption, Chapter
from bloop_studio.sound import Placed, make_sound
from bloop_studio.tables import VideoScene, now
from bloop_studio.telling import timed_scenes
from bloop_studio.thumbnail import thumbnail
from bloop_studio.timing import Timed, offsets
from bloop_studio.voicing import Narration, narrate

VERSION = 1
"""Changes when the same clips and speech would be put together otherwise."""
THUMBNAIL_WIDTH = 640
FILES = {
    "video.mp4": "video/mp4",
    "captions.vtt": "text/vtt",
    "chapters.vtt": "text/vtt",
    "transcript.txt": "text/plain",
    "transcript.html": "text/html",
    "thumbnail.jpg": "image/jpeg",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a video is put together from."""

    storyboard: Storyboard
    timed: Sequence[Timed]
    narration: Narration
    clips: Sequence[Clip]
    starts: Sequence[float]


@stage
async def join(work: Work, _payload: JobPayload) -> dict[str, Any]:
    """Put the video together, unless the same was put together before."""
    ctx, begun = work.ctx, time.monotonic()
    rows = await ctx.read(videos.scenes, work.video.id)
    await work.tell(state="composing", done=0, total=0, message="")
    with tempfile.TemporaryDirectory(dir=ctx.data_dir) as name:
        folder = Path(name)
        narration = await narrate(ctx, work.storyboard, work.options, folder)
        key = _key(work, rows, narration)
        files = {file: f"video/{key}/{file}" for file in FILES}
        kept = [await ctx.files.get(one) for one in files.values()]
        if not all(kept):
            parts = await _gathered(work, rows, narration, folder)
            await ctx.run_sync(_make, work, parts, folder)
            for file, media_type in FILES.items():
                await pieces.keep(ctx, files[file], folder / file, media_type)
    report = _report(work, rows, time.monotonic() - begun)
    seconds = sum(row.frames for row in rows) / work.options.fps
    await ctx.transaction(_ready, work, files, seconds, report)
    return {"video": files["video.mp4"], "seconds": seconds}


def _key(work: Work, rows: Sequence[VideoScene], narration: Narration) -> str:
    """All that the files depend on: clips, what is said when and how it is written."""
    board = work.storyboard
    said = [[*where, one.spoken.text] for where, one in sorted(narration.lines.items())]
    told = [[scene.title, [line.text for line in scene.narration]] for scene in board.scenes]
    return pieces.digest(
        VERSION, board.title, board.language, [row.clip for row in rows],
        narration.voice, work.options.pace, said, told,
    )  # fmt: skip


async def _gathered(
    work: Work, rows: Sequence[VideoScene], narration: Narration, folder: Path
) -> Parts:
    timed = timed_scenes(work.storyboard, narration, work.options.fps)
    clips = []
    for row in rows:
        if row.clip is None:
            raise FatalError(f"scene {row.number} was never drawn", cure="make the video again")
        path = folder / f"clip-{row.number}.mp4"
        if not await pieces.fetch(work.ctx, row.clip, path):
            raise FatalError(f"the clip of scene {row.number} is gone", cure="make the video again")
        clips.append(Clip(path=path, seconds=row.frames / work.options.fps, frames=row.frames))
    return Parts(work.storyboard, timed, narration, clips, list(offsets(timed)))


def _make(work: Work, parts: Parts, folder: Path) -> None:
    """Write all files into ``folder``; in a thread."""
    seconds = sum(one.seconds for one in parts.timed)
    sound = (
        make_sound(_placed(parts), seconds, folder / "sound.m4a") if parts.narration.lines else None
    )
    shown = captions.captions_of(parts.storyboard, parts.timed, parts.narration.lines)
    chapters = _chapters(parts)
    compose(
        parts.clips,
        sound.path if sound else None,
        folder / "video.mp4",
        metadata=Metadata(title=parts.storyboard.title, language=parts.storyboard.language),
        chapters=chapters,
        captions=shown,
        progress=lambda done, total: work.ctx.progress(int(done), int(total), "seconds joined"),
    )
    _write_texts(parts, shown, chapters, seconds, folder)
    thumbnail(
        folder / "video.mp4", min(2.0, seconds / 2), folder / "thumbnail.jpg", THUMBNAIL_WIDTH
    )


def _write_texts(
    parts: Parts,
    shown: Sequence[Caption],
    chapters: Sequence[Chapter],
    seconds: float,
    folder: Path,
) -> None:
    texts = {
        "captions.vtt": captions.webvtt(shown),
        "chapters.vtt": captions.chapters_webvtt(chapters, seconds),
        "transcript.txt": captions.transcript_text(parts.storyboard),
        "transcript.html": captions.transcript_html(parts.storyboard),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")


def _placed(parts: Parts) -> list[Placed]:
    placed = []
    for scene, timed, start in zip(parts.storyboard.scenes, parts.timed, parts.starts, strict=True):
        for line in timed.lines:
            one = parts.narration.lines.get((scene.id, line.line))
            if one is not None:
                load = functools.partial(lambda speech: speech, one.speech)
                placed.append(Placed(at=start + line.starts, load=load))
    return placed


def _chapters(parts: Parts) -> list[Chapter]:
    """A chapter for each scene that has a name of its own."""
    found: list[Chapter] = []
    for scene, start in zip(parts.storyboard.scenes, parts.starts, strict=True):
        title = scene.title or scene.visual.title
        if title and (not found or found[-1].title != title):
            found.append(Chapter(starts=start if found else 0.0, title=title))
    return found


def _report(work: Work, rows: Sequence[VideoScene], seconds: float) -> dict[str, Any]:
    report = dict(work.video.report or {})
    report["drawn"] = sum(not row.reused for row in rows)
    report["reused"] = sum(row.reused for row in rows)
    report["degraded"] = [{"scene": row.number, "reason": row.fault} for row in rows if row.fault]
    report["language"] = work.storyboard.language
    report["seconds"] = {**report.get("seconds", {}), "composing": round(seconds, 2)}
    return report


def _ready(unit: Unit, work: Work, files: dict[str, str], seconds: float, report: Any) -> None:
    video = work.video
    done = videos.progress(
        unit, video.id, video.round,
        state="ready", files=files, seconds=seconds, report=report, error=None,
        message="", finished_at=now(),
    )  # fmt: skip
    if done:
        payload = {"id": video.id, "lesson": video.item_id, "seconds": seconds}
        unit.emit("studio.video_ready", f"video:{video.id}", payload)

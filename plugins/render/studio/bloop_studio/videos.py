"""The rows of videos: asked for, made step by step, ready; each function takes a unit of work."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import undefer

from bloop_sdk import BloopError, Item, NotFoundError, Unit
from bloop_studio import endings
from bloop_studio.options import Options
from bloop_studio.tables import STAGES, Piece, StoryboardVersion, Video, VideoScene, now


def ask(
    unit: Unit,
    item: Item,
    options: Options,
    storyboard: StoryboardVersion | None,
    *,
    brand: Sequence[str | None],
    by: str,
    again: bool = False,
) -> Video:
    """The video of a lesson with these options: what was asked for before, or a new one.

    ``storyboard`` is the version to draw; without one the lesson's own is drafted. ``brand`` are
    the institution's colours and logo as they are now. One that failed is tried anew, and with
    ``again`` any other too.
    """
    request = _request(item, options, storyboard, brand)
    found = unit.session.scalar(select(Video).where(Video.request == request))
    if found is not None and not (again or has_failed(unit, found)):
        return found
    if found is None:
        found = Video(
            item_id=item.id,
            title=item.title[:300] or item.id,
            request=request,
            options=options.model_dump(mode="json"),
            storyboard_id=storyboard.id if storyboard else None,
            lesson_version=item.version,
            state="storyboard",
            round=0,
            created_by=by,
        )
        unit.session.add(found)
    begin(unit, found)
    return found


def has_failed(unit: Unit, video: Video) -> bool:
    """Whether it won't be ready unless it is begun anew."""
    return video.state == "failed" or endings.of(unit, video) is not None


def begin(unit: Unit, video: Video) -> None:
    """Begin a round: what is there of the ones before is found again."""
    was_shown = video.state == "ready"
    video.round += 1
    video.state, video.error, video.finished_at = "storyboard", None, None
    video.done = video.total = 0
    video.message = ""
    unit.session.flush()
    payload = {"video": video.id, "round": video.round}
    video.job_id = unit.enqueue("storyboard", payload, key=f"{video.id}/{video.round}")
    unit.session.flush()
    if was_shown:
        tell(unit, video.item_id)
    unit.audit("studio.video_asked", f"item:{video.item_id}", {"video": video.id})


def again(unit: Unit, id_: str) -> Video | None:
    """Begin a video anew that has failed; any other is left as it is."""
    found = unit.session.scalar(select(Video).where(Video.id == id_))
    if found is not None and has_failed(unit, found):
        begin(unit, found)
    return found


def redraw(unit: Unit, id_: str, round_: int) -> None:
    """Make a video once more, since its clips don't fit together; what is there is found again."""
    if progress(unit, id_, round_, round=round_ + 1, state=STAGES[0], done=0, total=0):
        payload = {"video": id_, "round": round_ + 1, "redrawn": True}
        job = unit.enqueue("storyboard", payload, key=f"{id_}/{round_ + 1}")
        progress(unit, id_, round_ + 1, job_id=job)


def _request(
    item: Item,
    options: Options,
    storyboard: StoryboardVersion | None,
    brand: Sequence[str | None],
) -> str:
    subject = storyboard.id if storyboard else f"{item.id}@{item.version}"
    text = json.dumps([subject, options.model_dump(mode="json"), *brand], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def one(unit: Unit, id_: str) -> Video | None:
    """A video by its id, with its transcript; to read, as are the next ones."""
    whole = select(Video).where(Video.id == id_).options(undefer(Video.transcript))
    found = unit.session.scalar(whole)
    return endings.seen(unit, found) if found else None


def of_lesson(unit: Unit, item: str, limit: int = 20) -> Sequence[Video]:
    """A lesson's videos, the newest first."""
    some = select(Video).where(Video.item_id == item)
    rows = unit.session.scalars(some.order_by(Video.created_at.desc(), Video.id).limit(limit)).all()
    return [endings.seen(unit, row) for row in rows]


def beside(unit: Unit, item: str) -> tuple[Video | None, Video | None]:
    """A lesson's newest video that is ready, with its transcript, and the newest in the making."""
    some = select(Video).where(Video.item_id == item, Video.state.in_(("ready", *STAGES)))
    newest = some.order_by(Video.created_at.desc(), Video.id).limit(20)
    rows = unit.session.scalars(newest.options(undefer(Video.transcript))).all()
    ready = next((row for row in rows if row.state == "ready"), None)
    making = (endings.seen(unit, row) for row in rows if row.state in STAGES)
    return ready, next((row for row in making if row.state in STAGES), None)


def newest(unit: Unit, limit: int = 50) -> Sequence[Video]:
    """The newest videos of lessons that are there for others, the newest first."""
    some = select(Video).order_by(Video.created_at.desc(), Video.id)
    rows = unit.session.scalars(some.limit(4 * limit)).all()
    known = unit.titles(items={row.item_id for row in rows})
    return [endings.seen(unit, row) for row in rows if row.item_id in known][:limit]


def any_ready(unit: Unit) -> bool:
    """Whether there is a video to watch."""
    found = unit.session.scalar(select(Video.id).where(Video.state == "ready").limit(1))
    return found is not None


def in_the_making(unit: Unit) -> Sequence[str]:
    """The ids of videos that are neither ready nor have failed, as far as that was noted."""
    return unit.session.scalars(select(Video.id).where(Video.state.in_(STAGES))).all()


def scenes(unit: Unit, video: str) -> Sequence[VideoScene]:
    """The scenes of a video in their order."""
    some = select(VideoScene).where(VideoScene.video_id == video)
    return unit.session.scalars(some.order_by(VideoScene.number)).all()


def scene(unit: Unit, video: str, number: int) -> VideoScene | None:
    """One scene."""
    some = select(VideoScene).where(VideoScene.video_id == video, VideoScene.number == number)
    return unit.session.scalar(some)


def progress(
    unit: Unit, /, id_: str, round_: int, *, at: Collection[str] = STAGES, **values: Any
) -> bool:
    """Tell how far a video is.

    False where another round has begun, nobody wants it any more, or its state is not one of
    ``at``: what is ready or has failed stays so.
    """
    mine = Video.id == id_, Video.round == round_, Video.state.in_(at)
    row = update(Video).where(*mine).values(**values)
    return unit.session.scalar(row.returning(Video.id)) is not None


def change_scene(unit: Unit, scene_id: str, **values: Any) -> None:
    """Tell how far a scene is, or what became of it."""
    unit.session.execute(update(VideoScene).where(VideoScene.id == scene_id).values(**values))


def clear_scenes(unit: Unit, video: str) -> None:
    """Forget the scenes of an earlier round."""
    unit.session.execute(delete(VideoScene).where(VideoScene.video_id == video))


def frames_drawn(unit: Unit, video: str) -> tuple[int, int]:
    """Frames that are drawn, and frames in all."""
    sums = select(func.sum(VideoScene.drawn), func.sum(VideoScene.frames))
    done, total = unit.session.execute(sums.where(VideoScene.video_id == video)).one()
    return done or 0, total or 0


def fail(unit: Unit, id_: str, round_: int, error: BloopError) -> None:
    """Say why a video can't be made."""
    said = {"code": error.code, "message": error.message[:500], "cure": error.cure}
    note_failure(unit, id_, round_, said)


def note_failure(unit: Unit, id_: str, round_: int, said: dict[str, Any]) -> bool:
    """The same, with the error as it is kept; False where the video is past that."""
    failed = progress(unit, id_, round_, state="failed", error=said, finished_at=now())
    if failed:
        lesson = unit.session.scalar(select(Video.item_id).where(Video.id == id_))
        payload = {"id": id_, "lesson": lesson, "code": said["code"]}
        unit.emit("video.failed", f"video:{id_}", payload)
    return failed


def note_ending(unit: Unit, id_: str) -> bool:
    """Note of a video that its job has ended without it; False where that goes on."""
    found = unit.session.scalar(select(Video).where(Video.id == id_))
    said = endings.of(unit, found) if found else None
    return bool(found and said and note_failure(unit, id_, found.round, said))


def remove(unit: Unit, id_: str) -> None:
    """Forget a video; its files go with the next tidying."""
    unit.session.execute(delete(VideoScene).where(VideoScene.video_id == id_))
    gone = delete(Video).where(Video.id == id_).returning(Video.item_id)
    if item := unit.session.scalar(gone):
        tell(unit, item)
        unit.audit("studio.video_removed", f"video:{id_}")


def forget_lesson(unit: Unit, item: str) -> None:
    """The lesson is gone, and what was made of it with it."""
    unit.session.execute(delete(StoryboardVersion).where(StoryboardVersion.item_id == item))
    for id_ in unit.session.scalars(select(Video.id).where(Video.item_id == item)).all():
        remove(unit, id_)


def tell(unit: Unit, item: str) -> None:
    """Say what is said in the video that a lesson's page shows now: nothing where there is none."""
    shown = unit.session.execute(
        select(Video.transcript)
        .where(Video.item_id == item, Video.state == "ready")
        .order_by(Video.created_at.desc(), Video.id)
        .limit(1)
    ).one_or_none()
    said: Mapping[str, Any] = (shown and shown.transcript) or {"text": ""}
    # A lesson that is gone meanwhile is not found by anything.
    with contextlib.suppress(NotFoundError):
        unit.describe(
            item,
            said["text"],
            language=said.get("language"),
            moments=[(at, seconds) for at, seconds in said.get("moments", ())],
        )


def use(unit: Unit, name: str, size: int) -> None:
    """Note that a kept file is used now."""
    row = update(Piece).where(Piece.name == name).values(used_at=now(), size=size)
    if unit.session.scalar(row.returning(Piece.id)) is None:
        unit.session.add(Piece(name=name, size=size))


def unused(unit: Unit, before: Any, kind: str = "") -> list[str]:
    """Kept files that nothing has used since then, and that no video is made of.

    With a ``kind``, the first part of a name, only those of it.
    """
    held = {
        name
        for files in unit.session.scalars(select(Video.files).where(Video.files.is_not(None)))
        for name in (files or {}).values()
    }
    making = select(Video.id).where(Video.state.in_(STAGES))
    clips = select(VideoScene.clip).where(VideoScene.video_id.in_(making))
    held.update(one for one in unit.session.scalars(clips) if one)
    old = select(Piece.name).where(Piece.used_at < before, Piece.name.startswith(kind))
    return [name for name in unit.session.scalars(old).all() if name not in held]


def forget_piece(unit: Unit, name: str, before: Any) -> bool:
    """Let go of a piece; False where something has used it meanwhile."""
    gone = delete(Piece).where(Piece.name == name, Piece.used_at < before).returning(Piece.id)
    return unit.session.scalar(gone) is not None

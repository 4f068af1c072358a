"""Rows as programs see them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bloop_sdk import Words, gettext_noop
from bloop_sdk.providers.ai import Voice
from bloop_studio.diff import Difference
from bloop_studio.tables import STAGES, StoryboardVersion, Video

_UNSAFE = re.compile(r"[^\w.-]+")
STAGE_WORDS = {
    "storyboard": gettext_noop("writing the storyboard"),
    "speech": gettext_noop("speaking"),
    "scenes": gettext_noop("drawing"),
    "composing": gettext_noop("putting it together"),
}
_SHARE = {"storyboard": (0, 5), "speech": (5, 15), "scenes": (15, 95), "composing": (95, 100)}


def video(row: Video) -> dict[str, Any]:
    """A video; ``percent`` is an estimate over all stages."""
    return {
        "id": row.id,
        "lesson": row.item_id,
        "title": row.title,
        "state": row.state,
        "percent": percent(row),
        "done": row.done,
        "total": row.total,
        "message": row.message,
        "options": row.options,
        "seconds": row.seconds,
        "files": {name: f"/x/studio/videos/{row.id}/files/{name}" for name in file_names(row)},
        "report": row.report,
        "error": row.error,
        "created_at": row.created_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
    }


def without_workings(shown: dict[str, Any]) -> dict[str, Any]:
    """A video as those see it who only watch: what went wrong may name files and programs."""
    hidden = {"message": "", "waits": False, "report": None, "error": None, "problems": []}
    return shown | {name: value for name, value in hidden.items() if name in shown}


def percent(row: Video) -> int:
    """How far it is, from 0 to 100."""
    if row.state not in STAGES:
        return 100 if row.state == "ready" else 0
    start, end = _SHARE[row.state]
    return round(start + (end - start) * (row.done / row.total if row.total else 0))


def standing(row: Video, words: Words) -> dict[str, Any]:
    """How far a video is, in a few words of a language."""
    return {
        "state": row.state,
        "making": row.state in STAGES,
        "percent": percent(row),
        "stage": words.gettext(STAGE_WORDS.get(row.state, "")),
        "message": words.translate(row.message),
    }


def file_names(row: Video) -> Sequence[str]:
    """What can be fetched of a video."""
    return sorted(row.files or {})


def download_name(row: Video, file: str) -> str:
    """A file's name in somebody's folder of downloads."""
    title = _UNSAFE.sub("-", row.title).strip("-.")[:80] or "video"
    return f"{title}.{file.rpartition('.')[2]}"


def version(row: StoryboardVersion) -> dict[str, Any]:
    """A version of a storyboard, without its body."""
    return {
        "lesson": row.item_id,
        "version": row.number,
        "made_by": row.made_by,
        "author": row.author_id,
        "lesson_version": row.lesson_version,
        "created_at": row.created_at.isoformat(),
        "scenes": len(row.body["scenes"]),
    }


def voices(found: Mapping[str, Sequence[Voice]]) -> list[dict[str, Any]]:
    """Voices by the names that people choose them with."""
    return [
        {
            "voice": f"{plugin}:{one.id}",
            "name": one.name,
            "language": one.language,
            "natural": one.natural,
            "exact": one.exact,
            "metered": one.metered,
        }
        for plugin, some in found.items()
        for one in some
    ]


def difference(found: Difference) -> dict[str, Any]:
    """What has changed, as data and in words; ``scenes`` are made anew."""
    return {"changes": found.data(), "text": found.text(), "scenes": sorted(found.scenes)}

"""What the page of a lesson has of its visitor's own notes: a panel, and the form for another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from bloop.accounts.access import call_of, hub_of
from bloop.content import queries as content
from bloop.content.notes import own_queries
from bloop.content.notes.own_routes import beside
from bloop.content.notes.passages import LONGEST_CONTEXT, LONGEST_QUOTE
from bloop.content.notes.wording import clock
from bloop.store.statements import to_dicts
from bloop.web.moments import moment
from bloop.web.reading import sees
from bloop.web.refusal_words import refusal
from bloop.web.render import locale_of, translations_of
from bloop_sdk import BloopError, PrincipalKind

MOST = 100
"""So many stand beside a lesson; all are on the page of own notes."""
LONGEST_SHOWN = 600

FIELDS = ("words", "quote", "prefix", "suffix", "position", "at", "video")


@dataclass(frozen=True, slots=True)
class Refused:
    """What somebody typed, and why it was not taken."""

    error: BloopError
    form: Mapping[str, str] = field(default_factory=dict)


async def panel(
    request: Request,
    lesson: Mapping[str, Any],
    audience: str,
    media: Iterable[str],
    refused: Refused | None = None,
) -> dict[str, Any] | None:
    """The visitor's notes about a lesson; None for who has none, or whose own note it is.

    ``media`` are the texts in which there may be a video.
    """
    call = call_of(request)
    if call.principal.kind is not PrincipalKind.USER or audience == "owner":
        return None
    rows = await hub_of(request).database.read(
        own_queries.BESIDE, call, lesson=lesson["id"], after="", limit=MOST + 1
    )
    found = to_dicts(own_queries.BESIDE, rows)
    notes = await beside(found[:MOST], lesson["html"])
    locale = locale_of(request)
    return {
        "notes": sorted((viewed(note, locale) for note in notes), key=_place),
        "more": len(found) > MOST,
        "has_video": has_film(media),
        "error": refusal(refused.error, translations_of(locale).gettext) if refused else None,
        "form": {name: refused.form.get(name, "") if refused else "" for name in FIELDS},
        "longest_quote": LONGEST_QUOTE,
        "longest_context": LONGEST_CONTEXT,
    }


def has_film(media: Iterable[str]) -> bool:
    """Whether there is a video or a sound in texts."""
    return any("<video" in text or "<audio" in text for text in media)


async def belongs(request: Request, note: Mapping[str, Any]) -> dict[str, Any] | None:
    """The lesson that the visitor's own note is about, as far as they may see it."""
    call = call_of(request)
    row = await hub_of(request).database.read_one(own_queries.ABOUT, call, id=note["id"])
    if row is None:
        return None
    about = own_queries.ABOUT.as_dict(row)
    read = sees(request, content.ITEM_SHOWN, content.ITEM)
    lesson = await hub_of(request).database.read_one(read, call, id=about["lesson"])
    if lesson is None:
        return None
    return {"id": about["lesson"], "title": read.as_dict(lesson)["title"]}


def viewed(note: dict[str, Any], locale: str) -> dict[str, Any]:
    """A note as templates show it."""
    words = note["words"]
    cut = words if len(words) <= LONGEST_SHOWN else f"{words[:LONGEST_SHOWN].rstrip()} …"
    ms = note["moment_ms"]
    return {
        **note,
        "words": cut,
        "clock": None if ms is None else clock(ms),
        "seconds": None if ms is None else ms // 1000,
        "when": moment(note["created_at"], locale),
    }


def _place(note: Mapping[str, Any]) -> tuple[int, int, str]:
    """In the order of the lesson: what is about all of it first, what is gone from it last."""
    if note["kind"] == "moment":
        return 1, note["moment_ms"], note["id"]
    passage = note["passage"]
    if passage is None:
        return 0, 0, note["id"]
    return (3 if passage["state"] == "gone" else 2), passage["position"] or 0, note["id"]

"""The page on which a lesson is written: its text, a preview beside it, pictures and files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, hub_of
from bloop.content import drafts, service
from bloop.content.edited import has_moved_on, source_of
from bloop.content.file_routes import stored
from bloop.content.removed import removed
from bloop.content.texts import (
    html_of_markdown,
    markdown_of_html,
    unsafe_html_of_markdown,
)
from bloop.content.tree_routes import run, taught
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.web.editing import (
    WRITTEN,
    Lesson,
    course_edited,
    lesson_edited,
    removed_words,
    version_in,
    words_of,
)
from bloop.web.framed_pages import SANDBOX, document, signer
from bloop.web.prose import Prose
from bloop.web.refusals import status_of
from bloop.web.render import page
from bloop_sdk import BloopError, Kind
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

_THIS = taught("items", "item_id")
LONGEST = 5_000_000
"""So many characters of a text a form with a file takes."""
FIELDS = ("title", "text", "language", "href", "mode", "version", "alt", "at")


@dataclass(frozen=True, slots=True)
class _Typed:
    """What somebody typed, and why it was not taken."""

    form: Mapping[str, str]
    error: BloopError | None = None
    added: str = field(default="")


@router.get(
    "/lessons/{item_id}/edit",
    action="content:write",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def edit(request: Request, item_id: str, saved: str = "", mode: str = "") -> Response:
    """The form with the text: as Markdown, or as HTML where it came so; ``mode`` has the other."""
    lesson = await lesson_edited(request, item_id)
    if lesson.kind not in WRITTEN:
        return RedirectResponse(lesson.href, 303)
    return await _form(request, lesson, _Typed(_given(lesson, mode)), saved=saved == "yes")


@router.post(
    "/lessons/{item_id}/edit",
    action="content:write",
    also=_THIS,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def save(request: Request, item_id: str) -> Response:
    """Keep the text; or the form again, with what was typed and what is wrong with it."""
    sent = await read_form(request)
    form = {name: sent[name] for name in FIELDS}
    if sent["do"] in {"as-html", "as-markdown"}:
        form |= await asyncio.to_thread(_other, form)
        return await _form(request, await lesson_edited(request, item_id), _Typed(form))
    changes = _changes(form)
    try:
        await run(request, drafts.write, item_id, version_in(form["version"]), changes)
    except (InvalidError, ConflictError) as err:
        return await _form(request, await lesson_edited(request, item_id), _Typed(form, err))
    if sent["do"] == "publish":
        lesson = await lesson_edited(request, item_id)
        return RedirectResponse(f"/courses/{lesson.container}/publish?item={lesson.id}", 303)
    gone = removed(_written(form))
    if gone:
        lesson = await lesson_edited(request, item_id)
        said = removed_words(request, gone)
        return await _form(request, lesson, _Typed(_given(lesson, "")), saved=True, removed=said)
    return RedirectResponse(f"/lessons/{quote(item_id, safe='')}/edit?saved=yes", 303)


@router.get(
    "/lessons/{item_id}/preview",
    action="content:write",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def show_draft(request: Request, item_id: str) -> Response:
    """The text as it will be once it is published."""
    lesson = await lesson_edited(request, item_id)
    text = lesson.text
    return _seen(request, lesson, text["title"], text["language"], text["html"])


@router.post(
    "/lessons/{item_id}/preview",
    action="content:write",
    also=_THIS,
    problems=(404,),
    include_in_schema=False,
)
async def preview(request: Request, item_id: str) -> Response:
    """The text of the form as learners would see it; nothing is kept."""
    form = await read_form(request)
    lesson = await lesson_edited(request, item_id)
    html = await asyncio.to_thread(_html, form["mode"], form["text"])
    return _seen(request, lesson, form["title"] or lesson.title, form["language"], html)


def _seen(
    request: Request, lesson: Lesson, title: str, language: str | None, html: str
) -> Response:
    return document(
        request,
        title=title,
        language=language or None,
        html=Prose(lesson.container, signer(request)).shown(html),
    )


@router.post(
    "/lessons/{item_id}/discard",
    action="content:write",
    also=_THIS,
    problems=(404, 409),
    include_in_schema=False,
)
async def discard(request: Request, item_id: str) -> Response:
    """Throw the draft away."""
    form = await read_form(request)
    try:
        await run(request, drafts.discard, item_id, version_in(form["version"]))
    except ConflictError as err:
        lesson = await lesson_edited(request, item_id)
        return await _form(request, lesson, _Typed(_given(lesson, ""), err))
    return RedirectResponse(f"/lessons/{quote(item_id, safe='')}/edit", 303)


@router.post(
    "/lessons/{item_id}/media",
    action="content:write",
    also=_THIS,
    upload=True,
    problems=(404, 409, 413, 422),
    include_in_schema=False,
)
async def add_medium(request: Request, item_id: str) -> Response:
    """Store the form's file beside the lesson and show it in the text, which is kept as well."""
    lesson = await lesson_edited(request, item_id)
    async with request.form(max_files=1, max_fields=12, max_part_size=LONGEST) as sent:
        form = {name: str(sent.get(name) or "") for name in FIELDS}
        try:
            name, media_type, ref = await stored(hub_of(request).blobs, sent.get("file"))
            _expect_words(form, media_type or "")
        except InvalidError as err:
            return await _form(request, lesson, _Typed(form, err))
    made = await run(
        request,
        service.add_file,
        lesson.container,
        name=name,
        media_type=media_type,
        sha256=ref.sha256,
        size=ref.size,
    )
    shown = _shown(form, name, media_type or "", made.id)
    form["text"] = _put(form["text"].replace("\r\n", "\n"), shown, form["at"])
    try:
        await run(request, drafts.write, item_id, version_in(form["version"]), _changes(form))
    except (InvalidError, ConflictError) as err:
        return await _form(request, await lesson_edited(request, item_id), _Typed(form, err))
    return RedirectResponse(f"/lessons/{quote(item_id, safe='')}/edit?saved=yes#text", 303)


def _other(form: Mapping[str, str]) -> dict[str, str]:
    """What was typed in the other of the two ways to write it; nothing is kept of that yet."""
    html = _html(form["mode"], form["text"])
    if form["mode"] == "html":
        return {"mode": "markdown", "text": markdown_of_html(html)}
    return {"mode": "html", "text": html}


def _put(text: str, shown: str, at: str) -> str:
    """``text`` with ``shown`` behind the paragraph that holds the place ``at``; else at its end.

    A browser counts places in halves of UTF-16.
    """
    place = len(text)
    if at.isdecimal() and len(at) < 10:
        halves = text.encode("utf-16-le")[: 2 * int(at)]
        place = len(halves.decode("utf-16-le", "ignore"))
    end = text.find("\n\n", place)
    before, after = (text, "") if end < 0 else (text[:end], text[end:])
    parts = [before.rstrip(), shown, after.strip("\n")]
    return "\n\n".join(part for part in parts if part) + "\n"


def _expect_words(form: Mapping[str, str], media_type: str) -> None:
    """A picture without words says nothing to who can't see it."""
    if media_type.startswith("image/") and not form["alt"].strip():
        raise InvalidError("alt: say what the picture shows", field="alt")


def _shown(form: Mapping[str, str], name: str, media_type: str, id_: str) -> str:
    """What shows a file in a text."""
    from markupsafe import escape

    family, alt = media_type.partition("/")[0], form["alt"].strip()
    if family in {"audio", "video"}:
        # Markdown has no word for these.
        label = escape(alt or name)
        return f'<{family} src="bloop:file:{id_}" controls title="{label}"></{family}>'
    if form["mode"] == "html":
        if family == "image":
            return f'<p><img src="bloop:file:{id_}" alt="{escape(alt)}"></p>'
        return f'<p><a href="bloop:file:{id_}">{escape(alt or name)}</a></p>'
    words = (alt or name).replace("[", "(").replace("]", ")").replace("\n", " ")
    return f"{'!' if family == 'image' else ''}[{words}](bloop:file:{id_})"


def _given(lesson: Lesson, mode: str) -> dict[str, str]:
    """A lesson as its form shows it."""
    text = lesson.text
    source = source_of(text)
    mode = mode if mode in {"markdown", "html"} else ""
    mode = mode or ("markdown" if source is not None or not text["html"] else "html")
    if mode == "html":
        written = text["html"]
    else:
        written = source if source is not None else markdown_of_html(text["html"])
    return {
        "title": text["title"],
        "text": written,
        "language": text["language"] or "",
        "href": text["data"].get("href", ""),
        "mode": mode,
        "version": str(lesson.row_version),
        "alt": "",
        "at": "",
    }


def _changes(form: Mapping[str, str]) -> dict[str, Any]:
    """What the form says of a lesson; browsers send lines as networks end them."""
    text = form["text"].replace("\r\n", "\n")
    changes: dict[str, Any] = {"title": form["title"], "language": form["language"].strip() or None}
    if form["mode"] == "link":
        return changes | {"data": {"href": form["href"].strip()}}
    if form["mode"] == "file":
        return changes
    return changes | ({"html": text} if form["mode"] == "html" else {"markdown": text})


def _written(form: Mapping[str, str]) -> str:
    """The HTML that was typed, before anything is taken out of it."""
    if form["mode"] == "html":
        return form["text"]
    text = form["text"].replace("\r\n", "\n")
    return unsafe_html_of_markdown(text) if form["mode"] == "markdown" else ""


def _html(mode: str, text: str) -> str:
    from bloop.content.sanitise import sanitise

    return sanitise(text) if mode == "html" else html_of_markdown(text.replace("\r\n", "\n"))


async def _form(
    request: Request,
    lesson: Lesson,
    typed: _Typed,
    *,
    saved: bool = False,
    removed: list[str] | None = None,
) -> Response:
    """The page; of a stale version with what the lesson is now, which saving again replaces."""
    form, now = dict(typed.form), None
    if lesson.kind in {Kind.LINK, Kind.FILE}:
        form["mode"] = str(lesson.kind)
    if isinstance(typed.error, ConflictError) and typed.error.current is not None:
        now = _given(lesson, form["mode"])
        form["version"] = now["version"]
    course = None
    with suppress(NotFoundError):  # Who may edit a lesson need not see its course.
        course = await course_edited(request, lesson.container)
    return await page(
        request,
        "lesson_edit.html",
        status=status_of(typed.error),
        frames=["'self'"],
        script="editor.js",
        course=course,
        lesson=lesson,
        form=form,
        now=now,
        fault=None if typed.error is None else words_of(request, typed.error),
        saved=saved,
        removed=removed or [],
        moved_on=has_moved_on(lesson),
        sandbox=SANDBOX,
    )

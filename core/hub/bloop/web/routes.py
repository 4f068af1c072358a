"""Pages of a course and of a lesson."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT, may
from bloop.accounts.service import end_session
from bloop.content import queries
from bloop.content.enrolling.models import Audience
from bloop.content.texts import BY_TITLE
from bloop.content.trees import read_tree
from bloop.learning.today import places
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.store.statements import to_dicts
from bloop.web import (
    assets,
    kept_forms,
    kept_pages,
    lessons,
    outline,
    own_notes,
    plugin_static,
    quizzes,
    reading,
)
from bloop.web.concept_pages import named
from bloop.web.course_parts import course_parts
from bloop.web.editing import EDITED, editor_of
from bloop.web.framed_pages import framed
from bloop.web.import_pages import FORM, too_large
from bloop.web.learning_pages import course_state, done_state, learns
from bloop.web.navigation import said_by
from bloop.web.note_pages import about
from bloop.web.panels import panels, parts
from bloop.web.queries import UNPLACED, UNPLACED_SHOWN
from bloop.web.quiz_answer_pages import to_grade
from bloop.web.refusal_words import said
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import PanelSubject, PrincipalKind

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])


@router.get("/courses/{id}", action="content:read", problems=(404,), include_in_schema=False)
async def show_course(
    request: Request,
    id: str,  # noqa: A002 - the path's word
    said: str = "",
) -> Response:
    """One course and its outline."""
    course = await reading.course(request, id)
    tree = await _tree(request, id)
    summary = [course["summary_html"]]
    teaches = await _teaches(request, id)
    others = await _unplaced(request, id, drafts=reading.writes(request) or teaches)
    first = next(outline.leaves(tree), None)
    beside = await panels(
        request,
        PanelSubject(
            slot="course", id=id, kind=course["kind"], container=id, title=course["title"]
        ),
    )
    return await page(
        request,
        "course.html",
        offline=True,
        **framed(summary),
        course=course,
        progress=await course_state(request, id),
        institution=call_of(request).institution,
        nodes=tree,
        others=others,
        imports=may(call_of(request), "content:import"),
        first=first[0] if first else None,
        parts=course_parts(request, id, teaches=teaches, kind=course["kind"]),
        writes=course["kind"] == "course" and (reading.writes(request) or teaches),
        to_grade=await to_grade(request, id, teaches=teaches),
        graded=said == "graded",
        panels=beside,
        **parts(beside),
    )


@router.get("/lessons/{id}", action="content:read", problems=(404,), include_in_schema=False)
async def show_lesson(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """One item of a course: a page, a quiz, an assignment, or whatever it is."""
    return await lesson_page(request, id)


async def lesson_page(
    request: Request, id_: str, *, refused: own_notes.Refused | None = None, status: int = 200
) -> Response:
    """The page of a lesson; ``refused`` is a note beside it that was not taken."""
    lesson = await reading.lesson(request, id_)
    kind, container, data = lesson["kind"], lesson["container"], lesson["data"]
    course = await reading.course_around(request, container)
    tree = [] if course is None else await _tree(request, container)
    place = outline.locate(tree, id_)
    locale = locale_of(request)
    words = lessons.Words(locale, translations_of(locale))
    sources, file = reading.sources(lesson), words.file(data) if kind == "file" else None
    beside = await panels(
        request,
        PanelSubject(slot="lesson", id=id_, kind=kind, container=container, title=lesson["title"]),
    )
    media = [*sources, *(panel.html for panel in beside)]
    if file and file["shown_as"] in {"audio", "video"}:
        media.append(f"<{file['shown_as']}>")
    audience = Audience.ENROLLED if course is None else course["audience"]
    mine = await own_notes.panel(request, lesson, audience, media, refused)
    if course is not None and audience != Audience.OWNER:
        _note_place(request, lesson)
    shown = framed(sources, questions=len(data.get("questions", ())))
    if mine is not None or own_notes.has_film(media):
        shown["script"] = [*filter(None, [shown["script"]]), "notes.js"]
    return await page(
        request,
        "lesson.html",
        offline=True,
        status=status,
        **shown,
        course=course,
        lesson=lesson,
        data=data,
        nodes=tree,
        place=place,
        facts=words.facts(kind, data),
        handed_in=words.handed_in(data),
        shown_later=words.shown_later(data),
        rubric=words.rubric(data),
        file=file,
        address=lessons.web_address(data.get("href") or data.get("launch_url") or ""),
        attachments=lessons.attachments(data, container),
        note=await about(request, lesson) if kind == "note" else None,
        belongs=await own_notes.belongs(request, lesson) if audience == Audience.OWNER else None,
        mine=mine,
        progress=await done_state(request, id_) if kind not in {"file", "note"} else None,
        taking=await quizzes.taking(request, lesson) if kind == "quiz" else None,
        writes_quiz=kind == "quiz" and _for_writers(lesson),
        panels=beside,
        **parts(beside),
        editor=editor_of(kind, id_) if reading.writes(request) and kind in EDITED else None,
        lost=reading.parsed(lesson["lost"]) if may(call_of(request), "content:write") else [],
    )


def _note_place(request: Request, lesson: dict[str, Any]) -> None:
    """Have it kept, behind the answer, that the visitor is here now."""
    call, purpose = call_of(request), request.headers.get("sec-purpose", "")
    # What a browser fetches in advance nobody has opened.
    if "prefetch" in purpose or request.method != "GET" or not learns(request):
        return
    row = places.row_of(call.institution, call.principal.id, lesson["id"], lesson["container"])
    cast("Hub", hub_of(request)).places.add(call.institution, [row])


@router.get(
    "/lessons/{container}/{kind}/{remote_id:path}",
    action="content:read",
    problems=(404,),
    include_in_schema=False,
)
async def follow_lesson(request: Request, container: str, kind: str, remote_id: str) -> Response:
    """Where a link between lessons leads: content names its targets by kind and remote id."""
    course = await reading.course_around(request, container)
    if course is not None and kind == "note" and remote_id.startswith(BY_TITLE):
        title = remote_id.removeprefix(BY_TITLE)
        try:
            item = await reading.titled(request, container, title)
        except NotFoundError:
            if not (concept := await named(request, title)):
                raise
            return RedirectResponse(f"/concepts/{concept}", 302)
    else:
        item = await reading.referred(request, container, kind, remote_id)
    if course is None and not await reading.is_visible(request, item):
        raise reading.nothing(kind, remote_id)
    return RedirectResponse(f"/lessons/{item}", 302)


@router.get(
    "/files/{container}/{remote_id:path}",
    action="content:read",
    problems=(404,),
    include_in_schema=False,
)
async def follow_file(request: Request, container: str, remote_id: str) -> Response:
    """The file that a lesson's text shows or links to."""
    course = await reading.course_around(request, container)
    item = await reading.referred(request, container, "file", remote_id)
    if course is None and not await reading.may_have_file(request, item):
        raise reading.nothing("file", remote_id)
    return RedirectResponse(f"/api/v1/items/{item}/content", 302)


@router.post("/logout", action=VISIT, include_in_schema=False)
async def log_out(request: Request) -> Response:
    """End the session of this browser; the same again does nothing."""
    hub = hub_of(request)
    response = RedirectResponse("/", 303)
    token = request.scope.get("bloop.cookie_token")
    if token is not None:
        await hub.database.run(in_unit, hub.database, call_of(request), end_session, token)
        hub.sessions.forget(token)
        response.delete_cookie(hub.sessions.cookie, secure=hub.sessions.secure, httponly=True)
    return response


@router.get("/static/{digest}/{name}", action=VISIT, problems=(404,), include_in_schema=False)
async def static(request: Request, digest: str, name: str) -> Response:
    """A static file, for ever; under the digest of another version, only for now."""
    found = assets.read(name)
    if found is None:
        raise NotFoundError(f"no file {name[:40]}")
    return _static(request, found, current=digest == found.digest)


@router.get(
    "/static/{plugin}/{digest}/{name}", action=VISIT, problems=(404,), include_in_schema=False
)
async def plugin_static_file(request: Request, plugin: str, digest: str, name: str) -> Response:
    """A static file of a plugin, kept as the hub's own are."""
    found = plugin_static.read(cast("Hub", hub_of(request)), plugin, name)
    if found is None:
        raise NotFoundError(f"no file {name[:40]} of a plugin {plugin[:40]!r} that is ready")
    return _static(request, found[1], current=digest == found[0])


def _static(request: Request, found: assets.Asset, *, current: bool) -> Response:
    headers = {
        "cache-control": assets.YEAR if current else "no-cache",
        "vary": "accept-encoding",
    }
    body = found.body
    if found.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        body = found.gzipped
    return Response(body, media_type=found.media_type, headers=headers)


async def error_page(request: Request, problem: Any) -> Response:
    """A problem in words, for browsers. What is common is said in the visitor's language.

    Who is to log in gets the form for it, and then comes back; where only a proof is missing, the
    page that takes it.
    """
    if problem.status == 401 and request.method == "GET":
        from bloop.web.login_pages import login_form

        query = f"?{request.url.query}" if request.url.query else ""
        return await login_form(request, f"{request.url.path}{query}", {}, status=401)
    if problem.status == 401 and request.method == "POST":
        return await kept_pages.ask_to_log_in(request)
    if problem.code == "step_up_required":
        return await kept_pages.ask_for_proof(request)
    if problem.code == "second_factor_required":
        return RedirectResponse("/account/security", 303)
    if problem.status == 413 and request.url.path == FORM:
        return await too_large(request)
    heading, text = _in_words(request, problem)
    translate = _refusals_of(request)
    sent = await kept_forms.sent_form(request)
    return await page(
        request,
        "message.html",
        status=problem.status,
        sent=sent,
        fields=kept_forms.shown(request, sent) if sent else [],
        again=problem.code == "cross_site",
        heading=heading,
        text=text or translate(problem.detail),
        cure=None if text else translate(problem.cure or ""),
        command="bloop login-link" if problem.code in {"link_refused", "login_required"} else None,
        trace=None if text else f"{problem.code} · {problem.trace_id}",
    )


def _refusals_of(request: Request) -> Callable[[str], str]:
    """How a refusal is said: what a plugin refused, by the catalogue of its package."""
    locale = locale_of(request)
    words, hub = translations_of(locale).gettext, hub_of(request)
    _root, place, owner, *_rest = [*request.url.path.split("/", 3), "", ""]

    def translate(text: str) -> str:
        if place == "x" and owner in hub.kernel.plugins:
            text = said_by(cast("Hub", hub), owner, text, locale, filled=True)
        return said(text, words)

    return translate


def _in_words(request: Request, problem: Any) -> tuple[str, str | None]:
    _ = translations_of(locale_of(request)).gettext
    if problem.code == "link_refused":
        return _("This link is used up"), _(
            "A link to log in is good for one use, within 30 minutes. "
            "Whoever runs this hub gets a fresh one with this command:"
        )
    if problem.code == "invitation_refused":
        return _("This invitation is no longer good"), _(
            "It was used up, has expired or was withdrawn. Ask whoever sent it for a new one."
        )
    if problem.code == "reset_refused":
        return _("This link is used up"), _(
            "A link to a new password is good for one use, within 30 minutes. Ask for another one."
        )
    if problem.code == "cross_site":
        return _("This form is too old"), _(
            "It was opened in another session, so it was not taken, and nothing has changed."
        )
    if problem.code == "body_too_large":
        return _("That is too much"), _(
            "It is longer than the hub takes at once, and nothing has changed. Your browser still "
            "has it: go back, and send it in parts."
        )
    if problem.status == 401:
        return _("Please log in"), _(
            "Only members may see this. Ask whoever runs this hub for a link to log in; "
            "this command prints one:"
        )
    if problem.code == "forbidden":
        return _("This is not for you"), _(
            "Your role in this hub does not allow this. Ask whoever runs it."
        )
    if problem.status == 403:
        return _("This is not for you"), None
    if problem.status == 404:
        return _("There is nothing here"), _(
            "It may have been moved, unpublished or removed, or the address has a mistake in it."
        )
    return _("That did not work"), None


async def _tree(request: Request, container: str) -> list[outline.Branch]:
    database, call = hub_of(request).database, call_of(request)
    drafts = may(call, "content:write")
    return outline.build(await read_tree(database, call, container, drafts=drafts))


def _for_writers(quiz: dict[str, Any]) -> bool:
    """Whether a quiz was read as those see it who write it: learners get no answers, no drafts."""
    asked = quiz["data"].get("questions", ())
    return not quiz["published"] or any("feedback_html" in one for one in asked)


async def _teaches(request: Request, container: str) -> bool:
    """Whether the visitor writes in this course because they are enrolled in it so."""
    call = call_of(request)
    if may(call, "content:write") or call.principal.kind is PrincipalKind.GUEST:
        return False
    row = await hub_of(request).database.read_one(queries.TEACHES, call, id=container)
    return row is not None


async def _unplaced(request: Request, container: str, *, drafts: bool) -> list[outline.Branch]:
    """What hangs at no place of the tree: many courses keep their quizzes so."""
    read = UNPLACED if drafts else UNPLACED_SHOWN
    rows = await hub_of(request).database.read(read, call_of(request), container=container)
    return [
        outline.Branch(row["title"], row["kind"], row["id"], row["published"], row["state"])
        for row in to_dicts(read, rows)
    ]

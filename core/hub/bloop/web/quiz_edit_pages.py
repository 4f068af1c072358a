"""Pages on which a quiz is written: its questions in their list, its settings, draft or published.

A form names what it was made from, so that of two tabs the later one hears of the other and keeps
what was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router
from bloop.content import history
from bloop.content import service as content
from bloop.content.act_routes import refuser
from bloop.content.models import Item
from bloop.content.tree_routes import run, taught
from bloop.graph.questions import parts_of
from bloop.learning.quizzes import editing
from bloop.learning.quizzes.edit_routes import ACTION, THIS_QUIZ, read_quiz
from bloop.learning.quizzes.problems import EDITED
from bloop.learning.quizzes.questions import number_of
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import moment
from bloop.store.types import dumps
from bloop.web import lessons, reading
from bloop.web.editing import version_in
from bloop.web.navigation import NavLink
from bloop.web.question_forms import plain_number, source_of
from bloop.web.quizzes import LINE, Formulas, words_of
from bloop.web.refusal_words import refusal, said_of
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

_SETTINGS = ("title", "markdown", "due_at", "time_limit", "attempts", "pass_mark", "shuffle")
KINDS = (
    *("choice", "multiple", "true_false", "blank", "numeric", "matching", "blanks"),
    *("essay", "text"),
)
"""What can be added, what is asked for most first."""


@router.post(
    "/courses/{container_id}/quizzes",
    action=ACTION,
    also=taught("containers", "container_id"),
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def make_quiz(request: Request, container_id: str) -> Response:
    """An empty draft, and on to writing it."""
    _ = translations_of(locale_of(request)).gettext
    form = await read_form(request)
    title = form["title"].strip() or _("New quiz")
    made = await run(request, content.create_item, container_id, kind="quiz", title=title)
    return RedirectResponse(f"/quizzes/{made.id}/edit", 303)


@router.get(
    "/quizzes/{quiz_id}/edit",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404,),
    include_in_schema=False,
)
async def edit_quiz(request: Request, quiz_id: str, said: str = "") -> Response:
    """The questions of a quiz, its settings, and what is to be put right before it is published."""
    return await _editor(request, await read_quiz(request, quiz_id), said=said)


@router.post(
    "/quizzes/{quiz_id}/edit",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def save_settings(request: Request, quiz_id: str) -> Response:
    """Change title, instructions and settings; or the page again with what is wrong."""
    form, quiz = await read_form(request), await read_quiz(request, quiz_id)
    try:
        if form["was"] != mark_of(_settings_of(quiz)):
            raise changed_meanwhile(quiz)
        await run(request, editing.change, quiz_id, quiz["row_version"], _changes(form, quiz))
    except (InvalidError, ConflictError) as err:
        return await _editor(request, await read_quiz(request, quiz_id), form=form, error=err)
    return RedirectResponse(f"/quizzes/{quiz_id}/edit?said=saved#settings", 303)


@router.post(
    "/quizzes/{quiz_id}/questions",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def arrange(request: Request, quiz_id: str) -> Response:
    """Move, duplicate or delete the form's question."""
    form, quiz = await read_form(request), await read_quiz(request, quiz_id)
    questions, part, act = quiz["data"]["questions"], form["part"], form["do"]
    try:
        place = editing.place_of(questions, part)
        found = editing.arranged(questions, part, act)
        await run(
            request, editing.change, quiz_id, version_in(form["version"]), {"questions": found}
        )
    except (InvalidError, ConflictError, NotFoundError) as err:
        return await _editor(request, await read_quiz(request, quiz_id), error=err)
    said = {"delete": "deleted", "double": "doubled"}.get(act, "moved")
    at = "questions" if act == "delete" else f"q{place + {'up': -1, 'down': 1}.get(act, 0)}"
    return RedirectResponse(f"/quizzes/{quiz_id}/edit?said={said}#{at}", 303)


@router.post(
    "/quizzes/{quiz_id}/publish",
    action="content:publish",
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def publish_quiz(request: Request, quiz_id: str) -> Response:
    """Show the quiz to learners, or hide it; or the page again with the reason against it."""
    form = await read_form(request)
    shown, version = form["do"] != "hide", version_in(form["version"])
    try:
        if shown:
            await run(request, editing.publish, quiz_id, version, await refuser(request))
        else:
            await run(request, content.unpublish, Item, quiz_id, version)
    except (InvalidError, ConflictError, content.PublishRefusedError) as err:
        return await _editor(request, await read_quiz(request, quiz_id), error=err)
    said = "published" if shown else "hidden"
    return RedirectResponse(f"/quizzes/{quiz_id}/edit?said={said}", 303)


@router.post(
    "/quizzes/{quiz_id}/undo",
    action=ACTION,
    also=THIS_QUIZ,
    problems=(404, 409, 422),
    include_in_schema=False,
)
async def undo(request: Request, quiz_id: str) -> Response:
    """Take the last change back."""
    form, refuse = await read_form(request), await refuser(request)
    try:
        await run(
            request, history.undo, Item, quiz_id, version_in(form["version"]), refuse, to=None
        )
    except (InvalidError, ConflictError) as err:
        return await _editor(request, await read_quiz(request, quiz_id), error=err)
    return RedirectResponse(f"/quizzes/{quiz_id}/edit?said=undone", 303)


def changed_meanwhile(quiz: Mapping[str, Any]) -> ConflictError:
    """What is raised where somebody else changed what a form shows."""
    return ConflictError(
        "somebody has changed this since you opened it",
        current=quiz["row_version"],
        cure="compare both and save once more",
    )


def mark_of(value: Any) -> str:
    """What a form carries to know what it was made from."""
    return sha256(dumps(value).encode()).hexdigest()[:32]


# -- settings as their form has them


def _settings_of(quiz: Mapping[str, Any]) -> dict[str, str]:
    data, mark = quiz["data"], quiz["data"].get("pass_mark")
    due = data.get("due_at")
    return {
        "title": quiz["title"],
        "markdown": source_of(quiz["html"]),
        "due_at": moment(due).astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if due else "",
        "time_limit": plain_number(data.get("time_limit")),
        "attempts": plain_number(data.get("attempts")),
        "pass_mark": "" if mark is None else plain_number(mark * 100),
        "shuffle": "1" if data.get("shuffle") else "",
    }


def _changes(form: Form, quiz: Mapping[str, Any]) -> dict[str, Any]:
    """What the form says of a quiz; a text that nobody touched is left as it is."""
    before = _settings_of(quiz)
    found: dict[str, Any] = {"title": form["title"], "shuffle": bool(form["shuffle"])}
    text = form["markdown"].replace("\r\n", "\n").strip()
    if text != before["markdown"]:
        found["markdown"] = text
    found["due_at"] = _due(form["due_at"].strip(), quiz, before)
    for name in ("time_limit", "attempts", "pass_mark"):
        number = _number(form, name)
        found[name] = number
    if found["attempts"] is not None:
        if found["attempts"] != int(found["attempts"]):
            raise InvalidError(
                "attempts: no whole number", field="attempts", cure="a number like 3"
            )
        found["attempts"] = int(found["attempts"])
    if found["pass_mark"] is not None:
        found["pass_mark"] = round(found["pass_mark"] / 100, 6)
    return found


def _number(form: Form, name: str) -> float | None:
    text = form[name].strip()
    try:
        return number_of(text) if text else None
    except InvalidError as err:
        said = err.message.removeprefix("answer: ")
        raise InvalidError(f"{name}: {said}", field=name, cure="a number like 20") from err


def _due(text: str, quiz: Mapping[str, Any], before: Mapping[str, str]) -> Any:
    if text == before["due_at"]:
        return quiz["data"].get("due_at")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError as err:
        cure = "a day and a time, 2026-12-31T18:00"
        raise InvalidError(f"due: {text[:40]!r} is none", field="due_at", cure=cure) from err


# -- the page


async def _editor(
    request: Request,
    quiz: dict[str, Any],
    *,
    said: str = "",
    form: Form | None = None,
    error: BloopError | None = None,
) -> Response:
    locale = locale_of(request)
    translations = translations_of(locale)
    words, now = lessons.Words(locale, translations), _settings_of(quiz)
    given = now if form is None else {name: form[name] for name in _SETTINGS}
    # Whoever saves once more has seen what it is now.
    stale = form is not None and isinstance(error, ConflictError) and error.current is not None
    other = {name: value for name, value in now.items() if stale and given[name] != value}
    return await page(
        request,
        "quiz_edit.html",
        status=status_of(error),
        quiz=quiz,
        course=await reading.course_around(request, quiz["container"]),
        parts=quiz_parts(request, quiz["id"]),
        questions=_rows(quiz, words),
        problems=[said_of(one, translations.gettext) for one in quiz["problems"]],
        kinds=[(kind, words.kind_names()[kind]) for kind in KINDS],
        form=given,
        was=mark_of(now),
        now=other,
        said=said,
        error=error,
        fault=fault_words(error, translations.gettext),
        wrong=getattr(error, "field", None),
        may_publish=not quiz["source"],
    )


def status_of(error: BloopError | None) -> int:
    """What is answered to a form: that it was wrong, came too late, or is about nothing."""
    if error is None:
        return 200
    return 404 if isinstance(error, NotFoundError) else 422 if _is_wrong(error) else 409


def _is_wrong(error: BloopError) -> bool:
    return isinstance(error, InvalidError)


def fault_words(error: BloopError | None, _: Callable[[str], str]) -> str:
    """What is wrong, and what to do."""
    if error is None:
        return ""
    found = refusal(error, _)
    return f"{found.message} {found.cure}".strip()


def quiz_parts(request: Request, quiz_id: str) -> list[NavLink]:
    """The pages of a quiz for who writes it."""
    _: Callable[[str], str] = translations_of(locale_of(request)).gettext
    here, path = f"/quizzes/{quiz_id}", request.url.path
    names = [(_("Write"), "edit"), (_("Preview"), "preview"), (_("Answers"), "answers")]
    return [
        NavLink(title, f"{here}/{name}", "page" if path.startswith(f"{here}/{name}") else "")
        for title, name in names
    ]


def _rows(quiz: Mapping[str, Any], words: lessons.Words) -> list[dict[str, Any]]:
    questions, names = quiz["data"]["questions"], words.kind_names()
    wrong, formulas = {one.place for one in quiz["problems"]}, Formulas()
    return [
        {
            "place": place,
            "part": part,
            "words": formulas.line(words_of(one["html"]), LINE),
            "kind": names.get(one["kind"], one["kind"]),
            "points": words.points(one["points"]) if one["kind"] != "text" else "",
            "wrong": place in wrong,
            "editable": one["kind"] in EDITED,
        }
        for place, (part, one) in enumerate(zip(parts_of(questions), questions, strict=True), 1)
    ]

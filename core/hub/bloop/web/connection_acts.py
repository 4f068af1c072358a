"""What pages do with a connection: check, choose, sync, pause, log in at the other side, remove."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.identities.attempts import MINUTES, Begun
from bloop.api.connections import own_connection, owns_connection
from bloop.content.syncing import ask_for_retry, ask_for_sync, set_every
from bloop.hub import Hub, authorizing, connections, stopping
from bloop.hub.connection_views import View, about_course, survey, view
from bloop.kernel.connections import choose
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, InvalidError
from bloop.web.connection_pages import OUTSIDE_SECONDS, UNKEPT, hub_for
from bloop.web.identity_pages import parameters
from bloop.web.render import page
from bloop_sdk import AuthError, BloopError, Call, DeviceLogin, RateLimitedError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

COURSE, SHOWN, STREAM = "course.", "shown.", "stream."
"""What the names of fields begin with."""


Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])


def _act(path: str, **options: Any) -> Callable[[Handler], Handler]:
    """A form's target, for who may change connections."""
    place = f"/connections/{{connection_id}}/{path}"
    given: dict[str, Any] = {"action": "connections:write", "problems": (404, 409)} | options
    return router.post(place, also=own_connection, include_in_schema=False, **given)


@_act("check", deadline=OUTSIDE_SECONDS)
async def check(request: Request, connection_id: str) -> Response:
    """Ask the other side who the credential is."""
    await connections.check(hub_for(request), call_of(request), connection_id)
    return _back(connection_id)


@_act("sync")
async def sync(request: Request, connection_id: str) -> Response:
    """Have it read in the background: as it is, all anew, or only to tell."""
    form = await read_form(request)
    await _run(
        request,
        ask_for_sync,
        connection_id,
        full=form["how"] == "full",
        dry_run=form["how"] == "dry",
        confirm_deletes=form["how"] == "deletes",
        enqueue=hub_of(request).jobs.enqueue,
    )
    return _back(connection_id, "asked")


@_act("pause", action="connections:end")
async def pause(request: Request, connection_id: str) -> Response:
    """Read nothing more of it."""
    await stopping.pause(hub_for(request), call_of(request), connection_id)
    return _back(connection_id)


@_act("resume", deadline=OUTSIDE_SECONDS)
async def resume(request: Request, connection_id: str) -> Response:
    """Check it, and have it read by its schedule again."""
    await connections.resume(hub_for(request), call_of(request), connection_id)
    return _back(connection_id)


@_act("schedule")
async def schedule(request: Request, connection_id: str) -> Response:
    """Say how often it is read by itself; nothing: only when asked for."""
    every = (await read_form(request))["every"].strip()
    zone = hub_for(request).config.value.hub.time_zone
    await _run(request, set_every, connection_id, every or None, zone)
    return _back(connection_id, "saved")


@_act("retry")
async def retry(request: Request, connection_id: str) -> Response:
    """Have one record fetched again that could not be used, or all."""
    ref = (await read_form(request))["ref"]
    refs, enqueue = ([ref] if ref else None), hub_of(request).jobs.enqueue
    await _run(request, ask_for_retry, connection_id, refs, enqueue=enqueue)
    return _back(connection_id, "retried")


# -- choosing


@router.get(
    "/connections/{connection_id}/courses",
    action="connections:write",
    also=own_connection,
    problems=(404, 502, 503),
    deadline=OUTSIDE_SECONDS,
    include_in_schema=False,
)
async def show_courses(request: Request, connection_id: str, q: str = "") -> Response:
    """The courses of the other side, those that are read with a tick; ``q`` is looked for."""
    hub, call = hub_for(request), call_of(request)
    one = await view(hub, call, connection_id)
    error, found = None, None
    try:
        found = await survey(hub, call, connection_id)
    except BloopError as err:
        error = err
    chosen, streams = one["selected"].get("containers"), one["selected"].get("streams")
    words = q.casefold().split()
    courses = [
        {
            "id": course.remote_id,
            "title": course.title,
            "about": about_course(course),
            "is_read": chosen is None or course.remote_id in chosen,
        }
        for course in (found.containers if found else ())
        if all(word in f"{course.title} {course.code or ''}".casefold() for word in words)
    ]
    offered = [
        {"name": stream.name, "is_read": streams is None or stream.name in streams}
        for stream in (found.spec.streams if found else ())
    ]
    return await page(
        request,
        "connection_courses.html",
        status=502 if error else 200,
        one=one,
        courses=courses,
        number=len(found.containers) if found else 0,
        streams=offered,
        whole=chosen is None,
        error=error,
        q=q,
    )


@_act("courses", problems=(404, 409, 422))
async def choose_courses(request: Request, connection_id: str) -> Response:
    """Keep what is read; what the form did not show because of a search stays as it was."""
    hub, call = hub_for(request), call_of(request)
    form = (await read_form(request)).fields
    one = await view(hub, call, connection_id)
    containers: list[str] | None = None
    if form.get("whole") != "yes":
        shown = {name.removeprefix(SHOWN) for name in form if name.startswith(SHOWN)}
        ticked = {name.removeprefix(COURSE) for name in form if name.startswith(COURSE)}
        before = one["selected"].get("containers")
        containers = sorted((set(before or ()) - shown) | ticked)
        if not containers:
            raise InvalidError("no course was chosen", cure="choose one, or pause the connection")
    parts = [name.removeprefix(STREAM) for name in form if name.startswith(STREAM)]
    streams = None if not parts or str(len(parts)) == form.get("streams") else parts
    await _run(request, choose, connection_id, containers=containers, streams=streams)
    return _back(connection_id, "saved")


# -- the login at the other side


@_act("login", step_up=True, problems=(404, 409, 422, 503))
async def begin_login(request: Request, connection_id: str) -> Response:
    """Send the browser to the other side, with what it has to bring back."""
    hub, call = hub_for(request), call_of(request)
    one = await view(hub, call, connection_id)
    begun, url = await authorizing.begin(hub, call, connection_id)
    # A form may not lead to another site (form-action 'self'), also not by a redirect.
    response = await page(request, "connection_leave.html", one=one, url=url)
    response.headers.update(UNKEPT | {"refresh": f"0; url={url}"})
    response.set_cookie(
        _cookie(request),
        f"{connection_id}.{begun.browser}",
        max_age=MINUTES * 60,
        secure=hub.sessions.secure,
        httponly=True,
        samesite="lax",
    )
    return response


async def _own_login(request: Request) -> bool:
    connection_id, _, _ = request.cookies.get(_cookie(request), "").partition(".")
    return await owns_connection(request, connection_id)


@router.get(
    authorizing.CALLBACK,
    action="connections:write",
    also=_own_login,
    rate="login",
    deadline=OUTSIDE_SECONDS,
    problems=(403, 502),
    include_in_schema=False,
)
async def finish_login(request: Request) -> Response:
    """Where the other side sends the browser back to."""
    if request.method == "HEAD":
        return Response()  # Whoever only looks must not use the login up.
    hub, call, params = hub_for(request), call_of(request), parameters(request)
    connection_id, _, browser = request.cookies.get(_cookie(request), "").partition(".")
    begun = Begun(params.get("state", ""), browser)
    try:
        if not connection_id:
            raise AuthError("this login was not begun in this browser", cure="begin it again")
        await authorizing.finish(hub, call, connection_id, begun, params)
        response: Response = RedirectResponse(
            f"/connections/{quote(connection_id)}?said=logged_in", 303, headers=UNKEPT
        )
    except BloopError as err:
        response = await page(
            request, "connection_refused.html", status=403, error=err, id=connection_id
        )
        response.headers.update(UNKEPT)
    response.delete_cookie(
        _cookie(request), secure=hub.sessions.secure, httponly=True, samesite="lax"
    )
    return response


@_act("device", step_up=True, deadline=OUTSIDE_SECONDS, problems=(404, 409, 422, 502, 503))
async def begin_device_login(request: Request, connection_id: str) -> Response:
    """Show a code that is typed at the other side, on any device."""
    hub, call = hub_for(request), call_of(request)
    one = await view(hub, call, connection_id)
    login = await authorizing.begin_device(hub, call, connection_id)
    ticket = await authorizing.ticket_of(hub, call, connection_id, login)
    return await _code(request, one, login, ticket)


@_act("device/done", deadline=OUTSIDE_SECONDS, problems=(403, 404, 409, 422, 502))
async def finish_device_login(request: Request, connection_id: str) -> Response:
    """Look whether somebody has typed it."""
    hub, call = hub_for(request), call_of(request)
    one = await view(hub, call, connection_id)
    ticket = (await read_form(request))["ticket"]
    try:
        login = await authorizing.login_of(hub, call, connection_id, ticket)
        done = await _typed(hub, call, connection_id, login)
    except BloopError as err:
        return await page(
            request, "connection_refused.html", status=403, error=err, id=connection_id
        )
    if done:
        return _back(connection_id, "logged_in")
    return await _code(request, one, login, ticket, early=True)


async def _typed(hub: Hub, call: Call, connection_id: str, login: DeviceLogin) -> bool:
    """Whether somebody has logged in; who asks too soon is told that nobody has."""
    try:
        return await authorizing.poll_device(hub, call, connection_id, login) is not None
    except RateLimitedError:
        return False


async def _code(
    request: Request, one: View, login: DeviceLogin, ticket: str, *, early: bool = False
) -> Response:
    """The page with a code; ``early`` says that it was not typed yet."""
    response = await page(
        request, "connection_code.html", one=one, login=login, ticket=ticket, early=early
    )
    response.headers.update(UNKEPT)
    return response


# -- removing


@router.get(
    "/connections/{connection_id}/remove",
    action="connections:end",
    also=own_connection,
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def ask_to_remove(request: Request, connection_id: str) -> Response:
    """What removing a connection would take, and the buttons."""
    one = await view(hub_for(request), call_of(request), connection_id)
    return await page(request, "connection_remove.html", one=one, error=None)


@_act("remove", action="connections:end", step_up=True, deadline=60.0)
async def remove(request: Request, connection_id: str) -> Response:
    """Remove it; its courses stay here, or go into the trash."""
    hub, call = hub_for(request), call_of(request)
    trash = (await read_form(request))["content"] == "trash"
    one = await view(hub, call, connection_id)
    try:
        await stopping.remove(hub, call, connection_id, trash=trash)
    except ConflictError as err:
        return await page(request, "connection_remove.html", status=409, one=one, error=err)
    back = "/notes" if one["owner"] == call.principal.id else "/connections"
    return RedirectResponse(f"{back}?removed=true", 303)


async def _run(request: Request, command: Any, *args: Any, **kwargs: Any) -> Any:
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, *args, **kwargs)


def _back(connection_id: str, said: str = "") -> Response:
    # Found by the command, so it is an id and nothing else.
    return RedirectResponse(
        f"/connections/{connection_id}" + (f"?said={said}" if said else ""), 303
    )


def _cookie(request: Request) -> str:
    return "__Host-bloop_connect" if hub_of(request).sessions.secure else "bloop_connect"

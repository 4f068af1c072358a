"""The pages of connections: all of them by their states, a new one, one with all that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.api.connections import own_connection
from bloop.content.connection_queries import QUARANTINED, RUNS
from bloop.content.syncing import EVERY
from bloop.hub import authorizing, connections, hints, own_connections
from bloop.hub.connection_views import View, all_views, connectable, view
from bloop.hub.plugin_settings import SettingsView, of_connection
from bloop.kernel.config_errors import Fault, InvalidConfigError
from bloop.kernel.states import ConnectionState
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop.web import settings_form
from bloop.web.job_pages import LIVE
from bloop.web.job_views import JobView, JobWords
from bloop.web.moments import moment
from bloop.web.queries import WHOLE_JOB
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError, Call
from bloop_sdk.web import read_form

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

RUNS_SHOWN = 10
QUARANTINED_SHOWN = 20
OUTSIDE_SECONDS = 120.0
UNKEPT = {"cache-control": "no-store"}

_NEWEST = 2**31 - 1


@router.get("/connections", action="connections:read", include_in_schema=False)
async def show_connections(request: Request, *, removed: bool = False) -> Response:
    """The institution's connections: state, cause, cure, last sync, next sync."""
    hub, call = hub_for(request), call_of(request)
    plugins = await connectable(hub, call)
    names = {one.id: one.name for one in plugins}
    found = [
        told(request, one, names) | {"run": await _job(request, one)}
        for one in await all_views(hub, call)
    ]
    return await page(
        request,
        "connections.html",
        script=LIVE,
        connections=found,
        plugins=plugins,
        removed=removed,
        may_write=may(call, "connections:write"),
        rule=await _rule(hub, call),
    )


@router.get(
    "/connections/new",
    action="connections:write",
    step_up=True,
    problems=(404, 503),
    include_in_schema=False,
)
async def ask_for_connection(request: Request, plugin: str = "") -> Response:
    """The form of a new connection; first the choice of what is connected."""
    return await new_connection(request, plugin)


@router.post(
    "/connections/new",
    action="connections:write",
    step_up=True,
    problems=(404, 503),
    deadline=OUTSIDE_SECONDS,
    include_in_schema=False,
)
async def create_connection(request: Request, plugin: str = "") -> Response:
    """Make and check a connection; or the form again, with what is wrong beside each field."""
    return await connect(request, plugin)


@router.get(
    "/connections/{connection_id}",
    action="connections:read",
    also=own_connection,
    problems=(404,),
    include_in_schema=False,
)
async def show_connection(
    request: Request, connection_id: str, said: str = "", number: int = 0
) -> Response:
    """One connection: its state, what it reads and when, its runs, and what can be done."""
    hub, call, locale = hub_for(request), call_of(request), locale_of(request)
    one = await view(hub, call, connection_id)
    names = {plugin.id: plugin.name for plugin in await connectable(hub, call)}
    rows = await hub.database.read(
        RUNS, call, connection=connection_id, before=_NEWEST, limit=RUNS_SHOWN
    )
    runs = [
        row | {"counts": parsed(row["counts"]), "at": moment(row["started_at"], locale)}
        for row in to_dicts(RUNS, rows)
    ]
    aside = await hub.database.read(
        QUARANTINED, call, connection=connection_id, after="", limit=QUARANTINED_SHOWN
    )
    return await page(
        request,
        "connection.html",
        script=LIVE,
        one=told(request, one, names),
        run=await _job(request, one),
        runs=runs,
        quarantined=to_dicts(QUARANTINED, aside),
        offers=await _offers(hub, call, connection_id),
        hints=await _hints(hub, call, connection_id),
        may_write=one["owner"] == call.principal.id or _may_write(call, one),
        may_end=may(call, "connections:end"),
        said=said,
        number=number,
    )


@router.get(
    "/connections/{connection_id}/settings",
    action="connections:write",
    also=own_connection,
    step_up=True,
    problems=(404, 503),
    include_in_schema=False,
)
async def show_settings(request: Request, connection_id: str) -> Response:
    """The form of a connection's settings and secrets; secrets are never filled in."""
    one = await view(hub_for(request), call_of(request), connection_id)
    return await _edit(request, one)


@router.post(
    "/connections/{connection_id}/settings",
    action="connections:write",
    also=own_connection,
    step_up=True,
    problems=(404, 503),
    deadline=OUTSIDE_SECONDS,
    include_in_schema=False,
)
async def save_settings(request: Request, connection_id: str) -> Response:
    """Save what was sent: new secrets once they have passed a check, until then the old ones."""
    hub, call = hub_for(request), call_of(request)
    one = await view(hub, call, connection_id)
    given = (await read_form(request)).fields
    form = await of_connection(hub, call, one["plugin"], connection_id)
    sent = settings_form.read(form, given)
    settings = sent.settings if sent.settings != dict(form.own.settings) else None
    version = given.get("version", "")
    seen = int(version) if version.isdecimal() and len(version) < 10 else -1
    name = given.get("name", "")
    try:
        await connections.change(
            hub, call, connection_id, name=name, settings=settings, version=seen
        )
        if sent.secrets:
            await connections.rotate(hub, call, connection_id, sent.secrets)
        elif settings is not None and one["state"] != "suspended":
            await connections.check(hub, call, connection_id)
    except InvalidConfigError as err:
        return await _edit(request, one, given=given, faults=err.faults)
    except BloopError as err:
        return await _edit(request, one, given=given, error=err)
    return RedirectResponse(f"/connections/{connection_id}?said=saved", 303)


# -- what they share


def hub_for(request: Request) -> Hub:
    """The hub that answers."""
    return cast("Hub", hub_of(request))


def translate_of(request: Request) -> Callable[[str], str]:
    """The visitor's language."""
    return translations_of(locale_of(request)).gettext


async def new_connection(request: Request, plugin: str, *, own: bool = False) -> Response:
    """The form of a new connection, or of one's ``own``; without a plugin first the choice."""
    plugins = await connectable(hub_for(request), call_of(request), own=own)
    if not plugin and len(plugins) != 1:
        return await page(request, "connection_choose.html", plugins=plugins, own=own)
    return await _new(request, plugin or plugins[0].id, own=own)


async def connect(request: Request, plugin: str, *, own: bool = False) -> Response:
    """Make and check what a form holds; then the connection, or the choice of one's notebooks."""
    hub, call = hub_for(request), call_of(request)
    given = (await read_form(request)).fields
    sent = settings_form.read(await of_connection(hub, call, plugin, personal=own), given)
    new = connections.NewConnection(
        plugin=plugin,
        name=given.get("name", ""),
        settings=sent.settings,
        secrets={name: value for name, value in sent.secrets.items() if value},
        every=None if own else given.get("every", "").strip(),
        own=own,
    )
    try:
        made = await connections.create(hub, call, new)
    except InvalidConfigError as err:
        return await _new(request, plugin, own=own, given=given, faults=err.faults)
    except (InvalidError, ConflictError) as err:
        return await _new(request, plugin, own=own, given=given, error=err)
    status = await connections.check(hub, call, made)
    works = status.state in {ConnectionState.ACTIVE, ConnectionState.DEGRADED}
    return RedirectResponse(f"/connections/{made}" + ("/courses" if own and works else ""), 303)


async def _new(
    request: Request,
    plugin: str,
    *,
    own: bool,
    given: Mapping[str, str] | None = None,
    faults: Iterable[Fault] = (),
    error: BloopError | None = None,
) -> Response:
    hub, call = hub_for(request), call_of(request)
    known = {one.id: one for one in await connectable(hub, call, own=own)}
    if plugin not in known:
        raise NotFoundError(f"plugin {plugin[:40]} connects with nothing here")
    form = await of_connection(hub, call, plugin, personal=own)
    return await _form(
        request,
        "connection_new.html",
        form,
        own=own,
        lacks=form.lacks if own else [],
        given=given,
        faults=list(faults),
        error=error,
        plugin=known[plugin],
        name=known[plugin].name if given is None else given.get("name", ""),
        every=EVERY if given is None else given.get("every", ""),
        callback=authorizing.return_address(hub),
    )


async def _edit(
    request: Request,
    one: View,
    *,
    given: Mapping[str, str] | None = None,
    faults: Iterable[Fault] = (),
    error: BloopError | None = None,
) -> Response:
    hub, call = hub_for(request), call_of(request)
    form = await of_connection(hub, call, one["plugin"], one["id"])
    told = list(faults) or list(form.faults if given is None else ())
    return await _form(
        request,
        "connection_settings.html",
        form,
        given=given,
        faults=told,
        error=error,
        one=one,
        name=one["name"] if given is None else given.get("name", ""),
        version=form.own.row_version,
        callback=authorizing.return_address(hub),
    )


async def _form(
    request: Request,
    template: str,
    form: SettingsView,
    *,
    given: Mapping[str, str] | None,
    faults: list[Fault],
    error: BloopError | None,
    **values: Any,
) -> Response:
    locale = locale_of(request)
    by_field = {fault.key.partition(".")[0]: fault.problem for fault in reversed(faults)}
    fields = settings_form.fields_of(form, by_field, given, translate_of(request))
    known = {field.name for field in fields}
    shown = await page(
        request,
        template,
        status=422 if given is not None else 200,
        fields=fields,
        dates={field.name: moment(field.set_at or None, locale) for field in fields},
        wrong=[field for field in fields if field.fault],
        others=[fault.problem for fault in faults if fault.key.partition(".")[0] not in known],
        error=error,
        **values,
    )
    shown.headers.update(UNKEPT)
    return shown


def _may_write(call: Call, one: View) -> bool:
    return one["owner"] is None and may(call, "connections:write")


async def _job(request: Request, one: View) -> JobView | None:
    """The sync that was asked for last, while it is of interest."""
    if one["job_state"] in {None, "succeeded", "cancelled"}:
        return None
    row = await hub_of(request).database.read_one(WHOLE_JOB, call_of(request), id=one["job"])
    if row is None:
        return None
    words = JobWords(call_of(request), locale_of(request), translate_of(request))
    return words.view(WHOLE_JOB.as_dict(row))


async def _rule(hub: Hub, call: Call) -> dict[str, Any] | None:
    """Whether people may connect notes of their own, and by what; None for who cannot say."""
    if not may(call, "institutions:configure"):
        return None
    allowed, _ = await own_connections.rule(hub, call)
    plugins = [
        {"name": one.name, "lacks": (await of_connection(hub, call, one.id, personal=True)).lacks}
        for one in await connectable(hub, call, own=True)
    ]
    return {"allowed": allowed, "plugins": plugins}


def told(request: Request, one: View, names: Mapping[str, str]) -> View:
    """A connection with its times in words, and its plugin's name."""
    locale = locale_of(request)
    times = {
        name: moment(one[name], locale) for name in ("since", "synced_at", "next_at", "created_at")
    }
    checked_at = moment(one["checked"].get("at"), locale)
    known = {"checked_at": checked_at, "plugin_name": names.get(one["plugin"])}
    foreign = one["owner"] not in {None, call_of(request).principal.id}
    name = translate_of(request)("Somebody's own") if foreign else one["name"]
    return one | times | known | {"foreign": foreign, "name": name}


async def _offers(hub: Hub, call: Call, connection_id: str) -> dict[str, bool]:
    """What its plugin offers besides reading; one that cannot be asked offers nothing."""
    try:
        provider = await connections.open_provider(hub, call, connection_id)
        return {
            "can_log_in": provider.can_authorize(),
            "can_type_a_code": provider.can_authorize_device(),
        }
    except BloopError:
        return {"can_log_in": False, "can_type_a_code": False}


async def _hints(hub: Hub, call: Call, connection_id: str) -> hints.Address | None:
    """Where its hints come in; None for a plugin that takes none, and for who may not know."""
    if not may(call, "connections:write"):
        return None
    try:
        return await hints.address(hub, call, connection_id)
    except BloopError:
        return None

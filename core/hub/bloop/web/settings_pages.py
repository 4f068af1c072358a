"""The settings of a plugin for an institution or for oneself: a form made of the plugin's model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.hub.plugin_settings import change, settable, show
from bloop.kernel.config_errors import Fault, InvalidConfigError
from bloop.store.errors import ConflictError
from bloop.web import settings_form
from bloop.web.moments import moment
from bloop.web.plugin_cards import card
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError, Scope
from bloop_sdk.web import read_form

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])


@router.get(
    "/plugins/{plugin_id}/settings",
    action="plugins:enable",
    problems=(404, 503),
    include_in_schema=False,
)
async def show_settings(request: Request, plugin_id: str, *, saved: bool = False) -> Response:
    """The form, filled with what the own institution has set; secrets are never filled in."""
    return await _form(request, plugin_id, Scope.INSTITUTION, saved=saved)


@router.post(
    "/plugins/{plugin_id}/settings",
    action="plugins:enable",
    problems=(404, 503),
    include_in_schema=False,
)
async def save_settings(request: Request, plugin_id: str) -> Response:
    """Save what was sent; or the form again, with what is wrong beside each field."""
    return await _save(request, plugin_id, Scope.INSTITUTION)


@router.get("/account/plugins", action="account:read", include_in_schema=False)
async def list_own(request: Request) -> Response:
    """The plugins that take settings of one's own."""
    hub, call, locale = cast("Hub", hub_of(request)), call_of(request), locale_of(request)
    off = await hub.choices.off(call)
    translate = translations_of(locale).gettext
    found = []
    for plugin_id in sorted(hub.kernel.plugins.keys() - off):
        with contextlib.suppress(BloopError):  # One that is not ready has no settings to show.
            if settable(hub.kernel.context(plugin_id).model, Scope.USER):
                found.append(card(hub, plugin_id, translate))
    return await page(request, "own_plugins.html", plugins=found)


@router.get(
    "/account/plugins/{plugin_id}",
    action="account:read",
    problems=(404, 503),
    include_in_schema=False,
)
async def show_own(request: Request, plugin_id: str, *, saved: bool = False) -> Response:
    """The form of one's own settings of a plugin."""
    return await _form(request, plugin_id, Scope.USER, saved=saved)


@router.post(
    "/account/plugins/{plugin_id}",
    action="account:write",
    problems=(404, 503),
    include_in_schema=False,
)
async def save_own(request: Request, plugin_id: str) -> Response:
    """Save one's own settings of a plugin; or the form again."""
    return await _save(request, plugin_id, Scope.USER)


async def _save(request: Request, plugin_id: str, scope: Scope) -> Response:
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    given = (await read_form(request)).fields
    view = await show(hub, call, plugin_id, scope)
    sent = settings_form.read(view, given)
    version = given.get("version", "")
    seen = int(version) if version.isdecimal() and len(version) < 10 else -1
    try:
        await change(hub, call, plugin_id, scope, sent.settings, sent.secrets, seen)
    except InvalidConfigError as err:
        return await _form(request, plugin_id, scope, given=given, faults=err.faults)
    except ConflictError:
        return await _form(request, plugin_id, scope, given=given, stale=True)
    return RedirectResponse(f"{_path(plugin_id, scope)}?saved=true", 303)


def _path(plugin_id: str, scope: Scope) -> str:
    own = scope is Scope.USER
    return (
        f"/account/plugins/{quote(plugin_id)}" if own else f"/plugins/{quote(plugin_id)}/settings"
    )


async def _form(
    request: Request,
    plugin_id: str,
    scope: Scope,
    *,
    given: Mapping[str, str] | None = None,
    faults: Iterable[Fault] = (),
    saved: bool = False,
    stale: bool = False,
) -> Response:
    hub, call, locale = cast("Hub", hub_of(request)), call_of(request), locale_of(request)
    translate = translations_of(locale).gettext
    view = await show(hub, call, plugin_id, scope)
    told = list(faults) or [fault for fault in view.faults if given is None]
    by_field = {fault.key.partition(".")[0]: fault.problem for fault in reversed(told)}
    fields = settings_form.fields_of(view, by_field, given, translate)
    known = {field.name for field in fields}
    status = 409 if stale else 422 if faults else 200
    shown = await page(
        request,
        "plugin_settings.html",
        status=status,
        plugin=card(hub, plugin_id, translate),
        own=scope is Scope.USER,
        act=_path(plugin_id, scope),
        fields=fields,
        dates={field.name: moment(field.set_at or None, locale) for field in fields},
        wrong=[field for field in fields if field.fault],
        others=[fault.problem for fault in told if fault.key.partition(".")[0] not in known],
        version=view.own.row_version,
        saved=saved,
        stale=stale,
        tried=given is not None,
    )
    shown.headers["cache-control"] = "no-store"
    return shown

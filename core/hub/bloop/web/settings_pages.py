"""The settings of a plugin for an institution: a form made from the plugin's own model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.hub.plugin_settings import change, show
from bloop.kernel.config_errors import Fault, InvalidConfigError
from bloop.store.errors import ConflictError
from bloop.web import settings_form
from bloop.web.moments import moment
from bloop.web.plugin_cards import card
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import Scope
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
    return await _form(request, plugin_id, saved=saved)


@router.post(
    "/plugins/{plugin_id}/settings",
    action="plugins:enable",
    problems=(404, 503),
    include_in_schema=False,
)
async def save_settings(request: Request, plugin_id: str) -> Response:
    """Save what was sent; or the form again, with what is wrong beside each field."""
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    given = (await read_form(request)).fields
    view = await show(hub, call, plugin_id, Scope.INSTITUTION)
    sent = settings_form.read(view, given)
    version = given.get("version", "")
    seen = int(version) if version.isdecimal() else -1
    try:
        await change(hub, call, plugin_id, Scope.INSTITUTION, sent.settings, sent.secrets, seen)
    except InvalidConfigError as err:
        return await _form(request, plugin_id, given=given, faults=err.faults)
    except ConflictError:
        return await _form(request, plugin_id, given=given, stale=True)
    return RedirectResponse(f"/plugins/{quote(plugin_id)}/settings?saved=true", 303)


async def _form(
    request: Request,
    plugin_id: str,
    *,
    given: Mapping[str, str] | None = None,
    faults: Iterable[Fault] = (),
    saved: bool = False,
    stale: bool = False,
) -> Response:
    hub, call, locale = cast("Hub", hub_of(request)), call_of(request), locale_of(request)
    translate = translations_of(locale).gettext
    view = await show(hub, call, plugin_id, Scope.INSTITUTION)
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

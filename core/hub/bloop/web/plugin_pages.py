"""The pages of plugins: operators switch them for the hub, admins for their institution.

A switch leads to a page that says what it would do, with the one button that does it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.hub.plugin_settings import settable
from bloop.hub.switching import switch, undo
from bloop.kernel.institutions import switch_plugin
from bloop.ops.particulars import particulars, switches
from bloop.ops.plan import Change, plan
from bloop.store.database import in_unit
from bloop.store.errors import NotFoundError
from bloop.web.panels import panels, parts
from bloop.web.plugin_cards import Card, card, cards
from bloop.web.plugin_words import PluginWords
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import PanelSubject, Scope
from bloop_sdk.rights import Right

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])

SWITCHES_SHOWN = 10


@router.get("/plugins", action="plugins:read", include_in_schema=False)
async def show_plugins(request: Request, switched: str = "", *, undone: bool = False) -> Response:
    """Every plugin with its state and rights; ``switched`` was a moment ago.

    An admin sees those that are loaded, for the others are not theirs to switch.
    """
    hub, call = _hub(request), call_of(request)
    operates = may(call, "plugins:toggle")
    found = cards(hub, _translate(request), whole=operates)
    found = [shown for shown in found if operates or shown.loaded]
    beside = await panels(request, PanelSubject(slot="admin"))
    return await page(
        request,
        "plugins.html",
        plugins=found,
        ready=sum(shown.loaded for shown in found),
        switched=next((shown for shown in found if shown.id == switched), None),
        undone=undone,
        off=await hub.choices.off(call),
        may_switch=operates,
        may_choose=may(call, "plugins:enable"),
        may_ask=may(call, "policy:read"),
        panels=beside,
        **parts(beside),
    )


@router.get("/plugins/{plugin_id}", action="plugins:read", problems=(404,), include_in_schema=False)
async def show_plugin(request: Request, plugin_id: str) -> Response:
    """One plugin: how it is, what it may do, reaches, holds and works at, and who switched it."""
    hub, call, locale = _hub(request), call_of(request), locale_of(request)
    words = PluginWords(_translate(request), locale)
    operates = may(call, "plugins:toggle")
    shown = card(hub, plugin_id, words.translate) if operates else _loaded(request, plugin_id)
    found = await particulars(hub, call, plugin_id)
    reads_log = may(call, "audit:read")
    history = await switches(hub, call, plugin_id, SWITCHES_SHOWN) if reads_log else []
    hosts = [words.host(host) for host in found.hosts]
    return await page(
        request,
        "plugin_about.html",
        plugin=shown,
        rights=words.rights(shown),
        hosts=hosts + [words.host(host, fetches=True) for host in found.downloads],
        secrets=[words.secret(secret) for secret in found.secrets],
        work=found.jobs,
        entries=[words.entry(entry) for entry in found.entries],
        contract=found.contract,
        history=words.switches(history),
        reads_log=reads_log,
        is_off=plugin_id in await hub.choices.off(call),
        may_switch=operates,
        may_choose=may(call, "plugins:enable"),
        sees_jobs=may(call, "jobs:read"),
    )


@router.get(
    "/plugins/{plugin_id}/enable",
    action="plugins:toggle",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def plan_to_enable(request: Request, plugin_id: str) -> Response:
    """What switching a plugin on would do, and the button."""
    return await _plan(request, plugin_id, "enable")


@router.get(
    "/plugins/{plugin_id}/disable",
    action="plugins:toggle",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def plan_to_disable(request: Request, plugin_id: str) -> Response:
    """What switching a plugin off would do, and the button."""
    return await _plan(request, plugin_id, "disable")


@router.post(
    "/plugins/{plugin_id}/enable",
    action="plugins:toggle",
    step_up=True,
    problems=(404,),
    deadline=None,
    include_in_schema=False,
)
async def enable_plugin(request: Request, plugin_id: str) -> Response:
    """Switch a plugin on, and show what came of it."""
    return await _switch(request, plugin_id, enabled=True)


@router.post(
    "/plugins/{plugin_id}/disable",
    action="plugins:toggle",
    step_up=True,
    problems=(404,),
    deadline=None,
    include_in_schema=False,
)
async def disable_plugin(request: Request, plugin_id: str) -> Response:
    """Switch a plugin off once its calls have ended, and show what came of it."""
    return await _switch(request, plugin_id, enabled=False)


@router.post(
    "/plugins/undo",
    action="plugins:toggle",
    step_up=True,
    deadline=None,
    include_in_schema=False,
)
async def undo_switch(request: Request) -> Response:
    """Take the last switch back, and show what came of it."""
    kept, _ = await undo(_hub(request), call_of(request))
    return RedirectResponse(f"/plugins?switched={quote(kept.plugin)}&undone=true", 303)


@router.get(
    "/plugins/{plugin_id}/institution",
    action="plugins:enable",
    problems=(404,),
    include_in_schema=False,
)
async def show_choice(request: Request, plugin_id: str) -> Response:
    """What a loaded plugin may do and can be told, and the switch for the own institution."""
    hub = _hub(request)
    shown = _loaded(request, plugin_id)
    return await page(
        request,
        "plugin_choice.html",
        plugin=shown,
        has_settings=bool(settable(hub.kernel.context(plugin_id).model, Scope.INSTITUTION)),
        on=plugin_id not in await hub.choices.off(call_of(request)),
    )


@router.post(
    "/plugins/{plugin_id}/institution/on",
    action="plugins:enable",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def choose(request: Request, plugin_id: str) -> Response:
    """Switch a loaded plugin on for the own institution."""
    return await _choose(request, plugin_id, enabled=True)


@router.post(
    "/plugins/{plugin_id}/institution/off",
    action="plugins:enable",
    step_up=True,
    problems=(404,),
    include_in_schema=False,
)
async def choose_not(request: Request, plugin_id: str) -> Response:
    """Switch a loaded plugin off for the own institution."""
    return await _choose(request, plugin_id, enabled=False)


async def _plan(request: Request, plugin_id: str, change: Change) -> Response:
    planned = await asyncio.to_thread(plan, _hub(request), plugin_id, change)
    translate = _translate(request)
    words = [
        {
            "words": Right(right.name).in_words(translate),
            "detail": right.detail,
            "new": right.new,
        }
        for right in planned.rights
    ]
    return await page(request, "plugin_plan.html", plan=planned, rights=words)


async def _switch(request: Request, plugin_id: str, *, enabled: bool) -> Response:
    await switch(_hub(request), call_of(request), plugin_id, enabled=enabled)
    return RedirectResponse(f"/plugins?switched={quote(plugin_id)}", 303)


async def _choose(request: Request, plugin_id: str, *, enabled: bool) -> Response:
    hub, call = _hub(request), call_of(request)
    _loaded(request, plugin_id)
    await hub.database.run(in_unit, hub.database, call, switch_plugin, plugin_id, enabled=enabled)
    hub.choices.forget(call.institution)
    return RedirectResponse(f"/plugins#{quote(plugin_id)}", 303)


def _loaded(request: Request, plugin_id: str) -> Card:
    shown = card(_hub(request), plugin_id, _translate(request))
    if not shown.loaded:
        raise NotFoundError(f"plugin {plugin_id} is not loaded", cure="ask the operator for it")
    return shown


def _translate(request: Request) -> Any:
    return translations_of(locale_of(request)).gettext


def _hub(request: Request) -> Hub:
    return cast("Hub", hub_of(request))

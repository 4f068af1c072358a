"""The page of the first steps: what is done, what comes next, what plugins would add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.hub.setup import service
from bloop.hub.setup.sample import bring_sample
from bloop.hub.setup.steps import check_step, survey
from bloop.store.database import in_unit
from bloop.store.ids import new_id
from bloop.web.navigation import said_by
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk.web import read_form

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.hub.setup.step import Step

router = Router(tags=["pages"])


@router.get("/setup", action="institutions:configure", include_in_schema=False)
async def show_setup(request: Request) -> Response:
    """How far the institution is, with the way to each step."""
    hub, call = _hub(request), call_of(request)
    locale = locale_of(request)
    _ = translations_of(locale).gettext
    found = await survey(hub, call, _)
    return await page(
        request,
        "setup.html",
        setup=replace(
            found,
            steps=tuple(_in_words(hub, one, locale) for one in found.steps),
            put_away=tuple(_in_words(hub, one, locale) for one in found.put_away),
        ),
        next=next((one.name for one in found.steps if one.state == "open"), None),
        families=[
            (family, list(plugins))
            for family, plugins in groupby(found.plugins, lambda one: one.family)
        ],
        step_state=_states(_),
        lack_name=_lacks(_),
        family_name=_families(_),
        once=new_id(),
        may_switch=may(call, "plugins:toggle"),
    )


def _in_words(hub: Hub, step: Step, locale: str) -> Step:
    """A step with its words in a language; a plugin's are those of its package's catalogue."""
    plugin, dot, _name = step.name.partition(".")
    if not dot:
        return step
    return replace(
        step,
        title=said_by(hub, plugin, step.title, locale),
        text=said_by(hub, plugin, step.text, locale),
        ways=tuple(
            replace(way, title=said_by(hub, plugin, way.title, locale)) for way in step.ways
        ),
    )


@router.post("/setup/sample", action="content:import", problems=(422, 503), include_in_schema=False)
async def take_sample(request: Request) -> Response:
    """Import the sample course, and go where that can be watched."""
    once = (await read_form(request))["once"][:60]
    job = await bring_sample(
        _hub(request), call_of(request), key=f"sample/{once}" if once else None
    )
    return RedirectResponse(f"/imports/{job}", 303)


@router.post(
    "/setup/{step}", action="institutions:configure", problems=(404,), include_in_schema=False
)
async def put_away(request: Request, step: str) -> Response:
    """Put a step away for oneself or for all, or bring it back, as the form's ``what`` says."""
    hub, call = _hub(request), call_of(request)
    what = (await read_form(request))["what"]
    await check_step(hub, call, step)
    if what == "restore":
        await hub.database.run(in_unit, hub.database, call, service.restore, step)
    else:
        await hub.database.run(
            in_unit, hub.database, call, service.dismiss, step, for_all=what == "dismiss_all"
        )
    return RedirectResponse("/setup", 303)


def _states(_: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "done": _("done"),
        "open": _("to do"),
        "waiting": _("on its way"),
        "blocked": _("later"),
    }


def _lacks(_: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "off": _("Switch it on"),
        "off_here": _("Switch it on here"),
        "trouble": _("See what it lacks"),
        "unconnected": _("Connect it"),
    }


def _families(_: Callable[[str], str]) -> Mapping[str, str]:
    return {
        "lms": _("Courses from other systems"),
        "notes": _("Notes"),
        "payments": _("Payments"),
        "ai": _("Words, voices and judgement"),
        "render": _("Videos"),
        "identity": _("Logging in"),
        "search": _("Search"),
        "sinks": _("Other systems that listen"),
        "notify": _("Messages to people"),
        "feature": _("More"),
    }


def _hub(request: Request) -> Hub:
    return cast("Hub", hub_of(request))

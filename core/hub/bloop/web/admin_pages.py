"""The first page of administration: what needs attention now, and the way to each area."""

from __future__ import annotations

from gettext import NullTranslations
from typing import TYPE_CHECKING, cast

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.api.limits import met_of
from bloop.hub.attention import Kind
from bloop.ops.overview import Overview, overview
from bloop.web.administration import areas
from bloop.web.amounts import number
from bloop.web.attention import Words
from bloop.web.moments import moment
from bloop.web.render import locale_of, page, translations_of

if TYPE_CHECKING:
    from bloop.hub import Hub

router = Router(tags=["pages"])


@router.get("/admin", action="admin:read", include_in_schema=False)
async def show_overview(request: Request) -> Response:
    """What needs attention in the institution, and a number of each area."""
    hub, call, locale = cast("Hub", hub_of(request)), call_of(request), locale_of(request)
    translations = translations_of(locale)
    found = await overview(hub, call)
    words = Words(translations, locale)
    attention = [
        {
            "title": words.title(one),
            "reason": one.reason,
            "cure": one.cure,
            "path": one.path,
            "tone": "bad" if one.severe else "warn",
            "since": moment(one.since, locale),
        }
        for one in found.attention
    ]
    told = _numbers(hub, found, call.institution, locale, translations)
    refused = translations.ngettext(
        "{count} was refused lately", "{count} were refused lately", len(met := met_of(request))
    )
    told["/admin/limits"] = refused.format(count=number(len(met), locale))
    cards = [
        {"title": title, "href": href, "told": told[href]}
        for title, href in areas(call, translations.gettext)
        if href in told
    ]
    return await page(request, "admin.html", attention=attention, cards=cards)


def _numbers(
    hub: Hub, found: Overview, institution: str, locale: str, translations: NullTranslations
) -> dict[str, str]:
    """What each area's card tells, by the area's address."""
    _, ngettext, n = translations.gettext, translations.ngettext, found.counts
    ailing = sum(one.kind == Kind.PART for one in found.attention)
    told = {
        "/admin/system": (
            ailing,
            ngettext("{count} part needs attention", "{count} parts need attention", ailing)
            if ailing
            else _("all parts are well"),
        ),
        "/connections": (
            n["connections"],
            ngettext(
                "{count} system is connected", "{count} systems are connected", n["connections"]
            ),
        ),
        "/people": (n["users"], ngettext("{count} account", "{count} accounts", n["users"])),
        "/jobs": (
            n["jobs_open"],
            ngettext("{count} job waits or runs", "{count} jobs wait or run", n["jobs_open"]),
        ),
        "/plugins": (
            n["plugins_ready"],
            ngettext("{count} is ready", "{count} are ready", n["plugins_ready"]),
        ),
        "/policy": (
            n["administrators"],
            ngettext("{count} administrator", "{count} administrators", n["administrators"]),
        ),
        "/audit": (hub.auditing.standing(institution).seq, _("checked up to line {count}")),
    }
    return {
        href: words.format(count=number(count, locale)) for href, (count, words) in told.items()
    }

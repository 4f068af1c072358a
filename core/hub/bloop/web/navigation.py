"""The links of the bar at the top and of one's account: the hub's own, and those of plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.routing import compile_path

from bloop.accounts.access import call_of, hub_of
from bloop.accounts.actions import may
from bloop.telemetry.logs import get_logger
from bloop.web.administration import ADMINISTER, area_of, areas
from bloop_sdk import BloopError, NavItem
from bloop_sdk.words import words_in

if TYPE_CHECKING:
    from bloop.hub import Hub

MOST_OF_BAR = 6
"""With more links than that, the bar shows one less and has the others under "More"."""
MOST_OF_A_HOOK = 8
"""So many links a plugin may add by its hook."""


@dataclass(frozen=True, slots=True)
class NavLink:
    """A link to a page; ``current`` is what ``aria-current`` says of it, if anything."""

    title: str
    href: str
    current: str


@dataclass(frozen=True, slots=True)
class Navigation:
    """The links of the bar, and those that plugins add to the pages of one's own account."""

    bar: list[NavLink]
    account: list[NavLink]

    @property
    def in_account(self) -> bool:
        """Whether the page is one that a plugin adds to the account."""
        return any(link.current for link in self.account)

    @property
    def shown(self) -> list[NavLink]:
        """The links that stand in the bar itself."""
        return self.bar if len(self.bar) <= MOST_OF_BAR else self.bar[: MOST_OF_BAR - 1]

    @property
    def rest(self) -> list[NavLink]:
        """The links that the bar has no room for."""
        return self.bar[len(self.shown) :]


async def navigation(request: Request, _: Callable[[str], str], locale: str) -> Navigation:
    """What the visitor may go to, the hub's own first."""
    call, path = call_of(request), request.url.path
    links = [
        (_("Today"), "/", "account:read"),
        (_("Courses"), "/courses", "content:read"),
        (_("My notes"), "/notes", "account:read"),
        (_("Concepts"), "/concepts", "graph:read"),
    ]
    found = [(title, href) for title, href, action in links if may(call, action)]
    whole = may(call, ADMINISTER)
    found += [(_("Administration"), "/admin")] if whole else areas(call, _)
    added = await _of_plugins(request, locale)
    found += [link for link in added["main"] if link not in found]
    around = "/concepts/" if path == "/map" else path
    around = "/" if path.startswith(("/reviews", "/next")) else around
    if area := area_of(path):
        # Each page of an area is within it, and all of them within administration.
        around = (
            f"/admin{area}" if whole and path != "/admin" else f"{area}/" * (path != area) or area
        )
    if path.startswith("/x/"):
        around = _nearest(request, [href for _title, href in (*found, *added["account"])])
    return Navigation(
        [NavLink(title, href, _current(href, path, around)) for title, href in found],
        [NavLink(title, href, _current(href, path, around)) for title, href in added["account"]],
    )


def _nearest(request: Request, links: list[str]) -> str:
    """The link that a plugin's page belongs to: the one it names, or the nearest above it."""
    path = request.url.path
    for part in cast("Hub", hub_of(request)).kernel.contributions("pages"):
        page, base = part.declaration, f"/x/{part.plugin_id}"
        if page.under and compile_path(base + page.path)[0].match(path):
            path = base + page.under
            break
    above = [href for href in links if href == path or path.startswith(f"{href.rstrip('/')}/")]
    return max((href for href in above if href != "/"), key=len, default=path)


def administration(request: Request, _: Callable[[str], str]) -> list[NavLink]:
    """The areas of administration, on each of their pages; none where there is one alone."""
    call, path = call_of(request), request.url.path
    area = area_of(path)
    found = areas(call, _) if area else []
    if len(found) < 2:
        return []
    return [
        NavLink(title, href, "" if href != area else "page" if href == path else "true")
        for title, href in found
    ]


def background(request: Request, _: Callable[[str], str]) -> list[NavLink]:
    """The pages of what runs in the background; none where there is one alone."""
    call, path = call_of(request), request.url.path
    links = [
        (_("Jobs"), "/jobs", "jobs:read"),
        (_("Schedules"), "/schedules", "schedules:read"),
        (_("Events"), "/events/parked", "events:read"),
        (_("Webhooks"), "/webhooks", "webhooks:read"),
        (_("Keys"), "/keys", "keys:read"),
    ]
    found = [
        NavLink(title, href, _current(href, path, path))
        for title, href, action in links
        if may(call, action)
    ]
    return found if len(found) > 1 else []


def people(request: Request, _: Callable[[str], str]) -> list[NavLink]:
    """The pages of people."""
    call, path = call_of(request), request.url.path
    links = [
        (_("Everybody"), "/people", "users:read"),
        (_("Groups"), "/people/groups", "groups:read"),
        (_("Invitations"), "/people/invite", "users:invite"),
        (_("Registration"), "/people/registration", "institutions:configure"),
        (_("Joining by logging in"), "/people/rules", "identities:read"),
        (_("Second factor"), "/people/second-factor", "mfa:require"),
    ]
    return [
        NavLink(title, href, "page" if href == path else "")
        for title, href, action in links
        if may(call, action)
    ]


def _current(href: str, path: str, around: str) -> str:
    """That a link leads to the page itself, or to the part of the hub that the page is of."""
    if href == path:
        return "page"
    inside = href == around or (around.startswith(f"{href}/") and href != "/")
    return "true" if inside else ""


async def _of_plugins(request: Request, locale: str) -> dict[str, list[tuple[str, str]]]:
    """Titles and paths of what plugins link, by where."""
    hub, call = cast("Hub", hub_of(request)), call_of(request)
    pages, hooks = hub.kernel.contributions("pages"), hub.kernel.hooks
    links: dict[str, list[tuple[str, str]]] = {"main": [], "account": [], "none": []}
    if not pages and not hooks.listeners("navigation"):
        return links
    try:
        off = await hub.choices.off(call)
    except BloopError:
        return links  # This may be the very page that says what is wrong.
    hooks = hooks.without(off)
    found = [
        (part.plugin_id, part.declaration, part.declaration.nav)
        for part in pages
        if "{" not in part.declaration.path
    ]
    if hooks.listeners("navigation"):
        for plugin_id, items in hooks.navigation(call.principal).by_plugin():
            found += [(plugin_id, item, "main") for item in _valid(items)]
    for plugin_id, link, where in found:
        if plugin_id not in off and hub.offers.may(call, plugin_id, link.action):
            title = said_by(hub, plugin_id, link.title, locale)
            links[where].append((title, f"/x/{plugin_id}/{link.path.lstrip('/')}"))
    return links


def said_by(hub: Hub, plugin_id: str, text: str, locale: str, *, filled: bool = False) -> str:
    """A text of a plugin's manifest or hook in a language, by the catalogue of its package.

    ``filled`` is one that may have values in it, such as a refusal.
    """
    found = hub.kernel.plugins[plugin_id].found
    if found is None or found.package is None:
        return text
    try:
        words = words_in(found.package, locale)
        return words.translate(text) if filled else words.gettext(text)
    except Exception as err:  # noqa: BLE001 - a catalogue that is none costs no page of others
        get_logger("bloop.plugin", plugin=plugin_id).warning(
            "catalogue not read", locale=locale, reason=str(err)
        )
        return text


def _valid(items: Any) -> Iterator[NavItem]:
    """What a hook gave, as far as it is what the contract says."""
    if not isinstance(items, list | tuple):
        return
    for item in items[:MOST_OF_A_HOOK]:
        texts = (item.title, item.path, item.action) if isinstance(item, NavItem) else ()
        if texts and all(isinstance(text, str) for text in texts):
            yield item

"""What a plugin's route, page or panel has of its request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bloop.accounts.access import hub_of
from bloop.hub.contexts import PluginCall
from bloop.web.plugin_static import addresses
from bloop.web.render import csrf_of, locale_of, page
from bloop_sdk import PageView, Words
from bloop_sdk.words import page_words_in, templates_in

if TYPE_CHECKING:
    from bloop.hub import Hub


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCall(PluginCall):
    """A :class:`bloop_sdk.RequestContext`."""

    request: Request
    until: float | None = None
    """When the link expires by which the request came (Unix time)."""

    def signed(self, path: str, seconds: float) -> str:
        """An address that anybody may open until then, as who this call is for."""
        return self.hub.links.sign(self.call, self.plugin_id, path, seconds, self.until)

    @property
    def locale(self) -> str:
        """The best of the hub's languages for the request."""
        return locale_of(self.request)

    def may(self, action: str) -> bool:
        """Whether the caller has an action."""
        return self.hub.offers.may(self.call, self.plugin_id, action)

    @property
    def words(self) -> Words:
        """What the plugin's package says in that language."""
        return page_words_in(self._package, self.locale)

    def render(self, template: str, **values: Any) -> str:
        """HTML of a template of the plugin's package."""
        found = templates_in(self._package, self.locale).get_template(template)
        html: str = found.render(
            csrf=csrf_of(self.request),
            locale=self.locale,
            base=f"/x/{self.plugin_id}",
            **values,
        )
        return html

    @property
    def _package(self) -> Path:
        found = self.hub.kernel.plugins[self.plugin_id].found
        package = found.package if found else None
        assert package is not None, "a ready plugin has one"
        return package


async def framed(request: Request, plugin: str, view: PageView) -> HTMLResponse:
    """A plugin's page in the hub's frame."""
    hub = cast("Hub", hub_of(request))
    seconds = None if view.refresh is None else max(1, round(view.refresh))
    html, above = (Markup(one) for one in (view.html, view.above))  # noqa: S704  # nosec B704 - trusted code's, which escaped it
    shown = await page(
        request,
        "plugin.html",
        status=view.status,
        modules=addresses(hub, plugin, view.scripts),
        styles=addresses(hub, plugin, view.styles),
        title=view.title,
        html=html,
        above=above,
        wide=view.wide,
        # Who runs scripts is kept up to date by them, and should lose neither place nor focus.
        refresh=seconds if view.scripts else None,
    )
    if seconds is not None and not view.scripts:
        shown.headers["refresh"] = f"{seconds}"
    return shown

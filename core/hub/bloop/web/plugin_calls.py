"""What a plugin's route, page or panel has of its request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from bloop.accounts.access import hub_of
from bloop.hub.contexts import PluginCall
from bloop.web.plugin_static import addresses
from bloop.web.render import csrf_of, locale_of, page
from bloop_sdk import PageView

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

    def render(self, template: str, **values: Any) -> str:
        """HTML of a template of the plugin's package."""
        found = self.hub.kernel.plugins[self.plugin_id].found
        package = found.package if found else None
        assert package is not None, "a ready plugin has one"
        html: str = (
            _environment(package / "templates")
            .get_template(template)
            .render(
                csrf=csrf_of(self.request),
                locale=self.locale,
                base=f"/x/{self.plugin_id}",
                **values,
            )
        )
        return html


async def framed(request: Request, plugin: str, view: PageView) -> HTMLResponse:
    """A plugin's page in the hub's frame."""
    hub = cast("Hub", hub_of(request))
    seconds = None if view.refresh is None else max(1, round(view.refresh))
    shown = await page(
        request,
        "plugin.html",
        status=view.status,
        modules=addresses(hub, plugin, view.scripts),
        styles=addresses(hub, plugin, view.styles),
        title=view.title,
        html=Markup(view.html),  # noqa: S704  # nosec B704 - trusted code's, which escaped it
        wide=view.wide,
        # Who runs scripts is kept up to date by them, and should lose neither place nor focus.
        refresh=seconds if view.scripts else None,
    )
    if seconds is not None and not view.scripts:
        shown.headers["refresh"] = f"{seconds}"
    return shown


@lru_cache(maxsize=256)
def _environment(folder: Path) -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

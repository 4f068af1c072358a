"""Routes, pages and panels of plugins: what comes in, and what goes out.

async def show(request: WebRequest, ctx: RequestContext) -> PageView:
    rows = await ctx.read(bookmarks_of, ctx.call.principal.id)
    return PageView(title="Bookmarks", html=ctx.render("list.html", rows=rows))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bloop_sdk.errors import UnsupportedError
from bloop_sdk.http import Response


class WebRequest(Protocol):
    """A request to a plugin's route or page; the hub has checked who may send it."""

    @property
    def method(self) -> str:
        """``GET``, ``POST`` and so on."""
        ...

    @property
    def path_params(self) -> Mapping[str, str]:
        """The values of ``{name}`` segments."""
        ...

    @property
    def query_params(self) -> Mapping[str, str]:
        """The query; of a repeated name, the last."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header values by name, in any case."""
        ...

    async def body(self) -> bytes:
        """The whole body."""
        ...

    async def json(self) -> Any:
        """The body as JSON; raises ValueError where it is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PageView:
    """A page in the hub's own frame. ``html`` is trusted: escape what people wrote.

    ``refresh`` has the browser ask for it again after so many seconds, as long as something on it
    is being made. ``above`` is HTML over the title, trusted as well: the way back (``crumbs``), or
    links to the pages that belong together (``parts``).
    """

    title: str
    html: str
    status: int = 200
    refresh: float | None = None
    above: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """A kept file as an answer, by its name in ``ctx.files``: ranges and ETags are the hub's.

    ``download`` is the name under which a browser saves it; without one it is shown in place.
    ``immutable`` says that this address never shows another file, so that browsers need not ask
    again.
    """

    name: str
    download: str = ""
    immutable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSubject:
    """What a panel stands beside: a lesson, a course, or the admin's page (``id`` is empty)."""

    slot: str
    id: str = ""
    kind: str = ""
    container: str = ""
    title: str = ""


def redirect(path: str) -> Response:
    """Send the browser on after a form, within the hub.

    ``path`` begins with ``/``; raises UnsupportedError for what would lead to another site.
    """
    # Browsers take `\\` for `/`, and pass over tabs and line breaks.
    if not path.startswith("/") or path[1:2] in {"/", "\\"} or not path.isprintable():
        raise UnsupportedError("this address does not lead back into the hub")
    return Response(status=303, headers={"location": path}, body=b"", url=path)


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that a browser sent; of a repeated name, the last."""

    fields: Mapping[str, str] = field(default_factory=dict)
    pairs: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    def all(self, name: str) -> list[str]:
        """Every value of a repeated name, such as of ticked boxes, in order."""
        return [value for key, value in self.pairs if key == name]


async def read_form(request: WebRequest) -> Form:
    """The fields of an ``application/x-www-form-urlencoded`` body."""
    from urllib.parse import parse_qsl

    body = await request.body()
    pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    return Form(dict(pairs), tuple(pairs))

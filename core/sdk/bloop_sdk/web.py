"""Routes, pages and panels of plugins: what comes in, and what goes out.

async def show(request: WebRequest, ctx: RequestContext) -> PageView:
    rows = await ctx.read(bookmarks_of, ctx.call.principal.id)
    return PageView(title="Bookmarks", html=ctx.render("list.html", rows=rows))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bloop_sdk.errors import HostileInputError, MalformedRecordError, UnsupportedError
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
    is being made. A page with ``scripts`` keeps itself up to date: then only browsers that run none
    are told so. ``above`` is HTML over the title, trusted as well: the way back (``crumbs``), or
    links to the pages that belong together (``parts``).

    ``scripts`` are ES modules and ``styles`` style sheets of the package's folder ``static``, by
    their names; the page has to be read and used without them, too. Modules may import each other
    by ``./name.js``. A ``wide`` page takes the room that there is; others are as wide as text reads
    well.
    """

    title: str
    html: str
    status: int = 200
    refresh: float | None = None
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    wide: bool = False
    above: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelView:
    """A panel that needs scripts or styles of its own, named as those of a :class:`PageView` are.

    A panel without them is its HTML alone.
    """

    html: str
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()


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
class LiveView:
    """How something is, and then how it is whenever that has changed, as server-sent events.

    ``look`` gives something JSON-shaped; it is asked about twice a second, so it should read little
    and check again that the caller may see it: what it raises ends the stream. Where ``over`` says
    of an answer that nothing more will change, that was the last one, and the browser does not come
    again. A browser follows with ``new EventSource(path)``: each message's data is one answer.
    """

    look: Callable[[], Awaitable[Any]]
    over: Callable[[Any], bool]


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


MOST_FIELDS = 10_000
"""A form with more fields is refused: no page of a browser's has so many."""


def parse_form(body: bytes) -> Form:
    """The fields of an ``application/x-www-form-urlencoded`` body.

    A NUL becomes U+FFFD, as where a browser reads a page: no database keeps one in a text. Raises
    HostileInputError for more than :data:`MOST_FIELDS` fields.
    """
    from urllib.parse import parse_qsl

    text = body.decode("utf-8", "replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as err:
        raise HostileInputError(
            f"this form has more than {MOST_FIELDS} fields", cure="send it in parts"
        ) from err
    pairs = [(name, value.replace("\x00", "\N{REPLACEMENT CHARACTER}")) for name, value in pairs]
    return Form(dict(pairs), tuple(pairs))


async def read_form(request: WebRequest) -> Form:
    """The fields of an ``application/x-www-form-urlencoded`` body, as :func:`parse_form`."""
    return parse_form(await request.body())


async def read_object(request: WebRequest) -> dict[str, Any]:
    """The JSON object that a body is; raises MalformedRecordError for any other."""
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise MalformedRecordError("the body has to be a JSON object")
    return body

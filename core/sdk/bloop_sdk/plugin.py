"""What a plugin is, and what the hub hands to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from bloop_sdk.content import ContentReader
from bloop_sdk.files import Files
from bloop_sdk.http import HttpClient
from bloop_sdk.offers import Providers
from bloop_sdk.principals import Call
from bloop_sdk.records import JSONObject
from bloop_sdk.settings import PluginConfig
from bloop_sdk.words import Words

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

P = ParamSpec("P")
T = TypeVar("T")


class Logger(Protocol):
    """Structured logging: an event name and fields. Secrets and personal fields are masked."""

    def debug(self, event: str, **fields: Any) -> None:
        """For developers."""
        ...

    def info(self, event: str, **fields: Any) -> None:
        """Something worth knowing happened."""
        ...

    def warning(self, event: str, **fields: Any) -> None:
        """Somebody may have to look."""
        ...

    def error(self, event: str, **fields: Any) -> None:
        """Something failed."""
        ...


class KeyValueStore(Protocol):
    """JSON values of this plugin and institution; sync, quick, in the hub's database."""

    def get(self, key: str) -> Any:
        """The value, or None."""
        ...

    def set(self, key: str, value: Any) -> None:
        """Add or replace; ``value`` is JSON-shaped, at most 64 KiB."""
        ...

    def delete(self, key: str) -> None:
        """Forget; unknown keys are ignored."""
        ...

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that start with ``prefix``, sorted."""
        ...


class PluginContext(Protocol):
    """What every plugin has: its settings at hub scope, a log, threads and a folder."""

    @property
    def plugin_id(self) -> str:
        """The manifest's id."""
        ...

    @property
    def config(self) -> PluginConfig:
        """The plugin's settings, resolved and validated."""
        ...

    @property
    def log(self) -> Logger:
        """Logs with plugin, connection and trace ids."""
        ...

    @property
    def data_dir(self) -> Path:
        """A folder of the plugin's own, made on first use; may be emptied between versions."""
        ...

    async def run_sync(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking code in a thread. It can't be timed out from outside."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as the ledger has it.

    ``error`` is why it did not succeed, as ``code message cure``; one that was cancelled since it
    came after another has that one's id as ``job`` there.
    """

    id: str
    kind: str
    state: Literal["blocked", "waiting", "running", "succeeded", "failed", "cancelled"]
    error: JSONObject | None = None

    @property
    def lost(self) -> bool:
        """Whether it has ended and did not succeed."""
        return self.state in {"failed", "cancelled"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A user's name, and where they are written to, if anywhere: personal data.

    ``language`` is the one that they have chosen for pages and messages, if any.
    """

    name: str
    email: str | None = None
    language: str | None = None


class Unit(Protocol):
    """One transaction of the hub's database, bound to one institution.

    Everything in it is committed together, or nothing is.
    """

    @property
    def session(self) -> Session:
        """For the plugin's own tables; statements see and write this institution's rows alone."""
        ...

    @property
    def institution(self) -> str:
        """Whose rows these are."""
        ...

    @property
    def config(self) -> PluginConfig:
        """The plugin's settings as they hold in the institution."""
        ...

    def emit(self, topic: str, aggregate: str, payload: JSONObject) -> None:
        """Say that something happened; ``topic`` is ``<plugin>.<what>``, aggregate ``kind:id``.

        Some families say topics of the hub too (:data:`bloop_sdk.events.TOPICS_OF_FAMILIES`).
        """
        ...

    def audit(self, action: str, resource: str, detail: JSONObject | None = None) -> None:
        """Keep who did ``action`` to ``resource``; never put a secret into ``detail``."""
        ...

    def enqueue(
        self,
        kind: str,
        payload: JSONObject,
        *,
        key: str | None = None,
        delay: float = 0.0,
        after: Sequence[str] = (),
    ) -> str:
        """Ask for one of the plugin's own jobs, ``delay`` seconds from now; its id.

        The same ``key`` gives the job that was asked for first. It begins only once all the jobs
        whose ids are ``after`` have succeeded, and is cancelled where one of them does not.
        """
        ...

    def job(self, id_: str) -> JobView | None:
        """One of the plugin's own jobs; None for one that is unknown, or was forgotten since."""
        ...

    def enrol(self, course: str, user: str) -> None:
        """Let a user into a course as a learner, from this commit on; again changes nothing.

        It counts beside what people and other plugins decide, and is the plugin's own decision:
        its manifest has the scope ``enrolments:write``. Raises NotFoundError for a course that is
        not there, InvalidError for a user.
        """
        ...

    def unenrol(self, course: str, user: str) -> None:
        """Take back what :meth:`enrol` gave; what else lets the user in stays."""
        ...

    def missing(
        self, *, courses: Collection[str] = (), items: Collection[str] = ()
    ) -> Sequence[str]:
        """Which of these ids nobody can be let into: ask before you promise somebody access.

        Those of no course and no item of a course, or of one that is in the trash or in somebody's
        own notebook; in the order given, courses first. The manifest has the scope
        ``enrolments:write`` or ``content:read``.
        """
        ...

    def describe(
        self,
        item: str,
        text: str,
        *,
        key: str = "transcript",
        language: str | None = None,
        moments: Sequence[tuple[int, float]] = (),
    ) -> None:
        """Say what text belongs to an item: search finds the item by it, from soon on.

        Whoever may see the item is shown a piece of it, so say only what its page shows as well.
        It replaces what the plugin said under the same ``key``; empty text takes that back, and it
        goes with the item. ``moments`` are pairs: a place in ``text`` in characters, and the
        seconds at which the first video or sound of the lesson's page says what begins there;
        places rise. Of ``text`` 200,000 characters are kept. The manifest has the scope
        ``content:write``. Raises NotFoundError for an item that is not there or is somebody
        else's alone, InvalidError for a key, a language or moments that are none.
        """
        ...

    def grant(self, item: str, user: str) -> None:
        """Let a user see one item of a course, from this commit on; again changes nothing.

        Its page, the files that it shows, and what plugins make of it are theirs while it is
        published, whomever the course is for; nothing else of the course is. It is the plugin's
        own decision: its manifest has the scope ``enrolments:write``. Raises NotFoundError for an
        item that is not there, InvalidError for a user, ConflictError for somebody's own note.
        """
        ...

    def revoke(self, item: str, user: str) -> None:
        """Take back what :meth:`grant` gave; what else shows them the item stays."""
        ...

    def tell(self, user: str, subject: str, text: str) -> None:
        """Have a message brought to a user once this unit is committed.

        Nothing comes of it where nobody is, or no plugin brings messages. The manifest has the
        scope ``messages:send``.
        """
        ...

    def contact(self, user: str) -> Contact | None:
        """How a user is called and reached now; None for one who is unknown or was erased.

        The manifest has the scope ``users:read``. What is kept of it is the plugin's to erase.
        """
        ...

    def contacts(self, users: Collection[str]) -> Mapping[str, Contact]:
        """The same of many at once, by their ids, without those who are unknown."""
        ...

    def find_people(self, text: str, *, limit: int = 20) -> Mapping[str, Contact]:
        """Users by their ids whose name or address holds a text, whoever asks.

        Letters' case is nothing; whose address is the whole text comes first. None are found for
        an empty one. The manifest has the scope ``users:read``; whether the caller may know of
        them is the plugin's to say.
        """
        ...

    def find_courses(self, text: str = "", *, limit: int = 50) -> Mapping[str, str]:
        """Titles by the ids of courses that could be given, in the order of their titles.

        Those whose title or code holds ``text``; of what is not published too, and of nothing
        that is somebody's own. The manifest has the scope ``enrolments:write``.
        """
        ...

    def titles(
        self, *, courses: Collection[str] = (), items: Collection[str] = ()
    ) -> Mapping[str, str]:
        """What courses and items are called now, by their ids, without those that are missing.

        It tells nothing but titles, and of what is not published too: it is for saying what a
        plugin gives to somebody. The manifest has the scope ``enrolments:write`` or
        ``content:read``.
        """
        ...


class CallContext(PluginContext, Protocol):
    """What code has that runs for somebody: its call, and ways to the outside and the database.

    ``config`` holds the institution's own settings over the hub's.
    """

    @property
    def call(self) -> Call:
        """For whom, and as part of which trace."""
        ...

    @property
    def http(self) -> HttpClient:
        """The one way out."""
        ...

    @property
    def public_url(self) -> str:
        """Where browsers reach the hub, without a slash at its end."""
        ...

    @property
    def store(self) -> KeyValueStore:
        """Small state of the plugin in this institution."""
        ...

    @property
    def content(self) -> ContentReader:
        """The hub's content."""
        ...

    @property
    def files(self) -> Files:
        """Large results of the plugin in this institution."""
        ...

    @property
    def providers(self) -> Providers:
        """What other plugins can do."""
        ...

    async def read(
        self, work: Callable[Concatenate[Unit, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """What ``work`` finds with a :class:`Unit` that writes nothing; in a thread."""
        ...

    async def transaction(
        self, work: Callable[Concatenate[Unit, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``work`` in one transaction, in a thread: it is committed unless it raises."""
        ...


class ConnectionContext(CallContext, Protocol):
    """What a provider has: an institution's own account with the system outside.

    ``config`` holds the connection's own settings over the institution's and the hub's.
    """

    @property
    def connection(self) -> str:
        """Id of the connection; stable over its life."""
        ...

    @property
    def source(self) -> Path | None:
        """The file or folder being imported, for connections that stand for one."""
        ...

    async def keep_secrets(self, values: Mapping[str, str | None]) -> None:
        """Keep new secrets of the connection, by the names of its settings; None removes one.

        For credentials that the other side renews, such as a refresh token: they are sealed and
        durable when it returns, and in the ``config`` of the next provider that is made.
        """
        ...


class RequestContext(CallContext, Protocol):
    """What a route, a page and a panel have."""

    @property
    def locale(self) -> str:
        """Which of the hub's languages whoever asks reads best, such as ``de``."""
        ...

    @property
    def words(self) -> Words:
        """What the package says in that language: ``ctx.words.gettext("Removed")``."""
        ...

    def may(self, action: str) -> bool:
        """Whether the caller has an action: one of the hub's, or of the plugin's own."""
        ...

    def signed(self, path: str, seconds: float) -> str:
        """An address of one of the plugin's own GET routes that anybody may open until then.

        ``path`` is below ``base`` and begins with ``/``; the route runs as who signed it.
        """
        ...

    def render(self, template: str, **values: Any) -> str:
        """HTML of a Jinja2 template in the package's folder ``templates``; values are escaped.

        It knows ``csrf``, which a form sends back as the hidden field of that name, ``locale``,
        and ``base``, the path below which the plugin's routes are; and ``_``, ``ngettext`` and the
        filters ``day``, ``number``, ``money`` and ``translate`` of :attr:`words`.
        """
        ...


class JobContext(CallContext, Protocol):
    """What a job has besides: progress to report."""

    @property
    def job(self) -> str:
        """The job's id."""
        ...

    def is_final(self, error: Exception) -> bool:
        """Whether the job has failed for good, should it raise ``error`` now."""
        ...

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Report; raises RetriableError when the job has been cancelled or lost its lease."""
        ...


class CommandContext(CallContext, Protocol):
    """What a command has besides: work that it waits for, and a bar that shows how far it is."""

    def working(self) -> AbstractAsyncContextManager[None]:
        """While it is open, this process runs the plugin's jobs if no other process does."""
        ...

    def bar(self, title: str) -> AbstractContextManager[Told]:
        """A live bar on the terminal (nothing where there is none), told by what it gives."""
        ...


class Plugin:
    """Base of a plugin's class, which its entry point in the group ``bloop.plugins`` names.

    Hooks are methods marked ``@hookimpl``. Providers and contributions are named by the manifest
    and made by the hub; importing the plugin's package should import no vendor's SDK.
    """

    def __init__(self, ctx: PluginContext) -> None:
        self.ctx = ctx

    def start(self) -> None:
        """Called once after loading; raise to refuse, with a cure."""

    def stop(self) -> None:
        """Called once when the plugin is switched off, after running calls have drained."""

    def notes(self) -> Sequence[str]:
        """What ``bloop plugins doctor`` tells of it besides its state: sentences, soon given."""
        return ()


Told = Callable[[int, int | None, str], None]
"""Called with how much is done, of how much (None: unknown), and what is done now."""

ProviderFactory = Callable[[ConnectionContext], Any]
"""A provider's class: called with a context, gives an object of its capability's protocol."""

JobHandler = Callable[[JobContext, JSONObject], Any]
"""``async def (ctx, payload) -> JSON-shaped result or None``."""

Settings = Mapping[str, Any]

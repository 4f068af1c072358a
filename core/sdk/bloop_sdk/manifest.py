"""``bloop-plugin.toml``: what a plugin is and declares, read without importing it.

The file lies inside the top-level package of a wheel, or beside that package in a source tree.
Dotted paths are written ``package.module:name`` and imported on first use.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from bloop_sdk._intervals import LONGEST, SHORTEST, interval_seconds
from bloop_sdk.errors import ManifestError
from bloop_sdk.hooks import hook_traits
from bloop_sdk.providers import CAPABILITIES

API_VERSION = (1, 0)
FILE_NAME = "bloop-plugin.toml"
FAMILIES = (
    "lms",
    "notes",
    "payments",
    "ai",
    "render",
    "identity",
    "search",
    "sinks",
    "notify",
    "feature",
)

PluginId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
DottedPath = Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
ActionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*:[a-z][a-z0-9_]*$")]
PolicyFile = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]\w*(/\w+)*\.cedar$")]
ImportName = Annotated[str, Field(pattern=r"^(\.[a-z0-9_]{1,20}|folder)$")]
CronOrInterval = Annotated[str, Field(min_length=2, max_length=120)]
SettingName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ZoneName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]*$", max_length=64)]

_CRON_FIELD = re.compile(r"[0-9A-Za-z*][0-9A-Za-z*,/#-]*")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RouteDecl(_Part):
    """An HTTP route below ``/x/<plugin>/``; ``handler`` is ``async def (request, ctx)``.

    It gives a :class:`bloop_sdk.Response` or something JSON-shaped. ``step_up`` asks for a fresh
    proof of who one is. A ``rate`` counts it besides as a payment: of those few pass in a minute,
    and none while the hub can't count them together.
    """

    path: Annotated[str, Field(pattern=r"^/")]
    handler: DottedPath
    action: ActionName
    methods: tuple[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], ...] = ("GET",)
    step_up: bool = False
    rate: Literal["payment"] | None = None


class InboundDecl(_Part):
    """Where another system calls: ``POST /in/<institution>/<plugin><path>``.

    ``handler`` is ``async def (request, ctx)``, as a route's is. Nobody is logged in, and the call
    is the hub's own in that institution: the handler has to prove who calls before it believes
    anything, and to bear that everybody can call it.
    """

    path: Annotated[str, Field(pattern=r"^/")]
    handler: DottedPath


class PageDecl(_Part):
    """A page below ``/x/<plugin>/``; ``view`` is ``async def (request, ctx) -> PageView``.

    ``nav`` is where its title is linked for whoever has the action: in the bar (``main``), among
    the pages of one's own account (``account``), whose links then stand above it too, or nowhere
    (``none``), as for every path with a ``{parameter}``. The bar marks the link that a page is
    below; one that belongs to another says so: ``under`` is that page's path.
    """

    path: Annotated[str, Field(pattern=r"^/")]
    view: DottedPath
    action: ActionName
    title: str
    nav: Literal["main", "account", "none"] = "main"
    under: Annotated[str, Field(pattern=r"^(/.*)?$")] = ""


class PanelDecl(_Part):
    """A part of a page of the hub: ``slot`` is ``lesson``, ``course`` or ``admin``.

    ``view`` is ``async def (request, ctx, subject)`` -> HTML, a PanelView or None.
    """

    slot: Literal["lesson", "course", "admin"]
    view: DottedPath
    action: ActionName


class SetupDecl(_Part):
    """A step on the way from an empty hub to a first lesson, shown to administrators.

    ``path`` is a page of the plugin, on which the step is done; ``{course}`` or ``{lesson}`` in it
    is the id of the institution's first one, and until there is one the step waits. ``way`` is what
    the link to it says. ``done`` is ``async def (ctx) -> bool``: whether it is done, read from what
    is there, with a :class:`bloop_sdk.CallContext`. Who lacks the ``action`` does not see the step.
    ``needs`` are capabilities that some plugin has to provide before it can be done.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,29}$")]
    title: Annotated[str, Field(min_length=1, max_length=60)]
    text: Annotated[str, Field(min_length=1, max_length=200)]
    way: Annotated[str, Field(min_length=1, max_length=40)]
    path: Annotated[str, Field(pattern=r"^/")]
    action: ActionName
    done: DottedPath
    needs: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _known_needs(self) -> Self:
        for capability in self.needs:
            if capability not in CAPABILITIES:
                raise ValueError(f"needs: unknown capability {capability!r}")
        return self


class TablesDecl(_Part):
    """Tables whose names start with ``<plugin>_``, and the folder of their Alembic versions."""

    metadata: DottedPath
    migrations: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*$")]


class JobDecl(_Part):
    """Work in the background; ``handler`` is ``async def (ctx, payload)``.

    Of ``priority``, 0 goes first and 9 last.
    """

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    handler: DottedPath
    queue: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "default"
    attempts: Annotated[int, Field(ge=1, le=50)] = 5
    priority: Annotated[int, Field(ge=0, le=9)] = 5


class ScheduleDecl(_Part):
    """A job that starts by itself in each institution that uses the plugin, with ``{}`` as payload.

    ``every`` is an interval like ``15m`` (``s``, ``m``, ``h`` or ``d``; 10 seconds to 366 days), or
    a cron line of five fields like ``30 3 * * MON-FRI``: in the time zone ``zone`` (an IANA name),
    or without one in the hub's. A due time at which the job before is still under way is skipped,
    and of those that were missed only one is made up for.
    """

    job: str
    every: CronOrInterval
    zone: ZoneName | None = None

    @model_validator(mode="after")
    def _interval_or_cron(self) -> Self:
        seconds = interval_seconds(self.every)
        if seconds is None:
            fields = self.every.split()
            if len(fields) != 5 or not all(_CRON_FIELD.fullmatch(one) for one in fields):
                raise ValueError(
                    f"every = {self.every!r} is neither an interval like 15m"
                    " nor a cron line of five fields like 30 3 * * *"
                )
        elif not SHORTEST <= seconds <= LONGEST:
            raise ValueError(f"every = {self.every!r}: an interval is 10s at least, 366d at most")
        elif self.zone is not None:
            raise ValueError(f"every = {self.every!r} is an interval, which has no zone")
        return self


class ConsumerDecl(_Part):
    """A reader of events; ``topics`` may end in ``*``. Handlers: :mod:`bloop_sdk.events`.

    In several ``partitions`` it reads them beside each other, in any process: then only the
    events of one aggregate come in their order. The number counts when the consumer is new.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    topics: tuple[str, ...]
    handler: DottedPath
    partitions: Annotated[int, Field(ge=1, le=64)] = 1


class CommandDecl(_Part):
    """A click command at ``bloop <plugin> <name>``.

    Its callback takes a :class:`bloop_sdk.CommandContext` first (``@click.pass_obj``) and may be
    ``async def``. One that is ``top`` is also called as ``bloop <name>``, where neither the hub nor
    a plugin has that name.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    command: DottedPath
    help: str
    top: bool = False


class ActionDecl(_Part):
    """A policy action and the least role that has it by default."""

    name: ActionName
    role: Literal["guest", "learner", "educator", "admin", "operator"]
    help: str


class Contributions(_Part):
    """What a plugin adds to the hub, by dotted path."""

    routes: tuple[RouteDecl, ...] = ()
    pages: tuple[PageDecl, ...] = ()
    panels: tuple[PanelDecl, ...] = ()
    setup: tuple[SetupDecl, ...] = ()
    inbound: tuple[InboundDecl, ...] = ()
    tables: TablesDecl | None = None
    jobs: tuple[JobDecl, ...] = ()
    schedules: tuple[ScheduleDecl, ...] = ()
    consumers: tuple[ConsumerDecl, ...] = ()
    commands: tuple[CommandDecl, ...] = ()
    actions: tuple[ActionDecl, ...] = ()
    policies: PolicyFile | None = None
    """Cedar policies about the plugin's own actions, in a file of its package."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for kind, names in (
            ("route", [f"{one} {part.path}" for part in self.routes for one in part.methods]),
            ("page", [part.path for part in self.pages]),
            ("step of setting up", [part.name for part in self.setup]),
            ("inbound path", [part.path for part in self.inbound]),
            ("job", [part.kind for part in self.jobs]),
            ("schedule of the job", [part.job for part in self.schedules]),
            ("consumer", [part.name for part in self.consumers]),
            ("command", [part.name for part in self.commands]),
            ("action", [part.name for part in self.actions]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"the {kind} {twice[0]!r} is declared twice")
        return self

    @model_validator(mode="after")
    def _schedules_name_jobs(self) -> Self:
        known = {job.kind for job in self.jobs}
        for schedule in self.schedules:
            if schedule.job not in known:
                raise ValueError(f"schedule of unknown job {schedule.job!r}; declare it in jobs")
        return self


class Bucket(_Part):
    """A leaky bucket of which the other side tells in its answers, as Canvas does.

    ``remaining`` and ``cost`` are names of headers: what the bucket still holds after a request,
    and what that took. ``in_flight`` is charged for a request under way, ``refill`` is how much
    comes back a second.
    """

    remaining: str
    cost: str
    in_flight: Annotated[float, Field(ge=0)] = 0.0
    refill: Annotated[float, Field(gt=0)] = 1.0


class Network(_Part):
    """Hosts the plugin talks to: names, ``*.example.com``, or ``{key}`` of a URL setting.

    The rest is how often a credential may ask a host, for all processes of the hub together:
    ``at_once`` requests in flight, and of each window ``[count, seconds]`` at most so many in any
    such time. ``credential`` names the settings by which the other side counts, or properties of
    the config model: an institution's connections with the same in all of them count as one. A
    connection in which one is empty counts by itself, and so does each where nothing is named.

    ``downloads`` are written as ``hosts`` are: where a system keeps its files. What goes there, or
    is redirected there, only reads and has none of the plugin's headers: no credential leaves.
    """

    hosts: tuple[str, ...] = ()
    downloads: tuple[str, ...] = ()
    credential: tuple[SettingName, ...] = ()
    at_once: Annotated[int, Field(ge=1, le=100)] = 8
    windows: tuple[tuple[PositiveInt, PositiveFloat], ...] = ()
    bucket: Bucket | None = None


class Requires(_Part):
    """What must be on the machine: Debian package names by what they are for."""

    system: tuple[str, ...] = ()


class Manifest(_Part):
    """The whole file."""

    id: PluginId
    family: Literal[FAMILIES]  # type: ignore[valid-type]
    name: Annotated[str, Field(min_length=1, max_length=60)]
    summary: Annotated[str, Field(min_length=1, max_length=200)]
    api: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    config: DottedPath | None = None
    provides: dict[str, DottedPath] = Field(default_factory=dict)
    uses: tuple[str, ...] = ()
    """Capabilities of other plugins that it asks for; it works with whoever has them."""
    hooks: tuple[str, ...] = ()
    imports: tuple[ImportName, ...] = ()
    """What ``bloop import`` hands to this plugin's ``lms`` or ``notes`` provider.

    File suffixes (``.imscc``), and the word ``folder`` for whole folders; :mod:`bloop_sdk.folders`
    reads one without leaving it, :mod:`bloop_sdk.archives` a zip.
    """
    secrets: tuple[SettingName, ...] = ()
    """The settings that hold a secret, so that who enables the plugin knows of them."""
    scopes: tuple[ActionName, ...] = ()
    """The hub's actions that it does for people, as far as each of them may do them."""
    queue: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = "default"
    contributes: Contributions = Contributions()
    network: Network = Network()
    requires: Requires = Requires()

    @model_validator(mode="after")
    def _known_capabilities(self) -> Self:
        for where, names in (("provides", tuple(self.provides)), ("uses", self.uses)):
            for capability in names:
                if capability not in CAPABILITIES:
                    known = ", ".join(CAPABILITIES)
                    raise ValueError(f"{where}: unknown capability {capability!r}; known: {known}")
        for capability in self.uses:
            if not CAPABILITIES[capability].lent:
                raise ValueError(f"uses: {capability!r} is for the hub alone")
            if self.uses.count(capability) > 1:
                raise ValueError(f"uses: {capability!r} is named twice")
        return self

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        hooks = hook_traits()
        for hook in self.hooks:
            if hook not in hooks:
                raise ValueError(f"hooks: unknown hook {hook!r}; known: {', '.join(hooks)}")
        for action in self.contributes.actions:
            if not action.name.startswith(f"{self.id}:"):
                raise ValueError(f"contributes.actions: {action.name} has to begin with {self.id}:")
        if self.contributes.policies and not self.contributes.actions:
            raise ValueError("contributes.policies needs contributes.actions, which they are about")
        if self.imports and not {"lms", "notes"} & set(self.provides):
            raise ValueError("imports needs provides.lms or provides.notes")
        return self

    @property
    def compatible(self) -> bool:
        """Whether this SDK implements the API version that the plugin asks for."""
        major, minor = (int(part) for part in self.api.split("."))
        return major == API_VERSION[0] and minor <= API_VERSION[1]

    def dotted_paths(self) -> Iterator[str]:
        """Every dotted path of the file, for a linter."""
        yield from self.provides.values()
        if self.config:
            yield self.config
        for value in _strings(self.contributes.model_dump()):
            if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", value) and "." in value:
                yield value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)


def load_manifest(path: Path) -> Manifest:
    """Read a manifest; raises :class:`ManifestError` naming file, key and fault."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise ManifestError(f"{path}: cannot be read: {err}") from err
    return parse_manifest(text, str(path))


def parse_manifest(text: str, where: str) -> Manifest:
    """Parse a manifest's text; ``where`` names it in errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise ManifestError(f"{where}: not TOML: {err}") from err
    try:
        return Manifest.model_validate(data)
    except ValidationError as err:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}"
            for fault in err.errors()
        )
        raise ManifestError(f"{where}: {faults}") from err

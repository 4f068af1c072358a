"""The sections of ``hub.toml``: every setting of the hub with its default, bounds and scope."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bloop.kernel.config_places import (
    JobsSection,
    KeyPlace,
    KeysSection,
    RedisSection,
    Section,
    StoreSection,
)
from bloop_sdk.settings import Scope, setting


class HubSection(Section):
    """Who this hub is, and where it keeps its state."""

    name: str = setting(
        "Bloop",
        scope=Scope.INSTITUTION,
        description="Name of the hub, shown on its pages",
        min_length=1,
        max_length=80,
    )
    data_dir: Path = setting(
        Path("var"), description="Folder of the hub's state; relative to the folder of hub.toml"
    )
    time_zone: str = setting(
        "UTC",
        description="Where cron lines of schedules that name no zone are meant; an IANA name",
        examples=["Europe/Berlin"],
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value != "UTC":
            from zoneinfo import ZoneInfo

            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError) as err:
                raise ValueError('must be an IANA time zone like "Europe/Berlin"') from err
        return value


class HttpSection(Section):
    """Where the hub listens."""

    host: str = setting(
        "127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface", min_length=1
    )
    port: int = setting(8080, description="TCP port to listen on", ge=1, le=65535)
    public_url: str | None = setting(
        None,
        description="Address at which browsers reach the hub, when a proxy stands in front",
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        examples=["https://learn.example.edu"],
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = setting(
        (IPv4Network("127.0.0.1/32"), IPv6Network("::1/128")),
        description=(
            "Networks of the proxies in front, where there is a public_url: only they are believed "
            "who the client is and whether it came by HTTPS"
        ),
        examples=[["10.0.0.0/8"]],
    )
    tls_cert: Path | None = setting(
        None,
        description="Certificate chain (PEM) to serve HTTPS without a proxy; renewed ones are used",
    )
    tls_key: Path | None = setting(None, description="Its private key (PEM), readable by the hub")
    tls_min: Literal["1.2", "1.3"] = setting("1.3", description="Oldest version of TLS")
    allow_plain: bool = setting(
        False,
        description="Listen for others without TLS: only in a network where nobody else listens",
    )

    @property
    def is_https(self) -> bool:
        """Whether browsers come by HTTPS, to the hub itself or to a proxy."""
        if self.public_url is not None:
            return self.public_url.startswith("https://")
        return self.tls_cert is not None


class AccessSection(Section):
    """What people without an account may do, and how long a login lasts."""

    guests: Literal["read", "none"] = setting(
        "none",
        scope=Scope.INSTITUTION,
        description="read: published content is open to everybody; none: only to members",
    )
    session_days: float = setting(
        14.0, description="A login lasts for so long, however much it is used", gt=0, le=90
    )
    idle_hours: float = setting(
        72.0,
        description="A login ends that was not used for so long; it is noted every five minutes",
        ge=0.25,
        le=2160,
    )


class LogSection(Section):
    """Logs, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting(
        "info", description="Least severity that is written"
    )
    format: Literal["json", "text"] = setting(
        "json", description="json: one object a line; text: for people at a terminal"
    )


class LimitsSection(Section):
    """Bounds that keep one plugin or one input from taking the hub down."""

    import_seconds: float = setting(
        10.0, description="A plugin's import may take this long", gt=0, le=600
    )
    watchdog_seconds: float = setting(
        30.0,
        description="A process whose event loop stands still for longer is ended, culprit named",
        ge=1,
        le=3600,
    )
    memory_bytes: int | None = setting(
        None,
        description=(
            "Memory of one process, beyond which it is ended, culprit named. "
            "Default: half of the machine's or the container's; 0: no bound"
        ),
        ge=0,
    )
    breaker_failures: int = setting(
        5, description="Failures in a row after which an operation of a plugin is paused", ge=1
    )
    breaker_seconds: float = setting(
        30.0, description="Pause of an operation before it is tried again", gt=0, le=86400
    )
    drain_seconds: float = setting(
        10.0, description="Running calls get this long when a plugin or the hub stops", ge=0, le=600
    )
    upload_bytes: int = setting(
        512 * 1024 * 1024, description="Largest file that may be uploaded or imported", ge=1024
    )
    event_days: float = setting(
        7.0, description="Events stay this long, and until every consumer has passed them", ge=0
    )
    job_days: float = setting(
        30.0, description="Jobs that are over stay in the ledger this long", gt=0
    )
    graph_days: float = setting(
        365.0, description="What was done to the graph of concepts can be undone this long", gt=0
    )
    webhook_days: float = setting(
        30.0, description="The log of webhooks keeps what was delivered or failed this long", gt=0
    )
    idempotency_hours: float = setting(
        24.0, description="A request sent again with its key is known for this long", gt=0, le=8760
    )
    sweep_hours: float = setting(
        24.0, description="Bytes that nothing refers to are removed after this long", ge=1
    )


class RatesSection(Section):
    """How many requests a minute each person, token and address may send; 0: as many as they like.

    So many may come at once; then each has to wait for its turn. This machine's own are not
    counted, unless a proxy brought them. With Redis the processes of a hub count together what
    changes something or logs in; reads each counts alone.
    """

    reads: int = setting(1200, description="Reads of one person or token", ge=0)
    writes: int = setting(240, description="Changes by one person or token", ge=0)
    uploads: int = setting(30, description="Files from one person or token", ge=0)
    logins: int = setting(
        60, description="Tries to log in from one address; a class may sit behind it", ge=0
    )
    payments: int = setting(20, description="Payments by one person", ge=0)
    calls: int = setting(
        1200, description="Calls of other systems from one address, such as webhooks", ge=0
    )
    address_factor: int = setting(
        20, description="How many people's worth one address may send, for reads and changes", ge=1
    )


class AuditSection(Section):
    """The log of who did what."""

    anchor_seconds: float = setting(
        300.0,
        description="How often the ends of its chains are written down outside the database",
        ge=1,
        le=86400,
    )
    keep_days: float | None = setting(
        None,
        description="Lines older than this are cut from its front. Default: all of them stay",
        ge=1,
    )


class NetSection(Section):
    """How plugins reach systems outside."""

    connect_seconds: float = setting(10.0, description="Time to connect", gt=0, le=300)
    total_seconds: float = setting(60.0, description="Time for one whole request", gt=0, le=3600)
    body_bytes: int = setting(
        64 * 1024 * 1024, description="Largest answer, counted after decompression", ge=1024
    )
    allow: tuple[str, ...] = setting(
        (),
        description=(
            "Host names and networks inside your own network that plugins may reach, "
            "like an LMS on premises; internal addresses are refused otherwise"
        ),
        examples=[["lms.example.edu", "10.20.0.0/16"]],
    )


class PluginEntry(BaseModel):
    """What the hub wants of a plugin. Its own settings stand beside it."""

    # The other keys belong to the plugin's model, which is known only once it is loaded.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    enabled: bool = setting(False, description="Whether the hub loads the plugin")
    order: int = setting(
        100, description="Where hooks of several plugins meet, lower comes first", ge=0, le=10_000
    )
    granted: tuple[str, ...] | None = setting(
        None,
        description=(
            "What the plugin may do, as `bloop plugins enable` writes it; one that asks for more "
            "is held back. Without it, everything is granted that the plugin declares"
        ),
        examples=[["capability:lms", "network:canvas.example.edu"]],
    )


class HubConfig(Section):
    """The whole file. Paths are absolute once :func:`bloop.kernel.config.load` gives it."""

    hub: HubSection = HubSection()
    http: HttpSection = HttpSection()
    store: StoreSection = StoreSection()
    keys: KeysSection = KeysSection()
    redis: RedisSection = RedisSection()
    access: AccessSection = AccessSection()
    log: LogSection = LogSection()
    limits: LimitsSection = LimitsSection()
    rates: RatesSection = RatesSection()
    audit: AuditSection = AuditSection()
    jobs: JobsSection = JobsSection()
    net: NetSection = NetSection()
    plugins: dict[str, PluginEntry] = Field(default_factory=dict)

    @property
    def public_url(self) -> str:
        """The hub's address for links, without a slash at its end."""
        host = f"[{self.http.host}]" if ":" in self.http.host else self.http.host
        scheme = "https" if self.http.is_https else "http"
        return (self.http.public_url or f"{scheme}://{host}:{self.http.port}").rstrip("/")


def with_absolute_paths(config: HubConfig, folder: Path) -> HubConfig:
    """The same settings with each path and SQLite file resolved against ``folder``."""
    data = folder / config.hub.data_dir
    blobs = folder / config.store.blobs if config.store.blobs else data / "blobs"
    url = config.store.url.get_secret_value() or f"sqlite:///{data / 'bloop.db'}"
    prefix = "sqlite:///"
    file = url.removeprefix(prefix)
    keys = config.keys.master or KeyPlace(file=data / "master.key")
    if keys.file is not None:
        keys = KeyPlace(file=folder / keys.file)
    if url.startswith(prefix) and not file.startswith(("/", ":memory:", "file:")):
        url = f"{prefix}{folder / file}"
    http = {
        name: folder / path
        for name in ("tls_cert", "tls_key")
        if (path := getattr(config.http, name)) is not None
    }
    return config.model_copy(
        update={
            "http": config.http.model_copy(update=http),
            "hub": config.hub.model_copy(update={"data_dir": data}),
            "store": config.store.model_copy(update={"url": SecretStr(url), "blobs": blobs}),
            "keys": KeysSection(master=keys),
        }
    )

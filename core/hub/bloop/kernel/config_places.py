"""The sections of ``hub.toml`` that name what stands beside the hub, often with a password.

Database, master keys, Redis and a broker: where they are, and what their addresses may look like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bloop_sdk.settings import setting

DATABASES = ("sqlite", "postgresql+psycopg")
BROKERS = ("redis", "rediss", "amqp", "amqps")


@dataclass(frozen=True, slots=True)
class HarmlessWithoutPassword:
    """Marks a URL that is a secret only where it carries a password."""


class Section(BaseModel):
    """A table of the file, which holds nothing but what is known."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StoreSection(Section):
    """The database and the blobs."""

    url: Annotated[SecretStr, HarmlessWithoutPassword()] = setting(
        SecretStr(""),
        description=(
            "Database: sqlite:///FILE, relative to the folder of hub.toml, or "
            "postgresql+psycopg://USER@HOST/NAME; with a password it is a secret. "
            "Default: bloop.db in data_dir"
        ),
        examples=["sqlite:///var/bloop.db"],
    )
    owner_url: SecretStr | None = setting(
        None,
        description="PostgreSQL as the tables' owner, for migrations; `url` then owns nothing",
    )
    blobs: Path | None = setting(
        None, description="Folder of files, named by their content. Default: blobs in data_dir"
    )

    @field_validator("url", "owner_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        # The message must not hold the URL: it may carry a password.
        if value is None or not value.get_secret_value():
            return value
        try:
            scheme = urlsplit(value.get_secret_value()).scheme
        except ValueError:
            scheme = ""
        if scheme not in DATABASES:
            raise ValueError(
                'must start with "sqlite:///" or "postgresql+psycopg://", the hub\'s two databases'
            )
        return value


class KeyPlace(Section):
    """Where the master keys are: one of the two."""

    env: str | None = setting(None, description="Name of a variable of the environment")
    file: Path | None = setting(None, description="Path of a file, which `bloop keys` writes")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError('must be { file = "PATH" } or { env = "NAME" }')
        return self


class KeysSection(Section):
    """The master keys that secrets in the database are sealed with."""

    master: KeyPlace | None = setting(
        None,
        description=(
            'Where they are kept: { file = "PATH" } or { env = "NAME" }. '
            "Default: the file master.key in data_dir, made with the first secret"
        ),
    )


class RedisSection(Section):
    """A Redis (or Valkey) beside the database: never needed, and quicker with several processes."""

    url: Annotated[SecretStr | None, HarmlessWithoutPassword()] = setting(
        None,
        description=(
            "redis://HOST:PORT/NUMBER, or rediss:// over TLS; with a password it is a secret. "
            "Wakes the hub's processes and keeps what they share"
        ),
        examples=["redis://127.0.0.1:6379/0"],
    )

    @field_validator("url")
    @classmethod
    def _known_address(cls, value: SecretStr | None) -> SecretStr | None:
        # As with the database: the message must not hold the URL.
        if value is None:
            return value
        try:
            url = urlsplit(value.get_secret_value())
            is_known = (
                url.scheme in {"redis", "rediss"}
                and bool(url.hostname)
                and url.port != 0
                and re.fullmatch(r"(/\d*)?", url.path) is not None
            )
        except ValueError:
            url, is_known = urlsplit(""), False
        if not is_known:
            raise ValueError(
                'must be like "redis://HOST:PORT/NUMBER", or "rediss://" over TLS, '
                "with the signs of a password in it percent-encoded"
            )
        if {"password", "username"} & parse_qs(url.query).keys():
            raise ValueError('must hold its password before the host: "redis://:PASSWORD@HOST"')
        return value


class JobsSection(Section):
    """Work in the background: who carries it, and what of it `bloop up` runs itself."""

    workers: int = setting(
        2,
        description="Jobs that `bloop up` runs at a time; 0 leaves them to `bloop worker`",
        ge=0,
        le=64,
    )
    queues: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], ...] = setting(
        (),
        description="Queues that `bloop up` runs; with none named, all of them",
        examples=[["default", "sync"]],
    )
    broker_url: SecretStr | None = setting(
        None,
        description="Broker of the carrier celery: redis://, rediss://, amqp:// or amqps://",
    )
    carrier: Literal["embedded", "celery"] = setting(
        "embedded",
        description=(
            "embedded: `bloop up` runs jobs, and each worker looks for them in the database; "
            "celery: a broker wakes the workers, and `bloop up` runs none"
        ),
    )

    @field_validator("broker_url")
    @classmethod
    def _known_broker(cls, value: SecretStr | None) -> SecretStr | None:
        # The message must not hold the URL: it may carry a password.
        if value is None:
            return value
        try:
            parts = urlsplit(value.get_secret_value())
            known = parts.scheme in BROKERS and bool(parts.hostname) and parts.port != 0
        except ValueError:
            known = False
        if not known:
            raise ValueError(
                "must be like redis://HOST:6379/0 or amqp://USER:PASSWORD@HOST:5672/VHOST, with "
                "special characters of the password as %XX"
            ) from None
        return value

    @field_validator("carrier")
    @classmethod
    def _has_broker(cls, value: str, info: ValidationInfo) -> str:
        # One that is wrong has been told already.
        if value == "celery" and info.data.get("broker_url", ...) is None:
            raise ValueError(
                'celery needs broker_url = { env = "BLOOP_JOBS_BROKER_URL" } beside it'
            )
        return value

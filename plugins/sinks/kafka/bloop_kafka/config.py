"""Settings. All are the hub's: one stream carries the events of every institution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from bloop_sdk import PluginConfig, setting

Server = Annotated[str, Field(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$")]
Wanted = Annotated[str, Field(pattern=r"^[a-z0-9_.]*\*?$", min_length=1)]


class KafkaConfig(PluginConfig):
    """Where the cluster is, as whom it is spoken to, and what goes there."""

    bootstrap_servers: tuple[Server, ...] = setting(
        description="Brokers to ask first, as host:port; they name the others of their cluster",
        examples=[["kafka-1.example.edu:9093", "kafka-2.example.edu:9093"]],
        min_length=1,
    )
    topic_prefix: str = setting(
        "bloop",
        description="What the names of topics begin with: bloop.content, bloop.user",
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
    )
    events: tuple[Wanted, ...] = setting(
        ("*",),
        description="Which events are streamed, by their type; may end in *",
        examples=[["content.*", "learning.*"]],
        min_length=1,
    )
    client_id: str = setting("bloop", description="The name that brokers' logs and quotas show")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = setting(
        "PLAINTEXT", description="SSL encrypts, SASL logs in; SASL_SSL does both"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = setting(
        "SCRAM-SHA-512", description="How to log in"
    )
    username: str | None = setting(None, description="Who logs in, for SASL")
    password: SecretStr | None = setting(None, description="Their password, for SASL")
    ca_file: Path | None = setting(
        None, description="Certificates of who signed the brokers'; else the system's are trusted"
    )
    cert_file: Path | None = setting(None, description="The client's own certificate, for SSL")
    key_file: Path | None = setting(None, description="The key of that certificate")
    key_password: SecretStr | None = setting(None, description="The password of that key")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = setting(
        "gzip", description="How batches are compressed; every reader knows gzip"
    )
    create_topics: bool = setting(
        True, description="Whether topics that are missing are created, with the numbers below"
    )
    partitions: int = setting(
        6, description="Partitions of a new topic; more of them later break the order", ge=1
    )
    replication: int | None = setting(
        None, description="Copies of a new topic's data; the brokers' default without it", ge=1
    )
    max_message_bytes: int = setting(
        1_000_000,
        description="A larger event is parked; not more than the brokers' max.message.bytes",
        ge=10_000,
    )
    timeout_seconds: float = setting(
        10.0,
        description="How long a batch waits for the brokers before it is tried again",
        gt=0,
        le=15,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.security_protocol.startswith("SASL"):
            if not self.username or self.password is None:
                raise ValueError(f"{self.security_protocol} needs username and password")
            if self.sasl_mechanism == "PLAIN" and self.security_protocol == "SASL_PLAINTEXT":
                raise ValueError(
                    "PLAIN over SASL_PLAINTEXT would send the password unencrypted; "
                    "use SASL_SSL, or a SCRAM mechanism"
                )
        elif self.username or self.password:
            raise ValueError(
                f"{self.security_protocol} uses no username and password; use SASL_SSL"
            )
        if (self.cert_file is None) is not (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        return self

    def client(self) -> dict[str, str]:
        """What every client of librdkafka is made with; it holds secrets."""
        found: dict[str, str | None] = {
            "bootstrap.servers": ",".join(self.bootstrap_servers),
            "client.id": self.client_id,
            "security.protocol": self.security_protocol,
            "ssl.ca.location": _text(self.ca_file),
            "ssl.certificate.location": _text(self.cert_file),
            "ssl.key.location": _text(self.key_file),
            "ssl.key.password": (
                self.key_password.get_secret_value() if self.key_password is not None else None
            ),
        }
        if self.security_protocol.startswith("SASL"):
            assert self.password is not None, "validated above"
            found |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password.get_secret_value(),
            }
        return {key: value for key, value in found.items() if value is not None}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)

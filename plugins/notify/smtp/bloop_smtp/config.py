"""Settings. All are the operator's: whoever could name the server could reach any host with it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from bloop_sdk import PluginConfig, setting
from bloop_smtp.addresses import mailbox


class SmtpConfig(PluginConfig):
    """Which server takes the messages, and who they come from."""

    host: str = setting(
        description="Mail server that takes messages for everybody",
        examples=["smtp.example.edu"],
        pattern=r"^[A-Za-z0-9.:_-]+$",
    )
    port: int = setting(587, description="Its port", ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = setting(
        "starttls",
        description="starttls (port 587) or implicit (465); none only for a server of this machine",
    )
    username: str | None = setting(None, description="Who logs in there")
    password: SecretStr | None = setting(None, description="Their password")
    sender: str = setting(
        description="Who messages come from",
        examples=["Riverside Learning <learning@example.edu>"],
    )
    timeout_seconds: float = setting(20.0, description="The server must answer in", gt=0, le=120)

    @field_validator("sender")
    @classmethod
    def _one_address(cls, sender: str) -> str:
        mailbox(sender)
        return sender

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.tls == "none" and self.password is not None:
            raise ValueError("a password is sent over TLS only: set tls to starttls or implicit")
        if (self.username is None) is not (self.password is None):
            # It would send without a login, and every message would be refused.
            raise ValueError("username and password belong together")
        return self

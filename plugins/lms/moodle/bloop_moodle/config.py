"""Settings of a connection: where the Moodle is, and whose eyes it is seen with."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, HttpUrl, SecretStr

from bloop_sdk.settings import PluginConfig, Scope, setting


def _plain(url: HttpUrl) -> HttpUrl:
    if url.username or url.password or url.query or url.fragment:
        raise ValueError("write the address alone, without a name, a password or a query")
    return url


SiteUrl = Annotated[HttpUrl, AfterValidator(_plain)]


class MoodleConfig(PluginConfig):
    """One account of one Moodle: a token, or a name and a password that get one."""

    base_url: SiteUrl = setting(
        scope=Scope.CONNECTION,
        title="Address",
        description="Address of the Moodle, with its folder if it has one",
    )
    token: SecretStr | None = setting(
        None, scope=Scope.CONNECTION, description="Web service token of the account"
    )
    username: str | None = setting(
        None,
        scope=Scope.CONNECTION,
        title="User name",
        description="Instead of a token: the account's user name",
    )
    password: SecretStr | None = setting(
        None,
        scope=Scope.CONNECTION,
        description="Its password: exchanged for a token at the first use, then forgotten",
    )
    service: str = setting(
        "moodle_mobile_app",
        scope=Scope.CONNECTION,
        advanced=True,
        description="Short name of the external service that a password gets a token for",
    )
    language: str | None = setting(
        None,
        scope=Scope.CONNECTION,
        advanced=True,
        pattern=r"^[a-z]{2,3}(_[a-z0-9]+)*$",
        description="Code of a language, as Moodle has it (de, en_us), where its texts are written "
        "in several: Moodle then applies its filters. Empty: texts come as they were written",
    )

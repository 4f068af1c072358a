"""Settings: which server and model, with what credential, and how much of it a month."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal, cast
from urllib.parse import urlsplit

from pydantic import HttpUrl, SecretStr

from bloop_sdk import CallContext, ConfigError, PluginConfig, Scope, setting

OPENAI = "api.openai.com"


class OpenAIConfig(PluginConfig):
    """An institution may have its own server, model, key and budget."""

    servers: list[str] = setting(
        [OPENAI],
        description="Hosts that lessons and keys may be sent to, as names or *.example.com",
    )
    base_url: HttpUrl = setting(
        HttpUrl(f"https://{OPENAI}/v1"),
        scope=Scope.INSTITUTION,
        title="Address",
        description="Where the API is; most end in /v1, as http://localhost:11434/v1 for Ollama",
    )
    api_key: SecretStr | None = setting(
        None, scope=Scope.INSTITUTION, description="Secret key; a server of your own may need none"
    )
    model: str = setting(
        "gpt-5-mini",
        scope=Scope.INSTITUTION,
        description="Name of the model, as the server lists it",
        min_length=1,
        max_length=200,
    )
    monthly_tokens: int = setting(
        5_000_000,
        scope=Scope.INSTITUTION,
        description="Tokens, in and out, that may be used in a month (UTC); 0 sets no limit",
        ge=0,
    )
    price_in: float | None = setting(
        None,
        scope=Scope.INSTITUTION,
        description="US dollars for a million tokens that are sent; known for some models",
        ge=0,
        le=100_000,
    )
    price_out: float | None = setting(
        None,
        scope=Scope.INSTITUTION,
        description="US dollars for a million tokens of answers; known for some models",
        ge=0,
        le=100_000,
    )
    structured: Literal["auto", "schema", "json", "none"] = setting(
        "auto",
        scope=Scope.INSTITUTION,
        description="How answers are held to a schema: by the server, by its JSON mode, by asking",
        advanced=True,
    )
    timeout: float = setting(
        240.0,
        scope=Scope.INSTITUTION,
        description="Seconds that an answer may take, whatever it is asked for",
        advanced=True,
        gt=0,
        le=280,
    )
    organization: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="OpenAI's id of your organization, where a key has several",
        advanced=True,
        max_length=200,
    )
    project: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="OpenAI's id of your project, where a key has several",
        advanced=True,
        max_length=200,
    )

    @property
    def host(self) -> str:
        """Where requests go."""
        return urlsplit(str(self.base_url)).hostname or ""

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself, in whatever region."""
        return self.host == OPENAI or self.host.endswith(f".{OPENAI}")

    @property
    def price(self) -> tuple[float, float] | None:
        """US dollars for a million tokens in and out; None where nobody has said."""
        from bloop_openai.prices import known_price

        known = known_price(self.model) if self.is_openai else None
        given = self.price_in, self.price_out
        if given[0] is not None and given[1] is not None:
            return given[0], given[1]
        if known is None:
            return None
        return (
            known[0] if given[0] is None else given[0],
            known[1] if given[1] is None else given[1],
        )


def config_of(ctx: CallContext) -> OpenAIConfig:
    """The settings that hold in the caller's institution.

    Raises ConfigError for a server that the operator has not named: an institution may set the
    address alone, and must not lead a key of the whole hub astray.
    """
    config = cast("OpenAIConfig", ctx.config)
    if not any(fnmatchcase(config.host, one.lower()) for one in config.servers):
        raise ConfigError(
            f"plugins.openai: {config.host} is none of the servers that may be asked",
            cure=f'the operator adds it in hub.toml: [plugins.openai] servers = ["{config.host}"]',
        )
    return config

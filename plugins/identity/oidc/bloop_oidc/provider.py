"""The ``identity`` provider: which of the configured logins a call is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from bloop_oidc.config import OIDCConfig
from bloop_oidc.documents import Documents
from bloop_oidc.github import GitHubLogin
from bloop_oidc.openid import OpenIDLogin
from bloop_sdk import ConfigError
from bloop_sdk.plugin import CallContext
from bloop_sdk.providers.identity import Identity, LoginOption, LoginRequest


class OIDCProvider:
    """The logins of one institution. ``documents`` outlive it, for it is made for each call."""

    documents: ClassVar[Documents] = Documents()

    def __init__(self, ctx: CallContext) -> None:
        config = ctx.config
        assert isinstance(config, OIDCConfig)
        self._config = config
        self._http = ctx.http

    def options(self) -> Sequence[LoginOption]:
        """Every provider that is configured."""
        return [
            LoginOption(key=key, title=settings.shown)
            for key, settings in self._config.providers.items()
        ]

    async def authorize_url(self, request: LoginRequest) -> str:
        """Where to send the browser."""
        return await self._login(request.option).authorize_url(request)

    async def exchange(self, request: LoginRequest, params: Mapping[str, str]) -> Identity:
        """Who came back."""
        return await self._login(request.option).exchange(request, params)

    def _login(self, key: str) -> OpenIDLogin | GitHubLogin:
        settings = self._config.providers.get(key)
        if settings is None:
            raise ConfigError(
                f"plugins.oidc: there is no provider {key[:40]!r}", cure="add it to providers"
            )
        secret = self._config.secret(key)
        if settings.preset == "github":
            return GitHubLogin(settings, secret, self._http)
        return OpenIDLogin(settings, secret, self._http, self.documents)

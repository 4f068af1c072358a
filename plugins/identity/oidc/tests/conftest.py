from __future__ import annotations

import pytest

from bloop_oidc.config import OIDCConfig
from bloop_oidc.documents import Documents
from bloop_oidc.provider import OIDCProvider
from bloop_sdk._http.urls import hosts_within
from bloop_sdk.providers.identity import LoginRequest
from bloop_sdk.testing import FakeContext, FakeTransport, http_client
from tests.support.issuer import CLIENT, SECRET, URL

PRESETS = (
    "accounts.google.com",
    "oauth2.googleapis.com",
    "www.googleapis.com",
    "login.microsoftonline.com",
    "github.com",
    "api.github.com",
)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def login_at(clock):
    """Makes providers that share a process: ``login_at(issuer, **settings)``."""
    documents = Documents(clock)

    def make(system, *, secret=SECRET, **settings):
        given = {"issuer": URL, "client_id": CLIENT} if "preset" not in settings else {}
        config = OIDCConfig(
            providers={"it": {**given, **settings}},
            client_secrets={"it": secret} if secret else {},
        )
        hosts = frozenset({*hosts_within(config.providers), *PRESETS})
        provider = OIDCProvider(
            FakeContext(config=config, http=http_client(FakeTransport(system), hosts=hosts))
        )
        provider.documents = documents
        return provider

    return make


@pytest.fixture
def request_():
    return LoginRequest(
        option="it",
        redirect_uri="https://hub.example/login/with/oidc.it/callback",
        state="state-1",
        nonce="nonce-1",
        verifier="v" * 43,
    )


@pytest.fixture
def come_back(login_at, request_):
    """Log in from the address to the identity: ``await come_back(issuer, **settings)``."""

    async def run(system, **settings):
        provider = login_at(system, **settings)
        params = system.log_in(await provider.authorize_url(request_))
        return await provider.exchange(request_, params)

    return run

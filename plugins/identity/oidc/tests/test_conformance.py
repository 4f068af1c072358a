"""What the contract asks of every plugin, and of every provider of identities."""

from __future__ import annotations

from bloop_oidc.provider import OIDCProvider
from bloop_sdk.providers.identity import IdentityProvider
from bloop_sdk.testing import FakeContext, System, plugin_tests
from tests.support.issuer import CLIENT, SECRET, URL, Issuer

SETTINGS = {
    "providers": {
        "school": {"issuer": URL, "client_id": CLIENT, "title": "The school"},
        "google": {"preset": "google", "client_id": "1234.apps.example"},
    },
    "client_secrets": {"school": SECRET},
}

TestOIDC = plugin_tests(
    "bloop_oidc", settings=SETTINGS, identity=System(make=Issuer, good=SETTINGS)
)


def test_it_is_an_identity_provider() -> None:
    from bloop_oidc.config import OIDCConfig

    made = OIDCProvider(FakeContext(config=OIDCConfig(**SETTINGS)))
    assert isinstance(made, IdentityProvider)
    assert [option.title for option in made.options()] == ["The school", "Google"]

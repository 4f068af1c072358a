"""Logins that go well, and what is remembered between them."""

from __future__ import annotations

from base64 import b64decode

import pytest
from pydantic import ValidationError

from bloop_oidc.config import OIDCConfig
from bloop_oidc.documents import FRESH_SECONDS, PAUSE_SECONDS
from bloop_sdk import AuthError
from bloop_sdk.testing import reply
from tests.support.issuer import CLIENT, URL, Issuer, challenge_of, ec, query_of, rsa


async def test_the_address_asks_for_a_code_and_shows_no_secret(login_at, request_):
    url = await login_at(Issuer()).authorize_url(request_)
    assert url.startswith(f"{URL}/authorize?")
    assert query_of(url) == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": request_.redirect_uri,
        "scope": "openid profile email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": challenge_of("v" * 43),
        "code_challenge_method": "S256",
    }


async def test_somebody_is_known_by_issuer_and_subject(come_back):
    own = {"groups": ["teachers"], "nickname": "teachers", "acr": "2"}
    ada = await come_back(Issuer(claims=own))
    assert (ada.issuer, ada.subject, ada.name) == (URL, "ada-1", "Ada Lovelace")
    assert (ada.email, ada.email_verified) == ("ada@example.edu", True)
    assert ada.claims == {"groups": ["teachers"], "acr": "2"}  # Not what people set themselves.


@pytest.mark.parametrize("key", [ec("one"), rsa("one")], ids=["ES256", "RS256"])
async def test_keys_of_both_kinds_sign(come_back, key):
    assert (await come_back(Issuer(key=key, published=[key]))).subject == "ada-1"


async def test_several_audiences_need_an_authorised_party(come_back):
    claims = {"aud": [CLIENT, "another"], "azp": CLIENT}
    assert (await come_back(Issuer(claims=claims))).subject == "ada-1"


async def test_a_secret_in_a_header_is_encoded_as_in_a_form(login_at, request_):
    seen = []

    class Looks(Issuer):
        def _token(self, form, headers):
            seen.append((form.get("client_secret"), headers["authorization"]))
            return super()._token(form, headers)

    issuer = Looks(metadata={"token_endpoint_auth_methods_supported": None})
    provider = login_at(issuer)
    await provider.exchange(request_, issuer.log_in(await provider.authorize_url(request_)))
    ((in_form, header),) = seen
    assert in_form is None
    assert b64decode(header.removeprefix("Basic ")) == b"hub:s3cret+of+the+hub"


async def test_what_the_token_lacks_is_asked_for(come_back):
    issuer = Issuer(person={"sub": "ada-1"})
    issuer.userinfo = {"sub": "ada-1", "name": "Ada", "email": "a@b.example", "hd": "b.example"}
    ada = await come_back(issuer)
    assert (ada.name, ada.email, ada.claims) == ("Ada", "a@b.example", {"hd": "b.example"})


async def test_documents_are_read_once_an_hour(come_back, clock):
    issuer = Issuer()
    for _ in range(3):
        await come_back(issuer)
    assert [issuer.asked.count(path) for path in (DISCOVERY, "/keys", "/token")] == [1, 1, 3]
    clock.now += FRESH_SECONDS
    await come_back(issuer)
    assert [issuer.asked.count(path) for path in (DISCOVERY, "/keys")] == [2, 2]


DISCOVERY = "/.well-known/openid-configuration"


async def test_a_new_key_is_found_and_keys_of_nobody_cost_one_reading(come_back, clock):
    issuer = Issuer()
    await come_back(issuer)
    clock.now += PAUSE_SECONDS
    issuer.key = ec("two")
    issuer.published.append(ec("two"))
    assert (await come_back(issuer)).subject == "ada-1"
    assert issuer.asked.count("/keys") == 2
    issuer.header = {"kid": "of-nobody"}
    for _ in range(5):
        with pytest.raises(AuthError, match="does not publish"):
            await come_back(issuer)
    assert issuer.asked.count("/keys") == 2  # They were read a moment ago.
    clock.now += PAUSE_SECONDS
    for _ in range(5):
        with pytest.raises(AuthError, match="does not publish"):
            await come_back(issuer)
    assert issuer.asked.count("/keys") == 3


async def test_a_key_that_is_withdrawn_is_good_for_an_hour_at_most(come_back, clock):
    issuer = Issuer()
    await come_back(issuer)
    issuer.published = [ec("two")]
    clock.now += FRESH_SECONDS
    with pytest.raises(AuthError, match="does not publish"):
        await come_back(issuer)


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        ({"client_id": "hub"}, "needs issuer"),
        ({"client_id": "hub", "issuer": "http://login.example.edu"}, "needs issuer"),
        ({"client_id": "hub", "issuer": "https://u:p@login.example.edu"}, "needs issuer"),
        ({"client_id": "hub", "issuer": "https://login.example.edu?a=b"}, "needs issuer"),
        ({"client_id": "hub", "issuer": "https://login.example/{tenantid}/v2.0"}, "needs issuer"),
        ({"client_id": "hub", "issuer": URL, "scopes": ["email"]}, "must hold openid"),
        ({"client_id": "hub", "issuer": URL, "endpoints": ["http://x.example"]}, "https"),
        ({"client_id": "hub", "issuer": URL, "preset": "google"}, "issuer is not for"),
        ({"client_id": "hub", "preset": "microsoft"}, "needs tenants"),
        ({"client_id": "hub", "preset": "microsoft", "tenants": ["common"]}, "UUID"),
        ({"client_id": "hub", "issuer": URL, "secret": "x"}, "secret"),
    ],
)
def test_settings_that_cannot_work_are_refused(provider, said):
    with pytest.raises(ValidationError, match=said):
        OIDCConfig(providers={"it": provider})


def test_keys_and_secrets_belong_together():
    good = {"issuer": URL, "client_id": "hub"}
    assert OIDCConfig().providers == {}
    assert OIDCConfig(providers={"it": {**good, "issuer": "http://127.0.0.1:3000"}})
    for key in ("Two words", "env"):
        with pytest.raises(ValidationError):
            OIDCConfig(providers={key: good})
    with pytest.raises(ValidationError, match="no provider other"):
        OIDCConfig(providers={"it": good}, client_secrets={"other": "hunter2"})
    assert "hunter2" not in repr(
        OIDCConfig(providers={"it": good}, client_secrets={"it": "hunter2"})
    )


@pytest.mark.parametrize(
    "own", [{"client_id": CLIENT}, {"x5c": ["A" * 3000]}], ids=["word", "long"]
)
async def test_what_an_issuer_puts_into_a_header_besides_is_passed_over(come_back, own):
    assert (await come_back(Issuer(header=own))).subject == "ada-1"


class ByHeader(Issuer):
    """Knows both ways to show a secret, and takes the one that its client is registered for."""

    def discovery(self):
        both = ["client_secret_post", "client_secret_basic"]
        return super().discovery() | {"token_endpoint_auth_methods_supported": both}

    def _token(self, form, headers):
        if "client_secret" in form or "authorization" not in headers:
            return reply({"error": "invalid_client"}, status=self.status)
        return super()._token(form, headers)

    status = 401


@pytest.mark.parametrize("status", [401, 400])
async def test_a_secret_is_shown_the_way_that_the_client_is_registered_for(come_back, status):
    issuer = ByHeader()
    issuer.status = status
    assert (await come_back(issuer)).subject == "ada-1"
    issuer.paths["/token"] = reply({"error": "invalid_client"}, status=status)
    with pytest.raises(AuthError, match=str(status)):
        await come_back(issuer)
    assert issuer.asked.count("/token") == 4


async def test_only_a_client_that_is_not_known_is_shown_in_another_way(come_back):
    issuer = ByHeader(paths={"/token": reply({"error": "invalid_grant"}, status=400)})
    with pytest.raises(AuthError, match="invalid_grant"):
        await come_back(issuer)
    assert issuer.asked.count("/token") == 1


@pytest.mark.parametrize(("said", "is_verified"), [("true", True), ("false", False), (1, False)])
async def test_some_issuers_say_as_a_text_that_an_address_is_verified(come_back, said, is_verified):
    ada = await come_back(Issuer(claims={"email_verified": said}))
    assert ada.email_verified is is_verified

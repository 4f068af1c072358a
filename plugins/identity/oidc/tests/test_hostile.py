"""An issuer, or somebody between, that lies: nobody is logged in, and nothing is sent astray."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from joserfc import jwt
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

from bloop_oidc.documents import FRESH_SECONDS
from bloop_sdk import AuthError, BloopError, FatalError, HostileInputError
from bloop_sdk.testing import reply
from tests.support.issuer import (
    CLIENT,
    URL,
    Issuer,
    ec,
    encoded,
    forged,
    rsa,
    signed_with_the_public_key,
    unsigned,
)

NOW = int(time.time())


@pytest.mark.parametrize(
    "wrong",
    [
        {"claims": {"aud": "another-client"}},
        {"claims": {"aud": ["another-client", "a-third"]}},
        {"claims": {"aud": [CLIENT, "another-client"]}},
        {"claims": {"aud": [CLIENT, "another-client"], "azp": "another-client"}},
        {"claims": {"azp": "another-client"}},
        {"claims": {"aud": None}},
        {"claims": {"iss": "https://another.example"}},
        {"claims": {"iss": URL + "/"}},
        {"claims": {"iss": None}},
        {"claims": {"nonce": "nonce-2"}},
        {"claims": {"nonce": None}},
        {"claims": {"exp": NOW - 3600}},
        {"claims": {"exp": None}},
        {"claims": {"exp": "tomorrow"}},
        {"claims": {"exp": float("inf")}},
        {"claims": {"iat": NOW + 3600}},
        {"claims": {"iat": None}},
        {"claims": {"nbf": NOW + 3600}},
        {"claims": {"at_hash": encoded(b"x" * 16)}},
        {"claims": {"at_hash": 7}},
        {"claims": {"sub": None}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": 42}},
        {"claims": {"sub": "x" * 300}},
        {"header": {"kid": "of-nobody"}},
        {"header": {"kid": 7}, "signs": forged},
        {"header": {"kid": ["one"]}, "signs": forged},
        {"header": {"crit": ["exp"]}, "signs": forged},
        {"signs": forged},
        {"published": [ec("two")]},
        {"published": []},
        {"token": {"id_token": None}},
        {"token": {"id_token": "no.token"}},
        {"token": {"id_token": "." * 3}},
        {"token": {"id_token": "x" * 300_000}},
        {"token": {"id_token": ["a", "list"]}},
        {"token": {"error": "invalid_grant"}},
        {"signs": unsigned},
    ],
    ids="-".join,
)
async def test_a_token_that_is_not_for_this_login_logs_nobody_in(come_back, wrong):
    with pytest.raises(AuthError):
        await come_back(Issuer(**wrong))


async def test_no_algorithm_is_taken_from_the_token(come_back):
    key = rsa("one")
    honest = Issuer(key=key, published=[key])
    assert (await come_back(honest)).subject == "ada-1"
    for lie in (unsigned, signed_with_the_public_key(key)):
        with pytest.raises(AuthError, match="no algorithm"):
            await come_back(replace(honest, signs=lie))


async def test_what_an_issuer_calls_critical_has_to_be_known(come_back):
    def sign(header, claims):
        known = {"app_id": HeaderParameter("An application", "str")}
        said = JWSRegistry(known, algorithms=["ES256"])
        return jwt.encode({**header, "crit": ["app_id"]}, claims, ec("one"), registry=said)

    with pytest.raises(AuthError, match="unsupported_header"):
        await come_back(Issuer(header={"app_id": "1"}, signs=sign))


async def test_a_key_signs_only_what_it_is_for(come_back):
    with pytest.raises(AuthError, match="does not publish"):
        await come_back(Issuer(header={"alg": "RS256"}, signs=forged))


async def test_a_token_without_kid_needs_an_issuer_with_one_key(come_back, clock):
    one = Issuer(header={"kid": None})
    assert (await come_back(one)).subject == "ada-1"
    clock.now += FRESH_SECONDS
    with pytest.raises(AuthError, match="names none"):
        await come_back(Issuer(url=URL, header={"kid": None}, published=[ec("one"), ec("two")]))


async def test_a_key_of_another_use_signs_no_token(come_back):
    issuer = Issuer()
    jwk = {**ec("one").as_dict(private=False), "use": "enc"}
    issuer.paths["/keys"] = reply({"keys": [jwk]})
    with pytest.raises(AuthError, match="does not publish"):
        await come_back(issuer)


@pytest.mark.parametrize(
    "back",
    [
        {"iss": "https://another.example"},
        {"iss": None},
        {"iss": ""},
        {"code": None},
        {"error": "temporarily_unavailable"},
        {"error": "access_denied", "iss": "https://another.example"},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_the_issuers_is_refused_before_its_code_is_sent(
    come_back, back
):
    issuer = Issuer(back=back)
    with pytest.raises(AuthError) as refused:
        await come_back(issuer)
    assert "/token" not in issuer.asked
    assert refused.value.code == "auth_failed"


async def test_an_issuer_that_does_not_say_so_need_not_name_itself(come_back):
    said = {"authorization_response_iss_parameter_supported": None}
    assert await come_back(Issuer(back={"iss": None}, metadata=said))
    with pytest.raises(AuthError):
        await come_back(Issuer(back={"iss": "https://another.example"}, metadata=said))


async def test_a_code_of_another_login_is_worth_nothing(login_at, request_):
    issuer = Issuer()
    theirs = replace(request_, verifier="w" * 43, nonce="nonce-2")
    stolen = issuer.log_in(await login_at(issuer).authorize_url(theirs))
    with pytest.raises(AuthError, match="invalid_grant"):
        await login_at(issuer).exchange(request_, stolen)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"issuer": "https://another.example"}, "is of the issuer"),
        ({"issuer": None}, "is of the issuer"),
        ({"token_endpoint": "http://login.example.edu/token"}, "token_endpoint"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "jwks_uri"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"authorization_endpoint": ["https://x.example"]}, "authorization_endpoint"),
    ],
)
async def test_a_discovery_document_that_lies_is_refused(login_at, request_, metadata, said):
    with pytest.raises(FatalError, match=said):
        await login_at(Issuer(metadata=metadata)).authorize_url(request_)


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
async def test_no_host_is_asked_that_the_settings_do_not_name(come_back, name):
    issuer = Issuer(metadata={name: "https://10.0.0.7/it"}, person={"sub": "ada-1"})
    with pytest.raises(FatalError, match=r"10\.0\.0\.7 is none of this plugin's hosts"):
        await come_back(issuer)
    assert "/it" not in issuer.asked


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
async def test_a_redirect_to_another_host_is_not_followed(come_back, path):
    issuer = Issuer()
    issuer.paths[path] = reply(status=302, headers={"location": "https://169.254.169.254/latest"})
    with pytest.raises(FatalError, match="redirect"):
        await come_back(issuer)
    assert "/latest" not in issuer.asked


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys", "/token"])
@pytest.mark.parametrize(
    "body",
    [b'{"a": "' + b"x" * 600_000 + b'"}', b"[" * 200_000, b"[]", b"not json", b"\xff\xfe"],
    ids=["large", "deep", "list", "text", "bytes"],
)
async def test_what_is_no_small_json_object_is_refused(come_back, path, body):
    issuer = Issuer()
    issuer.paths[path] = reply(body)
    with pytest.raises(HostileInputError, match="no JSON object"):
        await come_back(issuer)


async def test_userinfo_of_somebody_else_is_not_believed(come_back):
    issuer = Issuer(person={"sub": "ada-1"}, userinfo={"sub": "eve-1", "email": "x@example.edu"})
    with pytest.raises(AuthError, match="somebody else"):
        await come_back(issuer)


async def test_userinfo_cannot_say_who_signed(come_back):
    told = {"sub": "ada-1", "iss": "https://another.example", "email": "ada@example.edu"}
    identity = await come_back(Issuer(person={"sub": "ada-1"}, userinfo=told))
    assert (identity.issuer, identity.email) == (URL, "ada@example.edu")
    assert not identity.email_verified


async def test_no_error_repeats_what_a_stranger_wrote(come_back):
    bad = Issuer(back={"error": "<script>alert(1)</script>", "error_description": "call 555"})
    with pytest.raises(BloopError) as refused:
        await come_back(bad)
    assert "script" not in str(refused.value) and "555" not in str(refused.value)

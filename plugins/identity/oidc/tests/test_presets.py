"""Google, Microsoft and GitHub, as their documentation says that they answer."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from bloop_oidc.config import OIDCConfig
from bloop_oidc.presets import issuer_of, vouches
from bloop_sdk import AuthError, UnavailableError
from bloop_sdk.testing import reply
from tests.support.issuer import CLIENT, SECRET, Issuer, challenge_of, ec, query_of

MICROSOFT = "https://login.microsoftonline.com"
OURS, OTHERS, THIRD = (f"{digit}0000000-0000-0000-0000-00000000000{digit}" for digit in "123")


def settings(**given):
    return OIDCConfig(providers={"it": {"client_id": CLIENT, **given}}).providers["it"]


@pytest.mark.parametrize(
    ("claims", "is_verified"),
    [
        ({"email": "ada@gmail.com", "email_verified": True}, True),
        ({"email": "ada@example.edu", "email_verified": True, "hd": "example.edu"}, True),
        ({"email": "ada@example.edu", "email_verified": True}, False),
        ({"email": "ada@gmail.com", "email_verified": "true"}, False),
        ({"email": "ada@gmail.com"}, False),
    ],
)
async def test_google_answers_for_its_own_addresses(login_at, request_, claims, is_verified):
    issuer = Issuer(url="https://accounts.google.com", person={"sub": "1", **claims})
    provider = login_at(issuer, preset="google", client_id=CLIENT)
    url = await provider.authorize_url(request_)
    identity = await provider.exchange(request_, issuer.log_in(url))
    assert identity.email_verified is is_verified
    assert identity.issuer == "https://accounts.google.com"


async def test_google_has_two_names_and_one_of_them_counts(login_at, request_):
    issuer = Issuer(url="https://accounts.google.com", claims={"iss": "accounts.google.com"})
    provider = login_at(issuer, preset="google", client_id=CLIENT)
    identity = await provider.exchange(
        request_, issuer.log_in(await provider.authorize_url(request_))
    )
    assert (identity.issuer, identity.subject) == ("https://accounts.google.com", "ada-1")


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ({"preset": "google"}, "select_account"),
        ({"preset": "github"}, "select_account"),
        ({"preset": "google", "choose_account": False}, None),
        ({}, None),
        ({"choose_account": True}, "select_account"),
    ],
    ids=str,
)
async def test_people_choose_their_account_where_the_other_side_can_ask(
    login_at, request_, given, prompt
):
    issuer = Issuer(url="https://accounts.google.com") if "preset" in given else Issuer()
    url = await login_at(issuer, **{"client_id": CLIENT, **given}).authorize_url(request_)
    assert query_of(url).get("prompt") == prompt


class Microsoft(Issuer):
    """The endpoint ``common``: its issuer is a template, and so is that of its keys."""

    def discovery(self):
        template = f"{MICROSOFT}/{{tenantid}}/v2.0"
        said = {"issuer": template, "cloud_instance_name": "microsoftonline.com"}
        self.metadata = {"authorization_response_iss_parameter_supported": None}
        return super().discovery() | said

    async def answer(self, request):
        path = urlsplit(request.url).path
        if path == "/common/v2.0/.well-known/openid-configuration":
            return reply(self.discovery())
        if path == "/keys":
            said = {"issuer": self.of_key, "cloud_instance_name": self.cloud}
            return reply({"keys": [ec("one").as_dict(private=False) | said]})
        return await super().answer(request)

    of_key = f"{MICROSOFT}/{{tenantid}}/v2.0"
    cloud = "microsoftonline.com"


def of(tenant, **claims):
    own = {"iss": f"{MICROSOFT}/{tenant}/v2.0", "tid": tenant, "sub": "1", **claims}
    return Microsoft(url=MICROSOFT, person=own, back={"iss": None})


async def microsoft(login_at, request_, issuer, tenants=(OURS, OTHERS)):
    provider = login_at(issuer, preset="microsoft", client_id=CLIENT, tenants=tenants)
    return await provider.exchange(request_, issuer.log_in(await provider.authorize_url(request_)))


async def test_microsofts_people_come_from_the_directories_that_are_listed(login_at, request_):
    identity = await microsoft(login_at, request_, of(OTHERS))
    assert identity.issuer == f"{MICROSOFT}/{OTHERS}/v2.0"
    assert identity.claims["tid"] == OTHERS
    with pytest.raises(AuthError, match="not listed"):
        await microsoft(login_at, request_, of(THIRD))


async def test_a_directory_cannot_speak_for_another(login_at, request_):
    for lie in (
        of(THIRD, tid=OURS),
        of(OURS, tid=THIRD),
        of(OURS, tid=None),
        of(OURS, iss=f"{MICROSOFT}/{{tenantid}}/v2.0"),
    ):
        with pytest.raises(AuthError):
            await microsoft(login_at, request_, lie)


async def test_a_key_of_one_directory_signs_for_that_alone(login_at, request_):
    issuer = of(OURS)
    issuer.of_key = f"{MICROSOFT}/{THIRD}/v2.0"
    with pytest.raises(AuthError, match="key of another issuer"):
        await microsoft(login_at, request_, issuer)


async def test_a_key_of_another_cloud_signs_for_nobody_here(login_at, request_):
    issuer = of(OURS)
    issuer.cloud = "microsoftonline.us"  # Published beside the others, for the same tenants.
    with pytest.raises(AuthError, match="does not publish"):
        await microsoft(login_at, request_, issuer)


async def test_the_issuer_of_an_answer_is_compared_with_that_of_the_token(login_at, request_):
    issuer = of(OURS)
    issuer.back = {"iss": f"{MICROSOFT}/{OURS}/v2.0"}
    assert await microsoft(login_at, request_, issuer)
    issuer.back = {"iss": f"{MICROSOFT}/{OTHERS}/v2.0"}
    with pytest.raises(AuthError, match="issuer that was asked"):
        await microsoft(login_at, request_, issuer)


def test_one_directory_has_an_issuer_of_its_own():
    issuer, discovery = issuer_of(settings(preset="microsoft", tenants=[OURS]))
    assert issuer == f"{MICROSOFT}/{OURS}/v2.0"
    assert discovery == f"{MICROSOFT}/{OURS}/v2.0/.well-known/openid-configuration"


def test_microsofts_addresses_count_where_the_domain_is_the_directorys():
    own = settings(preset="microsoft", tenants=[OURS])
    assert not vouches(own, {"email": "a@b.example", "email_verified": True})
    assert not vouches(own, {"email": "a@b.example", "xms_edov": False})
    assert vouches(own, {"email": "a@b.example", "xms_edov": True})


class GitHub:
    """As documented; a refused code is answered 200."""

    def __init__(self):
        self.codes, self.asked = {}, []
        self.user = {"id": 4242, "login": "ada", "name": None, "company": "@riverside"}
        self.emails = [
            {"email": "other@example.edu", "primary": False, "verified": True},
            {"email": "ada@example.edu", "primary": True, "verified": True},
        ]

    def log_in(self, url):
        self.codes["code-1"] = query_of(url)["code_challenge"]
        return {"code": "code-1", "state": query_of(url)["state"]}

    def cancel(self, url):
        return {"error": "access_denied", "state": query_of(url)["state"]}

    async def answer(self, request):
        parts = urlsplit(request.url)
        self.asked.append(f"{parts.hostname}{parts.path}")
        if parts.path == "/login/oauth/access_token":
            wanted = self.codes.pop(request.form["code"], None)
            if challenge_of(request.form["code_verifier"]) != wanted:
                return reply({"error": "bad_verification_code", "error_description": "no"})
            assert request.form["client_secret"] == SECRET
            return reply({"access_token": "gho_1", "token_type": "bearer"})
        assert request.headers["authorization"] == "Bearer gho_1"
        if parts.path == "/user":
            return reply(self.user)
        if self.emails is None:
            return reply({"message": "Resource not accessible by integration"}, status=403)
        number = int((query_of(request.url) | dict(request.params)).get("per_page", 30))
        return reply(self.emails[:number] if isinstance(self.emails, list) else self.emails)


async def github(login_at, request_, system):
    provider = login_at(system, preset="github", client_id=CLIENT)
    return await provider.exchange(request_, system.log_in(await provider.authorize_url(request_)))


async def test_github_knows_people_by_their_number(login_at, request_):
    system = GitHub()
    ada = await github(login_at, request_, system)
    assert (ada.issuer, ada.subject) == ("https://github.com/login/oauth", "4242")
    assert (ada.name, ada.email, ada.email_verified) == ("ada", "ada@example.edu", True)
    assert ada.claims == {}  # Whatever stands in a profile, its owner wrote there.
    assert system.asked == [
        "github.com/login/oauth/access_token",
        "api.github.com/user",
        "api.github.com/user/emails",
    ]


@pytest.mark.parametrize(
    "emails",
    [
        [{"email": "ada@example.edu", "primary": True, "verified": False}],
        [{"email": "ada@example.edu", "primary": False, "verified": True}],
        [],
        {"message": "Not Found"},
        ["ada@example.edu"],
        None,
    ],
)
async def test_githubs_address_is_the_primary_one_and_verified(login_at, request_, emails):
    system = GitHub()
    system.emails = emails
    ada = await github(login_at, request_, system)
    assert (ada.email, ada.email_verified) == (None, False)


async def test_githubs_primary_address_may_be_one_of_many(login_at, request_):
    system = GitHub()
    system.emails = [
        *({"email": f"{n}@b.example", "primary": False, "verified": True} for n in range(40)),
        *system.emails,
    ]
    assert (await github(login_at, request_, system)).email == "ada@example.edu"


@pytest.mark.parametrize("user", [{"id": None}, {"id": True}, {"id": "4242"}, {"login": "ada"}])
async def test_github_that_names_nobody_logs_nobody_in(login_at, request_, user):
    system = GitHub()
    system.user = user
    with pytest.raises(AuthError, match="who this is"):
        await github(login_at, request_, system)


async def test_githubs_refusals(login_at, request_):
    system = GitHub()
    provider = login_at(system, preset="github", client_id=CLIENT)
    params = system.log_in(await provider.authorize_url(request_))
    for wrong in ({"iss": "https://another.example"}, {"code": "made-up"}):
        with pytest.raises(AuthError):
            await provider.exchange(request_, params | wrong)
    with pytest.raises(AuthError) as refused:
        await provider.exchange(request_, system.cancel(await provider.authorize_url(request_)))
    assert refused.value.code == "login_cancelled"


async def test_an_outage_of_google_is_no_refusal(login_at, request_):
    class Away:
        async def answer(self, request):
            return reply(json.dumps({"error": "down"}), status=503)

    with pytest.raises(UnavailableError):
        await login_at(Away(), preset="google", client_id=CLIENT).authorize_url(request_)

"""The suite for logins elsewhere: a good one passes, and for every rule there is a broken one."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64encode
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from bloop_sdk import AuthError, Request
from bloop_sdk.providers.identity import Identity, LoginOption
from bloop_sdk.testing import ContractError, System, reply
from bloop_sdk.testing.plugins import PluginUnderTest
from bloop_sdk.testing.suites.case import ContentCase
from bloop_sdk.testing.suites.identity import IDENTITY
from tests.sdk.shelf.fake_shelf import GOOD, URL

PLUGIN = PluginUnderTest("bloop_shelf")


def challenge_of(verifier):
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


class Desk:
    """An issuer in memory: its token names the person and the nonce."""

    def __init__(self):
        self.codes, self.given = {}, 0

    def log_in(self, url):
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        self.given += 1
        code = f"code-{self.given}"
        self.codes[code] = query.get("code_challenge"), query.get("nonce")
        return {"code": code, "state": query.get("state", ""), "iss": URL}

    def cancel(self, url):
        return {"error": "access_denied", "iss": URL}

    async def answer(self, request):
        challenge, nonce = self.codes.get(request.form["code"], (None, None))
        if "reuse" not in request.form:
            self.codes.pop(request.form["code"], None)
        is_proved = challenge_of(request.form["code_verifier"]) == challenge
        if challenge is None or not (is_proved or "lax" in request.form):
            return reply({"error": "invalid_grant"}, status=400)
        return reply({"sub": "42", "nonce": nonce})


class Login:
    """As it should be."""

    sends = ""

    def __init__(self, ctx):
        self.http = ctx.http

    def options(self):
        return [LoginOption(key="desk", title="The desk")]

    def query(self, request):
        return {
            "state": request.state,
            "nonce": request.nonce,
            "redirect_uri": request.redirect_uri,
            "code_challenge": challenge_of(request.verifier),
            "code_challenge_method": "S256",
        }

    async def authorize_url(self, request):
        return f"{URL}/authorize?{urlencode(self.query(request))}"

    def check(self, params):
        if params.get("iss", URL) != URL:
            raise AuthError("another issuer's")
        if params.get("error") == "access_denied":
            raise AuthError("cancelled", code="login_cancelled")
        if "error" in params or "code" not in params:
            raise AuthError("no code")

    def form(self, request, params):
        return {"code": params["code"], "code_verifier": request.verifier, self.sends: "yes"}

    async def ask(self, request, params):
        form = self.form(request, params)
        return await self.http.send(Request(url=f"{URL}/token", method="POST", form=form))

    def refusal(self, request, params):
        return "refused"

    async def exchange(self, request, params):
        self.check(params)
        response = await self.ask(request, params)
        if response.status != 200:
            raise AuthError(self.refusal(request, params))
        token = json.loads(response.body)
        self.check_nonce(token, request)
        return Identity(issuer=URL, subject=token["sub"])

    def check_nonce(self, token, request):
        if token["nonce"] != request.nonce:
            raise AuthError("another login's token")


BROKEN = []


def broken(rule):
    def add(login):
        BROKEN.append((rule, login))
        return login

    return add


@broken("options")
class OffersNothing(Login):
    def options(self):
        return []


@broken("options")
class SameKey(Login):
    def options(self):
        return [LoginOption(key="desk", title="One"), LoginOption(key="desk", title="Other")]


@broken("options")
class OddKey(Login):
    def options(self):
        return [LoginOption(key="../desk", title="The desk")]


@broken("the_address")
class TellsTheVerifier(Login):
    def query(self, request):
        return super().query(request) | {"debug": request.verifier}


@broken("the_address")
class PlainChallenge(Login):
    def query(self, request):
        return super().query(request) | {"code_challenge_method": "plain"}


@broken("the_address")
class NoState(Login):
    def query(self, request):
        return {**super().query(request), "state": "fixed"}


@broken("a_login")
class NewPerson(Login):
    async def exchange(self, request, params):
        await super().exchange(request, params)
        return Identity(issuer=URL, subject=params["code"])


@broken("a_login")
class Nobody(Login):
    async def exchange(self, request, params):
        return Identity(issuer=URL, subject="")


@broken("another_verifier")
class Lax(Login):
    sends = "lax"


@broken("another_nonce")
class IgnoresTheNonce(Login):
    def check_nonce(self, token, request):
        pass


@broken("a_code_twice")
class Reuses(Login):
    sends = "reuse"


@broken("another_issuer")
class IgnoresTheIssuer(Login):
    def check(self, params):
        super().check({**params, "iss": URL})


@broken("another_issuer")
class ChecksTooLate(Login):
    async def exchange(self, request, params):
        await self.ask(request, params)
        return await super().exchange(request, params)


@broken("no_code")
class IgnoresTheError(Login):
    def check(self, params):
        super().check({"code": "", **params} if "error" not in params else {"code": ""})

    async def exchange(self, request, params):
        self.check(params)
        return Identity(issuer=URL, subject="42")


@broken("no_code")
class Stumbles(Login):
    def check(self, params):
        assert params["code"]  # It raises KeyError.


@broken("cancelled")
class TellsNoDifference(Login):
    def check(self, params):
        if "error" in params:
            raise AuthError("refused")
        super().check(params)


@broken("nothing_is_told")
class Chats(Login):
    def refusal(self, request, params):
        return f"the code {params['code']} was refused"


@broken("nothing_is_told")
class ChatsOfTheState(Login):
    def refusal(self, request, params):
        return f"refused: {request}, {request.state}"


@broken("an_outage")
class BlamesThePerson(Login):
    async def ask(self, request, params):
        try:
            return await super().ask(request, params)
        except Exception as err:
            raise AuthError("refused") from err


async def check(rule, login, folder):
    case = ContentCase(PLUGIN, "identity", System(make=Desk, good=GOOD), folder)
    case.make = login
    await IDENTITY.rules[rule].check(case)


@pytest.mark.parametrize("rule", IDENTITY.rules)
async def test_a_good_login_passes(rule, tmp_path):
    await check(rule, Login, tmp_path)


@pytest.mark.parametrize(
    ("rule", "login"), BROKEN, ids=[f"{rule}-{login.__name__}" for rule, login in BROKEN]
)
async def test_a_broken_login_breaks_the_rule(rule, login, tmp_path):
    with pytest.raises(ContractError):
        await check(rule, login, tmp_path)


def test_every_rule_is_broken_by_some_login():
    assert IDENTITY.rules.keys() == {rule for rule, _ in BROKEN}

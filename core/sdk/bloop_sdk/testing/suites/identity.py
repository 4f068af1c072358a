"""What holds for every ``identity`` provider: options, addresses, codes, refusals, outages."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qs, urlsplit

from bloop_sdk.errors import AuthError, RetriableError
from bloop_sdk.providers.identity import Identity, IdentityProvider, LoginRequest
from bloop_sdk.testing.faults import Status
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites.case import ContentCase, Rig
from bloop_sdk.testing.suites.content import hold

IDENTITY = Suite("`identity`", ContentCase)

KEY = re.compile(r"[a-z][a-z0-9_]{0,29}")
REQUEST = LoginRequest(
    option="",
    redirect_uri="https://hub.example/login/with/it/callback",
    state="a-state-of-the-hub-that-nobody-guesses-0001",
    nonce="a-nonce-of-the-hub-that-nobody-guesses-0001",
    verifier="a-verifier-of-the-hub-that-nobody-guesses-01",
)


def provider_of(rig: Rig) -> IdentityProvider:
    """A provider as in a request of its own."""
    return cast("IdentityProvider", rig.provider())


def request_of(rig: Rig, **other: str) -> LoginRequest:
    """A login by the first option."""
    (first, *_) = provider_of(rig).options()
    return dataclasses.replace(REQUEST, option=first.key, **other)


async def brought(rig: Rig, request: LoginRequest, offer: str = "log_in") -> dict[str, str]:
    """What the browser brings back."""
    url = await provider_of(rig).authorize_url(request)
    return dict(rig.offer(offer)(url))


async def refuses(
    rig: Rig, request: LoginRequest, params: Mapping[str, str], where: str
) -> AuthError:
    """The AuthError of an exchange that must fail; whatever else is a broken rule."""
    try:
        found = await provider_of(rig).exchange(request, params)
    except AuthError as err:
        return err
    except Exception as err:
        raise ContractError(f"{where}: {type(err).__name__}: {err}; raise AuthError") from err
    raise ContractError(f"{where}: exchange() takes it for {found.subject!r}")


@IDENTITY.rule()
async def options(case: ContentCase) -> None:
    """Each option has a key of its own that may stand in an address, and a title; they stay."""
    rig = case.rig()
    found = list(provider_of(rig).options())
    hold(found, "options() names none, with good settings")
    for one in found:
        hold(KEY.fullmatch(one.key), f"options(): the key {one.key!r} is not of a-z, 0-9 and _")
        hold(one.title.strip(), f"options(): {one.key} has no title")
    keys = [one.key for one in found]
    hold(len(set(keys)) == len(keys), f"options(): a key comes twice: {', '.join(keys)}")
    hold(list(provider_of(rig).options()) == found, "options() says something else each time")


@IDENTITY.rule()
async def the_address(case: ContentCase) -> None:
    """The address holds state, redirect address and S256 challenge, and never the verifier."""
    rig = case.rig()
    request = request_of(rig)
    url = await provider_of(rig).authorize_url(request)
    hold(urlsplit(url).scheme in {"https", "http"}, f"authorize_url() gives no address: {url}")
    hold(request.verifier not in url, "authorize_url(): the address holds the verifier")
    query = parse_qs(urlsplit(url).query)
    digest = hashlib.sha256(request.verifier.encode()).digest()
    challenge = urlsafe_b64encode(digest).decode().rstrip("=")
    for name, value in (
        ("state", request.state),
        ("redirect_uri", request.redirect_uri),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ):
        hold(query.get(name) == [value], f"authorize_url(): {name} is {query.get(name)}")


@IDENTITY.rule("log_in")
async def a_login(case: ContentCase) -> None:
    """Whoever logs in has an issuer and a subject, the same each time."""
    rig = case.rig()
    request, found = request_of(rig), []
    for where in ("a login", "another login"):
        try:
            one = await provider_of(rig).exchange(request, await brought(rig, request))
        except Exception as err:
            raise ContractError(f"{where}: {type(err).__name__}: {err}") from err
        hold(isinstance(one, Identity), f"{where}: exchange() gives a {type(one).__name__}")
        hold(one.issuer and one.subject, f"{where}: issuer or subject is empty")
        hold(one.email or not one.email_verified, f"{where}: no address is no verified one")
        found.append((one.issuer, one.subject))
    hold(found[0] == found[1], f"one person is {found[0]}, then {found[1]}")


@IDENTITY.rule("log_in")
async def another_verifier(case: ContentCase) -> None:
    """A code that another login's verifier comes with is refused."""
    rig = case.rig()
    params = await brought(rig, request_of(rig))
    other = request_of(rig, verifier="b" * 43)
    await refuses(rig, other, params, "a code with another verifier")


@IDENTITY.rule("log_in")
async def another_nonce(case: ContentCase) -> None:
    """An ID token that was made for another login is refused."""
    rig = case.rig()
    params = await brought(rig, request_of(rig))
    await refuses(rig, request_of(rig, nonce="b" * 43), params, "an ID token with another nonce")


@IDENTITY.rule("log_in")
async def a_code_twice(case: ContentCase) -> None:
    """A code is good once, as the other side has it."""
    rig = case.rig()
    request = request_of(rig)
    params = await brought(rig, request)
    await provider_of(rig).exchange(request, params)
    await refuses(rig, request, params, "a code that comes again")


@IDENTITY.rule("log_in")
async def another_issuer(case: ContentCase) -> None:
    """An answer that names another issuer (RFC 9207) is refused, and its code sent nowhere."""
    rig = case.rig()
    request = request_of(rig)
    params = await brought(rig, request) | {"iss": "https://another.example"}
    before = len(rig.http.requests)
    await refuses(rig, request, params, "an answer of another issuer")
    sent = [one for one in rig.http.requests[before:] if one.method == "POST"]
    hold(not sent, "the code of another issuer's answer was sent out")


@IDENTITY.rule()
async def no_code(case: ContentCase) -> None:
    """An answer without a code, and one with an error, log nobody in."""
    rig = case.rig()
    request = request_of(rig)
    state = {"state": request.state}
    await refuses(rig, request, state, "an answer without a code")
    for error in ("server_error", "<script>"):
        params = {**state, "error": error, "code": "a-code"}
        await refuses(rig, request, params, "an answer with an error and a code")


@IDENTITY.rule("cancel")
async def cancelled(case: ContentCase) -> None:
    """Who says no there is told apart from what fails: by the code `login_cancelled`."""
    rig = case.rig()
    request = request_of(rig)
    params = await brought(rig, request, "cancel")
    err = await refuses(rig, request, params, "a login that was cancelled")
    hold(err.code == "login_cancelled", f"a login that was cancelled has the code {err.code}")


@IDENTITY.rule("log_in")
async def nothing_is_told(case: ContentCase) -> None:
    """No error holds a code, a state, a nonce or a verifier: it is logged."""
    rig = case.rig()
    request = request_of(rig)
    params = await brought(rig, request)
    other = request_of(rig, verifier="c" * 43)
    refusals = [
        await refuses(rig, other, params, "a code with another verifier"),
        await refuses(rig, request, {"code": "x" * 40, "state": request.state}, "a made-up code"),
    ]
    kept = {params.get("code", ""), "x" * 40, request.state, request.nonce, "c" * 43} - {""}
    for err in refusals:
        hold(not any(one in str(err) for one in kept), "an error holds what has to stay secret")


@IDENTITY.rule("log_in")
async def an_outage(case: ContentCase) -> None:
    """While the other side is away, it is RetriableError that is raised, and nobody is let in."""
    rig = case.rig()
    request = request_of(rig)
    params = await brought(rig, request)
    rig.http.add(Status(503), times=None)
    try:
        found = await provider_of(rig).exchange(request, params)
    except RetriableError:
        return
    except Exception as err:
        raise ContractError(
            f"while it is away: {type(err).__name__}: {err}; let RetriableError leave the method"
        ) from err
    raise ContractError(f"while it is away: exchange() lets {found.subject!r} in")

"""Factors of who is logged in, and proving again who one is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, holder_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.accounts.login.flows import is_own_password
from bloop.accounts.login.passwords import has_password
from bloop.accounts.mfa import proofs, requirements, service
from bloop.accounts.mfa.guard import FRESH
from bloop.accounts.mfa.party import party_of
from bloop.accounts.mfa.proofs import Passwords, Proof, Refusal, Way
from bloop.accounts.mfa.schemas import (
    AddedOut,
    CodeIn,
    CodesOut,
    EnrolmentOut,
    FactorsOut,
    OptionsOut,
    PasskeyIn,
    RequirementIn,
    RequirementOut,
    StepUpIn,
    StepUpOut,
    WaysOut,
)
from bloop.accounts.service import LONGEST_DAYS, StartedSession, csrf_token
from bloop.store.commands import command as act
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.types import to_text
from bloop.store.unit import UnitOfWork

P = ParamSpec("P")
T = TypeVar("T")

router = Router(prefix="/api/v1", tags=["accounts"])

UNKEPT = {"cache-control": "no-store"}


PASSWORDS = Passwords(has=has_password, check=is_own_password)


@router.get("/account/factors", action="account:read", enrolling=True, response_model=FactorsOut)
async def list_factors(request: Request) -> Response:
    """What the caller proves with, besides the first factor, who they are."""
    found = await look(request, service.factors_of, user_of(request))
    holder = holder_of(request)
    return json_response(
        {
            "totp": _shown(found.totp) if found.totp else None,
            "passkeys": [
                _shown(one) | {"name": one.name, "synced": one.synced} for one in found.passkeys
            ],
            "recovery_codes": found.recovery_codes,
            "required": holder is not None and holder.must_enrol,
        }
    )


@router.post(
    "/account/totp",
    action="account:write",
    step_up=True,
    enrolling=True,
    status_code=201,
    response_model=EnrolmentOut,
)
async def begin_totp(request: Request) -> Response:
    """A new key for an authenticator app, which its first code takes into use."""
    issuer = hub_of(request).config.value.hub.name
    made = await change(request, service.begin_totp, user_of(request), issuer)
    shown = {"id": made.id, "key": made.key, "uri": made.uri, "svg": made.svg()}
    return json_response(shown, 201, headers=UNKEPT)


@router.post(
    "/account/totp/confirm",
    action="account:write",
    step_up=True,
    enrolling=True,
    response_model=AddedOut,
    problems=(429,),
)
async def confirm_totp(request: Request, body: CodeIn) -> Response:
    """Take the app into use by the code it shows; one that was in use before is replaced."""
    made = await change(
        request, service.confirm_totp, user_of(request), session_of(request), body.code
    )
    return added(request, made)


@router.delete(
    "/account/totp", action="account:write", step_up=True, status_code=204, problems=(404,)
)
async def remove_totp(request: Request) -> Response:
    """Forget the authenticator app."""
    await change(request, service.remove_totp, user_of(request))
    forget(request)
    return Response(status_code=204)


@router.post(
    "/account/passkeys/options",
    action="account:write",
    step_up=True,
    enrolling=True,
    response_model=OptionsOut,
)
async def begin_passkey(request: Request) -> Response:
    """What a browser makes a new passkey from; good for one, within five minutes."""
    options = await change(
        request, service.begin_passkey, user_of(request), bound(request), party_of(request)
    )
    return json_response({"options": options}, headers=UNKEPT)


@router.post(
    "/account/passkeys",
    action="account:write",
    step_up=True,
    enrolling=True,
    status_code=201,
    response_model=AddedOut,
)
async def add_passkey(request: Request, body: PasskeyIn) -> Response:
    """Keep a new passkey."""
    made = await change(
        request,
        service.add_passkey,
        user_of(request),
        session_of(request),
        party_of(request),
        body.name,
        body.credential,
    )
    return added(request, made, 201)


@router.delete(
    "/account/passkeys/{passkey_id}", action="account:write", step_up=True, status_code=204
)
async def remove_passkey(request: Request, passkey_id: str) -> Response:
    """Forget a passkey; the device keeps its part until somebody removes it there."""
    await change(request, service.remove_passkey, user_of(request), passkey_id)
    forget(request)
    return Response(status_code=204)


@router.post(
    "/account/recovery-codes",
    action="account:write",
    step_up=True,
    status_code=201,
    response_model=CodesOut,
    problems=(404,),
)
async def make_recovery_codes(request: Request) -> Response:
    """Ten new recovery codes in place of those before."""
    codes = await change(request, service.make_codes, user_of(request))
    return json_response({"codes": list(codes)}, 201, headers=UNKEPT)


@router.get("/account/step-up", action="account:read", enrolling=True, response_model=WaysOut)
async def show_step_up(request: Request) -> Response:
    """How the caller can prove again who they are; without any way, by logging in again."""
    ways = await step_up_ways(request)
    return json_response({"ways": [str(way) for way in ways]})


@router.post(
    "/account/step-up/options", action="account:write", enrolling=True, response_model=OptionsOut
)
async def begin_step_up(request: Request) -> Response:
    """What a browser asks a passkey of the caller with."""
    options = await run(
        request, service.step_up_options, user_of(request), bound(request), party_of(request)
    )
    return json_response({"options": options}, headers=UNKEPT)


@router.post(
    "/account/step-up",
    action="account:write",
    rate="login",
    enrolling=True,
    response_model=StepUpOut,
    problems=(429,),
)
async def step_up(request: Request, body: StepUpIn) -> Response:
    """Prove again who one is, for what asks for a fresh proof."""
    proof = proof_of(request, body.way, body.text, body.credential)
    token = await prove(request, proof)
    if not isinstance(token, str):
        raise token
    in_browser = request.scope.get("bloop.cookie_token") is not None
    answer = {
        "seconds": int(FRESH.total_seconds()),
        "token": None if in_browser else token,
        "csrf_token": csrf_token(token) if in_browser else None,
    }
    response = json_response(answer, headers=UNKEPT)
    renew(request, response, token)
    return response


@router.get("/mfa", action="account:read", enrolling=True, response_model=RequirementOut)
async def show_requirement(request: Request) -> Response:
    """Which roles need a second factor in the caller's institution."""
    roles, version = await look(request, requirements.show_requirement)
    return json_response({"roles": roles, "row_version": version}, version=version)


@router.put(
    "/mfa",
    action="mfa:require",
    step_up=True,
    response_model=RequirementOut,
    problems=(412, 422, 428),
)
async def require_mfa(request: Request, body: RequirementIn) -> Response:
    """Say which roles need a second factor; who lacks it can then do nothing but set it up."""
    version = expected_version(request)
    await run(request, requirements.require_of, body.roles, version)
    forget(request)
    return await show_requirement(request)


@router.delete(
    "/users/{user_id}/factors",
    action="mfa:reset",
    step_up=True,
    status_code=204,
    problems=(404,),
)
async def reset_factors(request: Request, user_id: str) -> Response:
    """Remove all factors of somebody who has lost them, and end their sessions."""
    await run(request, service.reset, user_id, call_of(request).principal.role)
    return Response(status_code=204)


async def run(
    request: Request,
    command: Callable[Concatenate[UnitOfWork, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a command in a unit of this request."""
    database = hub_of(request).database
    return await database.run(in_unit, database, call_of(request), command, *args, **kwargs)


async def change(
    request: Request,
    command: Callable[Concatenate[UnitOfWork, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run a command on the caller's factors, once this session has shown one if there is one."""

    @act("account:write")
    def guarded(unit: UnitOfWork) -> T:
        service.require_shown(unit, user_of(request), session_of(request))
        return command(unit, *args, **kwargs)

    return await run(request, guarded)


async def look(
    request: Request,
    command: Callable[Concatenate[UnitOfWork, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Run what only reads, in a unit of this request."""
    database, call = hub_of(request).database, call_of(request)

    def reading() -> T:
        with database.reading(call) as unit:
            return command(unit, *args, **kwargs)

    return await asyncio.to_thread(reading)


async def step_up_ways(request: Request) -> tuple[Way, ...]:
    """How the caller can prove again who they are."""
    user, session = user_of(request), session_of(request)
    return await look(request, service.step_up_ways, user, session, PASSWORDS)


async def prove(request: Request, proof: Proof) -> Refusal | str:
    """Refresh this session's proof; its new token, and the old one ends as :func:`forget` says."""
    session = session_of(request)
    if session is None:
        raise InvalidError(
            "only a session can be proved again, and this is none", cure="log in, and use that"
        )
    is_password = proof.way is Way.PASSWORD
    right = is_password and await PASSWORDS.check(request, proof.text)
    outcome = await run(
        request,
        service.step_up,
        user_of(request),
        session,
        proof,
        PASSWORDS,
        password_right=right,
    )
    forget(request)
    return outcome


def renew(request: Request, response: Response, token: str) -> None:
    """Give a browser its session's new token."""
    if request.scope.get("bloop.cookie_token") is not None:
        sessions = hub_of(request).sessions
        sessions.set_cookie(response, StartedSession(token, user_of(request), LONGEST_DAYS * 86400))


def user_of(request: Request) -> str:
    """Who asks."""
    return call_of(request).principal.id


def session_of(request: Request) -> str | None:
    """The id of the session that asks; None for a token that is none."""
    holder = holder_of(request)
    return holder.session if holder else None


def bound(request: Request) -> str:
    """Whose challenges this request may answer."""
    return session_of(request) or user_of(request)


def forget(request: Request) -> None:
    """Look this session up again when it comes next."""
    hub_of(request).sessions.forget(request.scope.get("bloop.token", ""))


def proof_of(request: Request, way: str, text: str, credential: dict[str, Any] | None) -> Proof:
    """What was given as a proof; raises InvalidError where the way lacks its part."""
    if way == Way.PASSKEY:
        if credential is None:
            raise InvalidError("a passkey's answer is missing", field="body.credential")
        return Proof(Way.PASSKEY, credential=credential, party=party_of(request))
    if not text:
        raise InvalidError("the code or password is missing", field="body.text")
    return proofs.Proof(Way(way), text)


def added(request: Request, made: service.Added | Refusal, status: int = 200) -> Response:
    """Tell of a new factor, or refuse."""
    if not isinstance(made, service.Added):
        raise made
    forget(request)
    shown = {"id": made.id, "recovery_codes": list(made.recovery_codes)}
    return json_response(shown, status, headers=UNKEPT)


def _shown(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "created_at": to_text(row.created_at),
        "last_used_at": to_text(row.last_used_at) if row.last_used_at else None,
    }

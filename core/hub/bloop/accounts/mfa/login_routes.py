"""The second factor of a login, and logging in with a passkey alone."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.devices import device_of
from bloop.accounts.http import json_response
from bloop.accounts.login.entry import admit
from bloop.accounts.mfa import login
from bloop.accounts.mfa.errors import login_over, passkey_refused
from bloop.accounts.mfa.party import party_of
from bloop.accounts.mfa.passkeys import handle_in, holder_of_handle
from bloop.accounts.mfa.proofs import Proof, Refusal
from bloop.accounts.mfa.routes import UNKEPT, proof_of
from bloop.accounts.mfa.schemas import (
    LoggedInOut,
    OptionsOut,
    PasskeyLoginIn,
    PendingIn,
    SecondFactorIn,
)
from bloop.accounts.service import StartedSession, csrf_token, token_institution
from bloop.accounts.sessions import system_call
from bloop.store.database import in_unit

router = Router(prefix="/api/v1/login", tags=["accounts"])


@router.post(
    "/second-factor/options",
    action=VISIT,
    rate="login",
    own_site=True,
    response_model=OptionsOut,
    problems=(403,),
)
async def begin_second_factor(request: Request, body: PendingIn) -> Response:
    """What a browser asks a passkey of the account with that is half logged in."""
    options = await _of_pending(request, body.token, login.pending_options, party_of(request))
    if options is None:
        raise login_over()
    return json_response({"options": options}, headers=UNKEPT)


@router.post(
    "/second-factor",
    action=VISIT,
    rate="login",
    own_site=True,
    response_model=LoggedInOut,
    problems=(403, 422, 429),
)
async def complete_login(request: Request, body: SecondFactorIn) -> Response:
    """Complete a login by its second factor."""
    proof = proof_of(request, body.way, body.text, body.credential)
    return await _logged_in(request, await complete(request, body.token, proof))


@router.post(
    "/passkey/options", action=VISIT, rate="login", own_site=True, response_model=OptionsOut
)
async def begin_passkey_login(request: Request) -> Response:
    """What a browser asks any passkey of this hub with; good for one login within five minutes."""
    database, call = hub_of(request).database, system_call(*_here(request))
    options = await database.run(in_unit, database, call, login.passkey_options, party_of(request))
    return json_response({"options": options}, headers=UNKEPT)


@router.post(
    "/passkey",
    action=VISIT,
    rate="login",
    own_site=True,
    response_model=LoggedInOut,
    problems=(403,),
)
async def log_in_by_passkey(request: Request, body: PasskeyLoginIn) -> Response:
    """Log in with a passkey alone: having it and being known to it are two factors."""
    return await _logged_in(request, await passkey_login(request, body.credential))


async def complete(request: Request, token: str, proof: Proof) -> StartedSession | Refusal:
    """Complete a pending login."""
    done = await _of_pending(request, token, login.complete, proof, device_of(request))
    return login_over() if done is None else done


async def pending_ways(request: Request, token: str) -> Any:
    """The ways of a pending login; None where it is over."""
    return await _of_pending(request, token, login.pending_ways)


async def passkey_login(request: Request, credential: dict[str, Any]) -> StartedSession | Refusal:
    """Log in whom the passkey says it belongs to, wherever that is."""
    database, trace = hub_of(request).database, call_of(request).trace
    party = party_of(request)
    challenge = await database.run(
        in_unit, database, system_call(*_here(request)), login.take_login_challenge, credential
    )
    found = holder_of_handle(handle_in(credential) or "")
    if challenge is None or found is None:
        return passkey_refused()
    institution, user = found
    return await database.run(
        in_unit,
        database,
        system_call(institution, trace),
        login.log_in_by_passkey,
        user,
        party,
        challenge,
        credential,
        device_of(request),
    )


async def _of_pending(request: Request, token: str, command: Any, *args: Any) -> Any:
    """Run a command in the institution that a pending login's token names; None without one."""
    institution = token_institution(token)
    if institution is None:
        return None
    database = hub_of(request).database
    call = system_call(institution, call_of(request).trace)
    return await database.run(in_unit, database, call, command, token, *args)


def _here(request: Request) -> tuple[str, Any]:
    """Whose challenges those are that are shown before anybody said who they are."""
    return hub_of(request).institution, call_of(request).trace


async def _logged_in(request: Request, done: StartedSession | Refusal) -> Response:
    if not isinstance(done, StartedSession):
        raise done
    told = {"user": done.user_id, "csrf_token": csrf_token(done.token)}
    response = json_response(told, headers=UNKEPT)
    await admit(request, response, done)
    return response

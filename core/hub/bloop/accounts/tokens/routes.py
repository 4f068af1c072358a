"""Tokens of devices and programs: given for a login, renewed, listed, ended."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, holder_of, hub_of
from bloop.accounts.actions import VISIT, ForbiddenError
from bloop.accounts.devices import device_of
from bloop.accounts.http import json_response
from bloop.accounts.models import User
from bloop.accounts.sessions import Holder, system_call
from bloop.accounts.tokens import forms, service
from bloop.accounts.tokens.keys import owner_of
from bloop.accounts.tokens.queries import FAMILIES
from bloop.accounts.tokens.schemas import FamilyList, JwksOut, RefreshIn, TokenIn, TokenOut
from bloop.accounts.tokens.scopes import checked, known_actions, narrowed
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.statements import to_dicts
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

router = Router(tags=["accounts"])

NOT_KEPT = {"cache-control": "no-store", "pragma": "no-cache"}
"""RFC 6749, section 5.1."""

_AGAIN = "idempotency-key"


@router.post("/api/v1/tokens", action="tokens:write", step_up=True, response_model=TokenOut)
async def grant_tokens(request: Request, body: TokenIn) -> Response:
    """Give a device tokens of its own; asked with the session of a login, which stays.

    Neither tokens nor API keys can ask for more of themselves: what is revoked would live on.
    """
    hub, call, holder = hub_of(request), call_of(request), _of_session(request)
    asked = narrowed(call, None if body.scope is None else body.scope.split())
    scopes = None if asked is None else checked(call, asked, known_actions(hub))
    wanted = service.Asked(client=body.client, name=body.name, scopes=scopes)

    @command("tokens:write")
    def give(unit: UnitOfWork) -> service.Pair:
        user = unit.get(User, owner_of(call))
        return service.grant(
            unit,
            hub.sessions.bearers.access,
            user,
            wanted,
            device_of(request),
            second_factor=holder.second_factor,
            proved_at=holder.proved_at,
        )

    return _answer(await hub.database.run(in_unit, hub.database, call, give))


@router.post(
    "/api/v1/tokens/refresh",
    action=VISIT,
    response_model=TokenOut,
    problems=(429, 503, 504),
    answers_again=True,
)
async def refresh_tokens(request: Request, body: RefreshIn) -> Response:
    """Give the next pair for a refresh token, and use that up.

    A refresh token that comes a second time ends all tokens of its device, unless it comes with the
    same ``Idempotency-Key`` within five minutes and the tokens it led to are unused: then the
    answer is given again.
    """
    retry_key = _retry_key(request)
    institution = forms.institution_of(body.refresh_token, forms.Form.REFRESH)
    found: service.Pair | service.Refusal = service.Refusal.UNKNOWN
    if institution is not None:
        hub, call = hub_of(request), system_call(institution, call_of(request).trace)
        access = hub.sessions.bearers.access
        found = await hub.database.run(
            in_unit, hub.database, call, service.refresh, access, body.refresh_token, retry_key
        )
    if isinstance(found, service.Refusal):
        raise service.GrantRefusedError(
            "this refresh token is not valid, or not any more", cure="log in again"
        )
    return _answer(found)


@router.get("/api/v1/tokens", action="tokens:read", response_model=FamilyList)
async def list_tokens(request: Request) -> Response:
    """The devices and programs that hold tokens of the caller."""
    call = call_of(request)
    owner = owner_of(call)
    rows = await hub_of(request).database.read(FAMILIES, call, user=owner, now=utcnow())
    return json_response({"items": to_dicts(FAMILIES, rows)})


@router.delete(
    "/api/v1/tokens/{family_id}", action="tokens:write", status_code=204, problems=(404,)
)
async def revoke_tokens(request: Request, family_id: str) -> Response:
    """End all tokens of one device of the caller."""
    hub, call = hub_of(request), call_of(request)
    owner = owner_of(call)
    await hub.database.run(in_unit, hub.database, call, service.end_family, family_id, owner)
    hub.sessions.forget(request.scope["bloop.token"])
    return Response(status_code=204)


@router.get("/.well-known/jwks.json", action=VISIT, response_model=JwksOut)
async def show_signing_keys(request: Request) -> Response:
    """The public keys by which others may verify access tokens (RFC 7517)."""
    found = await hub_of(request).sessions.bearers.access.keys.published()
    return json_response(found, headers={"cache-control": "public, max-age=300"})


def _of_session(request: Request) -> Holder:
    holder = holder_of(request)
    if holder is None or holder.session is None:
        raise ForbiddenError(
            "tokens are given for a login, not for tokens or API keys",
            cure="log in, and ask with the cookie or the token of that session",
        )
    return holder


def _retry_key(request: Request) -> str | None:
    given = request.headers.get(_AGAIN, "").strip().strip('"')
    if not given:
        return None
    if not service.RETRY_KEY_LETTERS <= len(given) <= 255:
        raise InvalidError(
            f"Idempotency-Key: a key has {service.RETRY_KEY_LETTERS} to 255 characters here",
            field="Idempotency-Key",
            cure="send a random UUID",
        )
    return given


def _answer(pair: service.Pair) -> Response:
    scope = None if pair.scopes is None else " ".join(sorted(pair.scopes))
    found: dict[str, Any] = {
        "id": pair.family,
        "access_token": pair.access_token,
        "token_type": "Bearer",
        "expires_in": pair.access_seconds,
        "refresh_token": pair.refresh_token,
        "refresh_expires_in": pair.refresh_seconds,
        "scope": scope,
    }
    return json_response(found, headers=NOT_KEPT)

"""API keys of people and of the institution."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import json_response
from bloop.accounts.tokens import keys
from bloop.accounts.tokens.keys import MadeKey, NewKey, owner_of
from bloop.accounts.tokens.queries import INSTITUTION_KEYS, PERSONAL_KEYS
from bloop.accounts.tokens.schemas import InstitutionKeyIn, KeyIn, KeyList, KeyMade
from bloop.accounts.tokens.scopes import checked, known_actions
from bloop.store.commands import command
from bloop.store.database import in_unit
from bloop.store.statements import to_dicts
from bloop_sdk import Role

router = Router(prefix="/api/v1", tags=["accounts"])

_UNKEPT = {"cache-control": "no-store"}


@router.get("/account/keys", action="tokens:read", response_model=KeyList)
async def list_own_keys(request: Request) -> Response:
    """The caller's own API keys."""
    call = call_of(request)
    rows = await hub_of(request).database.read(PERSONAL_KEYS, call, user=owner_of(call))
    return json_response({"items": to_dicts(PERSONAL_KEYS, rows)})


@router.post(
    "/account/keys",
    action="tokens:write",
    step_up=True,
    status_code=201,
    response_model=KeyMade,
    problems=(409, 422),
)
async def create_own_key(request: Request, body: KeyIn) -> Response:
    """Make an API key that acts for the caller within its scopes; only this answer holds it."""
    new = NewKey(body.name, body.scopes, body.days)
    return _shown(await make_key(request, new, user=owner_of(call_of(request))))


@router.delete("/account/keys/{key_id}", action="tokens:write", status_code=204, problems=(404,))
async def revoke_own_key(request: Request, key_id: str) -> Response:
    """End one of the caller's API keys."""
    return await _revoke(request, key_id, user=owner_of(call_of(request)))


@router.get("/keys", action="keys:read", response_model=KeyList)
async def list_keys(request: Request) -> Response:
    """The API keys of the institution."""
    rows = await hub_of(request).database.read(INSTITUTION_KEYS, call_of(request))
    return json_response({"items": to_dicts(INSTITUTION_KEYS, rows)})


@router.post(
    "/keys",
    action="keys:write",
    step_up=True,
    status_code=201,
    response_model=KeyMade,
    problems=(409, 422),
)
async def create_key(request: Request, body: InstitutionKeyIn) -> Response:
    """Make an API key that acts for itself, with a role and scopes; only this answer holds it."""
    new = NewKey(body.name, body.scopes, body.days, Role(body.role))
    return _shown(await make_key(request, new, user=None))


@router.delete("/keys/{key_id}", action="keys:write", status_code=204, problems=(404,))
async def revoke_key(request: Request, key_id: str) -> Response:
    """End an API key of the institution."""
    return await _revoke(request, key_id, user=None)


async def make_key(request: Request, new: NewKey, *, user: str | None) -> MadeKey:
    """Make a key as the caller may; raises ScopeError, and as :func:`keys.create`."""
    hub, call = hub_of(request), call_of(request)
    checked(call, new.scopes, known_actions(hub), new.role)
    create = as_action(user)(partial(keys.create, user=user))
    return await hub.database.run(in_unit, hub.database, call, create, new)


def as_action(user: str | None) -> Any:
    """Marks a command on a person's own key, or with no ``user`` on one of the institution."""
    return command("tokens:write" if user else "keys:write")


async def _revoke(request: Request, key_id: str, *, user: str | None) -> Response:
    hub, call = hub_of(request), call_of(request)
    end = as_action(user)(partial(keys.revoke, user=user))
    await hub.database.run(in_unit, hub.database, call, end, key_id)
    hub.sessions.forget(request.scope["bloop.token"])
    return Response(status_code=204)


def _shown(made: MadeKey) -> Response:
    return json_response({"id": made.id, "key": made.token}, 201, headers=_UNKEPT)

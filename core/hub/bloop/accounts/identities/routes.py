"""The caller's accounts elsewhere, and the institution's rules of membership."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response, not_modified
from bloop.accounts.identities import service
from bloop.accounts.identities.queries import LINKS, RULES
from bloop.accounts.identities.schemas import (
    IdentityList,
    MembershipRulesIn,
    MembershipRulesOut,
)
from bloop.store.database import in_unit
from bloop.store.statements import parsed, to_dicts

router = Router(prefix="/api/v1", tags=["accounts"])


@router.get("/account/identities", action="account:read", response_model=IdentityList)
async def list_identities(request: Request) -> Response:
    """The accounts elsewhere with which the caller can log in."""
    call = call_of(request)
    rows = await hub_of(request).database.read(LINKS, call, user=call.principal.id)
    return json_response({"items": to_dicts(LINKS, rows)})


@router.delete(
    "/account/identities/{identity_id}",
    action="account:write",
    step_up=True,
    problems=(404, 409),
    status_code=204,
)
async def remove_identity(request: Request, identity_id: str) -> Response:
    """Disconnect one of them, unless it is the only way in."""
    hub, call = hub_of(request), call_of(request)
    await hub.database.run(
        in_unit, hub.database, call, service.unlink, call.principal.id, identity_id
    )
    return Response(status_code=204)


@router.get("/membership-rules", action="identities:read", response_model=MembershipRulesOut)
async def show_rules(request: Request) -> Response:
    """Who joins the institution by logging in with an account elsewhere."""
    row = await hub_of(request).database.read_one(RULES, call_of(request))
    rules, version = (parsed(row[0]), row[1]) if row else ([], 0)
    data = {"rules": rules, "row_version": version}
    return not_modified(request, version) or json_response(data, version=version)


@router.put(
    "/membership-rules",
    action="identities:write",
    step_up=True,
    response_model=MembershipRulesOut,
    problems=(412, 428),
)
async def replace_rules(request: Request, body: MembershipRulesIn) -> Response:
    """Replace them all; the first that fits somebody decides."""
    hub = hub_of(request)
    version = await hub.database.run(
        in_unit,
        hub.database,
        call_of(request),
        service.set_rules,
        body.rules,
        expected_version(request),
    )
    row = await hub.database.read_one(RULES, call_of(request))
    assert row is not None, "it has just been written"
    return json_response({"rules": parsed(row[0]), "row_version": version}, version=version)

"""The API of coming in by an invitation."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.devices import device_of
from bloop.accounts.login.routes import entered
from bloop.accounts.login.schemas import LoginOut
from bloop.accounts.people import joining
from bloop.accounts.people.schemas import JoinIn
from bloop.accounts.service import token_institution
from bloop.accounts.sessions import system_call
from bloop.store.database import in_unit
from bloop.store.models import EVERY_INSTITUTION

router = Router(prefix="/api/v1", tags=["people"])


@router.post(
    "/join",
    action=VISIT,
    rate="login",
    response_model=LoginOut,
    status_code=201,
    problems=(403, 409, 422, 429),
    own_site=True,
)
async def join(request: Request, body: JoinIn) -> Response:
    """Become a user by an invitation, which is used up by it; the session comes as a cookie."""
    hub, institution = hub_of(request), token_institution(body.token)
    if institution is None or institution == EVERY_INSTITUTION:
        raise joining.refused()
    call = system_call(institution, call_of(request).trace)
    came = await hub.database.run(
        in_unit,
        hub.database,
        call,
        joining.accept,
        body.token,
        name=body.name,
        email=body.email,
        device=device_of(request),
    )
    if isinstance(came, joining.Refusal):
        raise came.error()
    assert came.session is not None, "who was invited waits for nobody"
    response = await entered(request, came.session)
    response.status_code = 201
    return response

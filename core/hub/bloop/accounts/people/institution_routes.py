"""The API of institutions as operators change them; reading them is in ``accounts.routes``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.http import expected_version, json_response
from bloop.accounts.people import institutions
from bloop.accounts.people.links import base_of, join_url
from bloop.accounts.people.routes import UNKEPT
from bloop.accounts.people.schemas import InstitutionChange, InstitutionIn, InstitutionOpened
from bloop.accounts.queries import INSTITUTIONS
from bloop.accounts.schemas import InstitutionOut
from bloop.store.errors import NotFoundError

router = Router(prefix="/api/v1", tags=["accounts"])


@router.post(
    "/institutions",
    action="institutions:write",
    step_up=True,
    status_code=201,
    response_model=InstitutionOpened,
    problems=(409, 422),
)
async def create_institution(request: Request, body: InstitutionIn) -> Response:
    """A new institution, and a link by which its first admin comes in, once and within a week."""
    hub = hub_of(request)
    made = await hub.database.run(
        institutions.create,
        hub.database,
        call_of(request),
        name=body.name,
        slug=body.slug,
        admin_email=body.admin_email,
    )
    url = join_url(base_of(request), f"token={made.invitation.token}")
    return await _answer(request, made.id, 201, invitation={"id": made.invitation.id, "url": url})


@router.patch(
    "/institutions/{institution_id}",
    action="institutions:write",
    step_up=True,
    response_model=InstitutionOut,
    problems=(404, 412, 422, 428),
)
async def rename_institution(
    request: Request, institution_id: str, body: InstitutionChange
) -> Response:
    """Give an institution another name."""
    hub, version = hub_of(request), expected_version(request)
    if body.name is not None:
        await hub.database.run(
            institutions.rename, hub.database, call_of(request), institution_id, version, body.name
        )
    return await _answer(request, institution_id, 200)


async def _answer(request: Request, id_: str, status: int, **more: object) -> Response:
    call = institutions.within(call_of(request), id_)
    row = await hub_of(request).database.read_one(INSTITUTIONS, call)
    if row is None:
        raise NotFoundError(f"no institution {id_[:40]}")
    found = INSTITUTIONS.as_dict(row)
    headers = UNKEPT if more else None
    return json_response(found | more, status, version=found["row_version"], headers=headers)

"""The page by which people become users: with an invitation, or by themselves."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.devices import device_of
from bloop.accounts.login.entry import enter
from bloop.accounts.people import joining
from bloop.accounts.people.links import state_of
from bloop.accounts.people.queries import BROUGHT, DOOR, OWN
from bloop.accounts.people.registration import Registration
from bloop.accounts.service import token_hash, token_institution
from bloop.accounts.sessions import system_call
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.models import EVERY_INSTITUTION
from bloop.store.statements import parsed
from bloop.web.people_words import fault_of
from bloop.web.render import locale_of, page, role_names, translations_of
from bloop_sdk import BloopError
from bloop_sdk.web import read_form

router = Router(tags=["pages"])


@router.get("/join", action=VISIT, problems=(403, 404), include_in_schema=False)
async def ask_to_join(request: Request, token: str = "", institution: str = "") -> Response:
    """Who invites, and the form. Whoever only looks uses nothing up."""
    door = await _door(request, token, institution)
    return await _form(request, door, {"name": "", "email": ""})


@router.post(
    "/join",
    action=VISIT,
    rate="login",
    own_site=True,
    problems=(403, 404),
    include_in_schema=False,
)
async def join(request: Request) -> Response:
    """Become a user, come in and choose a password; or see the form again with what is wrong."""
    given = await read_form(request)
    token, form = given["token"], {name: given[name].strip() for name in ("name", "email")}
    door = await _door(request, token, given["institution"])
    hub = hub_of(request)
    call = system_call(door["id"], call_of(request).trace)
    command: Any = joining.accept if token else joining.register
    first = (token,) if token else ()
    try:
        came = await hub.database.run(
            in_unit, hub.database, call, command, *first, **form, device=device_of(request)
        )
        if isinstance(came, joining.Refusal):
            raise came.error()
    except (InvalidError, ConflictError) as err:
        return await _form(request, door, form, err)
    if came.session is None:
        return await _wait(request, door)
    return await enter(request, came.session, "/account/password?first=true")


async def _door(request: Request, token: str, slug: str) -> dict[str, Any]:
    """The institution, and the role that is offered; raises where nobody is let in."""
    if token:
        return await _invitation(request, token)
    database, trace = hub_of(request).database, call_of(request).trace
    read, call = (DOOR, system_call(EVERY_INSTITUTION, trace)) if slug else (OWN, None)
    row = await database.read_one(
        read,
        call or system_call(hub_of(request).institution, trace),
        **({"slug": slug} if slug else {}),
    )
    found = None if row is None else read.as_dict(row)
    registration = Registration.of(parsed(found["settings"])) if found else Registration()
    if found is None or registration.mode == "off":
        raise NotFoundError("nobody registers here by themselves", cure="ask for an invitation")
    return {
        "id": found["id"],
        "institution": found["name"],
        "slug": found["slug"],
        "token": "",
        "role": "learner",
        "domains": registration.domains if registration.mode == "domains" else (),
        "bound": False,
    }


async def _invitation(request: Request, token: str) -> dict[str, Any]:
    institution = token_institution(token)
    if institution is None or institution == EVERY_INSTITUTION:
        raise joining.refused()
    call = system_call(institution, call_of(request).trace)
    row = await hub_of(request).database.read_one(BROUGHT, call, token_hash=token_hash(token))
    if row is None or state_of(found := BROUGHT.as_dict(row)) != "open":
        raise joining.refused()
    return {**found, "id": institution, "slug": "", "token": token, "domains": ()}


async def _form(
    request: Request,
    door: dict[str, Any],
    form: dict[str, str],
    error: BloopError | None = None,
) -> Response:
    made = await page(
        request,
        "join.html",
        status=422 if error else 200,
        door=door,
        form=form,
        role_name=role_names(translations_of(locale_of(request)).gettext),
        **fault_of(request, error),
    )
    made.headers["cache-control"] = "no-store"
    return made


async def _wait(request: Request, door: dict[str, Any]) -> Response:
    _ = translations_of(locale_of(request)).gettext
    return await page(
        request,
        "message.html",
        heading=_("You are almost there"),
        text=_(
            "{institution} has to let you in. Once somebody there has looked at it, you can log in."
        ).format(institution=door["institution"]),
        cure=None,
        command=None,
        trace=None,
    )

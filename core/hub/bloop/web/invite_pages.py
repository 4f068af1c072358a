"""The pages of how people come in: invitations, and who may register by themselves."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.cursors import after_of, page_of
from bloop.accounts.people import guards, invitations
from bloop.accounts.people.links import base_of, join_url, told
from bloop.accounts.people.queries import INVITATIONS, OWN
from bloop.accounts.people.registration import Registration, set_registration
from bloop.accounts.people.routes import letter_of, run
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import parsed
from bloop.web.moments import in_full, moment
from bloop.web.people_pages import givable, words
from bloop.web.people_words import fault_of, invitation_states
from bloop.web.render import locale_of, page, translations_of
from bloop_sdk import BloopError, Role
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

INVITATIONS_AT_ONCE = 25
DAYS = (1, 7, 30, 90)
COPY = "copy.js"

_NEW = {"role": "learner", "email": "", "uses": "1", "days": "7"}


@router.get("/people/invite", action="users:invite", problems=(422,), include_in_schema=False)
async def ask_to_invite(request: Request, cursor: str = "", withdrawn: str = "") -> Response:
    """The form of a new invitation, and those that there are."""
    return await _invitations(request, _NEW, cursor=cursor, withdrawn=bool(withdrawn))


@router.post(
    "/people/invite", action="users:invite", step_up=True, problems=(403,), include_in_schema=False
)
async def invite(request: Request) -> Response:
    """Make an invitation and show its link this once; or the form again with what is wrong."""
    given = await read_form(request)
    form = {name: given[name].strip() for name in _NEW}
    try:
        wanted = _wanted(form)
        letter = await letter_of(request, wanted["hours"])
        made = await run(request, invitations.invite, **wanted, letter=letter)
    except (InvalidError, ConflictError) as err:
        return await _invitations(request, form, error=err)
    shown = await page(
        request,
        "invitation_made.html",
        script=COPY,
        url=join_url(base_of(request), f"token={made.token}"),
        form=form,
        mailed=made.mailed,
        **words(request),
    )
    shown.headers["cache-control"] = "no-store"
    return shown


@router.post(
    "/people/invitations/{invitation_id}/withdraw",
    action="users:invite",
    step_up=True,
    problems=(403, 404),
    include_in_schema=False,
)
async def withdraw(request: Request, invitation_id: str) -> Response:
    """Let nobody use an invitation any more."""
    await run(request, invitations.withdraw, invitation_id, None)
    return RedirectResponse("/people/invite?withdrawn=yes", 303)


@router.get("/people/registration", action="institutions:configure", include_in_schema=False)
async def show_registration(request: Request, saved: str = "") -> Response:
    """Who may register by themselves, and the form to decide it."""
    return await _registration(request, saved=bool(saved))


@router.post(
    "/people/registration",
    action="institutions:configure",
    step_up=True,
    problems=(409,),
    include_in_schema=False,
)
async def decide_registration(request: Request) -> Response:
    """Decide it, or show the form again with what is wrong."""
    given = await read_form(request)
    form = {"mode": given["mode"], "domains": given["domains"]}
    try:
        await run(request, set_registration, None, **_decided(form))
    except InvalidError as err:
        return await _registration(request, form=form, error=err)
    return RedirectResponse("/people/registration?saved=yes", 303)


def _decided(form: dict[str, str]) -> dict[str, Any]:
    """The same of the form about registration."""
    if form["mode"] not in {"off", "domains", "open"}:
        raise InvalidError("this is none of the choices", field="mode")
    return {"mode": form["mode"], "domains": form["domains"].split()}


def _wanted(form: dict[str, str]) -> dict[str, Any]:
    """What the form says, as the command takes it; raises InvalidError."""
    if form["role"] not in guards.GIVEN:
        raise InvalidError("this is no role", field="role")
    if not form["uses"].isdecimal() or len(form["uses"]) > 6:
        raise InvalidError(f"it has 1 to {invitations.MOST_USES} uses", field="uses")
    if form["days"] not in map(str, DAYS):
        raise InvalidError("this is none of the choices", field="days")
    return {
        "role": Role(form["role"]),
        "email": form["email"] or None,
        "uses": int(form["uses"]),
        "hours": 24.0 * int(form["days"]),
    }


async def _invitations(
    request: Request,
    form: dict[str, str],
    *,
    cursor: str = "",
    withdrawn: bool = False,
    error: BloopError | None = None,
) -> Response:
    locale = locale_of(request)
    rows = await hub_of(request).database.read(
        INVITATIONS, call_of(request), before=after_of(cursor), limit=INVITATIONS_AT_ONCE + 1
    )
    found = page_of(INVITATIONS, rows, INVITATIONS_AT_ONCE)
    may_give = givable(request)
    shown = [
        told(row)
        | {
            "until": moment(row["expires_at"], locale),
            "until_full": in_full(row["expires_at"], locale),
            "may_withdraw": row["role"] in may_give,
        }
        for row in found["items"]
    ]
    return await page(
        request,
        "people_invite.html",
        status=422 if error else 200,
        invitations=shown,
        is_first=not cursor,
        older=found["next"],
        form=form,
        roles=may_give,
        days=DAYS,
        withdrawn=withdrawn,
        invitation_state=invitation_states(translations_of(locale).gettext),
        **fault_of(request, error),
        **words(request),
    )


async def _registration(
    request: Request,
    *,
    form: dict[str, str] | None = None,
    saved: bool = False,
    error: BloopError | None = None,
) -> Response:
    rows = await hub_of(request).database.read(OWN, call_of(request))
    found = OWN.as_dict(rows[0])
    allowed = Registration.of(parsed(found["settings"]))
    return await page(
        request,
        "people_registration.html",
        status=422 if error else 200,
        institution=found["name"],
        url=join_url(base_of(request), f"institution={found['slug']}"),
        is_open=allowed.mode != "off",
        form=form or {"mode": allowed.mode, "domains": "\n".join(allowed.domains)},
        saved=saved,
        **fault_of(request, error),
        **words(request),
    )

"""After a login: what was being sent when the session ended, to be sent by its sender."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import VISIT
from bloop.accounts.kept import service
from bloop.accounts.login.entry import cookie_name
from bloop.accounts.service import token_institution
from bloop.web import kept_forms
from bloop.web.kept_forms import KEPT
from bloop.web.login_pages import login_form
from bloop.web.refusals import STEP_UP, step_up_path
from bloop.web.render import page

router = Router(tags=["pages"])

_UNKEPT = {"cache-control": "no-store"}


async def ask_to_log_in(request: Request) -> Response:
    """The form to log in for who was sending another one, which waits for them."""
    stopped = await kept_forms.stop(request)
    to = KEPT if stopped and stopped.token else "/"
    response = await login_form(request, to, {}, status=401, stopped=stopped)
    kept_forms.remember(request, response, stopped)
    return response


async def ask_for_proof(request: Request) -> Response:
    """To where somebody proves again who they are; what they typed waits for them."""
    stopped = await kept_forms.stop(request)
    if stopped is None or stopped.token is None or not kept_forms.shown(request, stopped.sent):
        return RedirectResponse(step_up_path(request), 303)
    response = RedirectResponse(f"{STEP_UP}?next={KEPT}", 303, headers=_UNKEPT)
    kept_forms.remember(request, response, stopped)
    return response


@router.get(KEPT, action="account:read", enrolling=True, include_in_schema=False)
async def show_kept(request: Request) -> Response:
    """The form that waits, with a button that sends it; of nobody knows whom, only a question."""
    found = await kept_forms.kept(request)
    mine = found is not None and _is_mine(request, found)
    shown = await page(
        request,
        "kept.html",
        sent=found.sent if found else None,
        mine=mine,
        theirs=found is not None and found.user_id is not None and not mine,
        fields=kept_forms.shown(request, found.sent) if found and mine else [],
        files=kept_forms.files(found.sent) if found and mine else [],
    )
    shown.headers.update(_UNKEPT)
    return shown


@router.post(f"{KEPT}/mine", action="account:write", enrolling=True, include_in_schema=False)
async def claim_kept(request: Request) -> Response:
    """Say that what somebody was sending is one's own, where nobody knows whose it is."""
    await kept_forms.change(request, service.claim, call_of(request).principal.id)
    return RedirectResponse(KEPT, 303, headers=_UNKEPT)


@router.post(f"{KEPT}/drop", action=VISIT, include_in_schema=False)
async def drop_kept(request: Request) -> Response:
    """Throw it away, and go back to where it was written; what is another account's stays."""
    found = await kept_forms.kept(request)
    mine = found is not None and _is_mine(request, found)
    back = found.sent.back if found and mine else "/"
    await kept_forms.change(request, service.drop, call_of(request).principal.id)
    response = RedirectResponse(back, 303, headers=_UNKEPT)
    if found and found.user_id and not mine:
        return response
    secure = hub_of(request).sessions.secure
    response.delete_cookie(cookie_name(request, "kept"), secure=secure, httponly=True)
    return response


def _is_mine(request: Request, found: service.Kept) -> bool:
    """Whether who looks is who was sending it."""
    token = request.cookies.get(cookie_name(request, "kept"), "")
    call = call_of(request)
    return found.user_id == call.principal.id and token_institution(token) == call.institution

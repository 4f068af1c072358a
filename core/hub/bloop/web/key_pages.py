"""The pages of API keys: one's own, and those of the institution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.tokens import keys
from bloop.accounts.tokens.key_routes import as_action, make_key
from bloop.accounts.tokens.keys import DAYS, MOST_DAYS, NewKey, owner_of
from bloop.accounts.tokens.queries import INSTITUTION_KEYS, PERSONAL_KEYS
from bloop.accounts.tokens.scopes import ScopeError, known_actions, offered
from bloop.store.database import in_unit
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import parsed, to_dicts
from bloop.store.types import utcnow
from bloop.web.moments import moment
from bloop.web.render import locale_of, page, role_names, translations_of
from bloop_sdk import BloopError, Role
from bloop_sdk.web import read_form

router = Router(tags=["pages"])

OWN, ALL = "/account/keys", "/keys"
ROLES = (Role.LEARNER, Role.EDUCATOR, Role.ADMIN)
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class _Kind:
    """Whose keys a page is about: those of ``user``, or of the institution; and where it is."""

    href: str
    user: str | None
    may_write: bool


def _own(request: Request) -> _Kind:
    call = call_of(request)
    return _Kind(OWN, owner_of(call), may(call, "tokens:write"))


def _all(request: Request) -> _Kind:
    return _Kind(ALL, None, may(call_of(request), "keys:write"))


@router.get(OWN, action="tokens:read", include_in_schema=False)
async def show_own_keys(request: Request) -> Response:
    """One's own API keys."""
    return await _list(request, _own(request))


@router.get(ALL, action="keys:read", include_in_schema=False)
async def show_keys(request: Request) -> Response:
    """The institution's API keys."""
    return await _list(request, _all(request))


@router.get(f"{OWN}/new", action="tokens:write", include_in_schema=False)
async def ask_for_own_key(request: Request) -> Response:
    """The form of a new key of one's own."""
    return await _form(request, _own(request), _EMPTY)


@router.get(f"{ALL}/new", action="keys:write", include_in_schema=False)
async def ask_for_key(request: Request) -> Response:
    """The form of a new key of the institution."""
    return await _form(request, _all(request), _EMPTY)


@router.post(f"{OWN}/new", action="tokens:write", step_up=True, include_in_schema=False)
async def create_own_key(request: Request) -> Response:
    """Make a key of one's own and show it this once; or the form again with what is wrong."""
    return await _create(request, _own(request))


@router.post(f"{ALL}/new", action="keys:write", step_up=True, include_in_schema=False)
async def create_key(request: Request) -> Response:
    """Make a key of the institution and show it this once; or the form again."""
    return await _create(request, _all(request))


@router.get(
    OWN + "/{key_id}/revoke", action="tokens:write", problems=(404,), include_in_schema=False
)
async def ask_to_revoke_own_key(request: Request, key_id: str) -> Response:
    """What revoking a key of one's own means, and the button."""
    return await _ask(request, _own(request), key_id)


@router.get(ALL + "/{key_id}/revoke", action="keys:write", problems=(404,), include_in_schema=False)
async def ask_to_revoke_key(request: Request, key_id: str) -> Response:
    """What revoking a key of the institution means, and the button."""
    return await _ask(request, _all(request), key_id)


@router.post(
    OWN + "/{key_id}/revoke", action="tokens:write", problems=(404,), include_in_schema=False
)
async def revoke_own_key(request: Request, key_id: str) -> Response:
    """End a key of one's own."""
    return await _revoke(request, _own(request), key_id)


@router.post(
    ALL + "/{key_id}/revoke", action="keys:write", problems=(404,), include_in_schema=False
)
async def revoke_key(request: Request, key_id: str) -> Response:
    """End a key of the institution."""
    return await _revoke(request, _all(request), key_id)


async def _list(request: Request, kind: _Kind) -> Response:
    return await page(request, "keys.html", kind=kind, keys=await _keys(request, kind))


async def _create(request: Request, kind: _Kind) -> Response:
    given = await read_form(request)
    form: dict[str, Any] = {name: given[name].strip() for name in ("name", "days", "role")}
    form["scopes"] = [name for name in _offered(request, kind) if given[f"scope:{name}"]]
    try:
        made = await make_key(request, _wanted(form, kind), user=kind.user)
    except (InvalidError, ConflictError, ScopeError) as err:
        return await _form(request, kind, form, err)
    shown = await page(request, "key_made.html", kind=kind, name=form["name"], key=made.token)
    shown.headers["cache-control"] = "no-store"
    return shown


def _wanted(form: Mapping[str, Any], kind: _Kind) -> NewKey:
    if not 1 <= len(form["name"]) <= LONGEST_NAME:
        raise InvalidError(f"it has 1 to {LONGEST_NAME} characters", field="name")
    days = int(form["days"]) if form["days"].isdecimal() and len(form["days"]) < 9 else 0
    if not 1 <= days <= MOST_DAYS:
        raise InvalidError(f"a key lasts 1 to {MOST_DAYS} days", field="days")
    if kind.user is None and form["role"] not in ROLES:
        raise InvalidError("choose a role", field="role")
    role = Role(form["role"]) if kind.user is None else None
    return NewKey(form["name"], form["scopes"], days, role)


async def _form(
    request: Request, kind: _Kind, form: Mapping[str, Any], error: BloopError | None = None
) -> Response:
    names = role_names(translations_of(locale_of(request)).gettext)
    wrong = "scopes" if isinstance(error, ScopeError) else getattr(error, "field", None)
    return await page(
        request,
        "key_new.html",
        status=422 if error else 200,
        kind=kind,
        form=form,
        error=error,
        wrong=wrong,
        most_days=MOST_DAYS,
        roles=[(role, names[role]) for role in ROLES] if kind.user is None else [],
        scopes=_offered(request, kind),
    )


def _offered(request: Request, kind: _Kind) -> list[str]:
    most = ROLES[-1] if kind.user is None else None
    return offered(call_of(request), known_actions(hub_of(request)), most)


async def _ask(request: Request, kind: _Kind, key_id: str) -> Response:
    for key in await _keys(request, kind):
        if key["id"] == key_id:
            return await page(request, "key_revoke.html", kind=kind, key=key)
    raise NotFoundError("no such key")


async def _revoke(request: Request, kind: _Kind, key_id: str) -> Response:
    hub, call = hub_of(request), call_of(request)
    end = as_action(kind.user)(partial(keys.revoke, user=kind.user))
    await hub.database.run(in_unit, hub.database, call, end, key_id)
    return RedirectResponse(kind.href, 303)


async def _keys(request: Request, kind: _Kind) -> list[dict[str, Any]]:
    database, call = hub_of(request).database, call_of(request)
    if kind.user is None:
        rows = to_dicts(INSTITUTION_KEYS, await database.read(INSTITUTION_KEYS, call))
    else:
        rows = to_dicts(PERSONAL_KEYS, await database.read(PERSONAL_KEYS, call, user=kind.user))
    return [_key(row, request) for row in rows]


def _key(row: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """A key with its state in a word, and its times."""
    locale = locale_of(request)
    left = datetime.fromisoformat(row["expires_at"]) - utcnow()
    state = "active" if left > keys.WARNING else "expiring"
    if left <= timedelta():
        state = "expired"
    times = {name: moment(row[name], locale) for name in ("expires_at", "last_used_at")}
    role = row["role"] and role_names(translations_of(locale).gettext)[row["role"]]
    return {**row, **times, "state": state, "scopes": parsed(row["scopes"]), "role": role}


_EMPTY: dict[str, Any] = {"name": "", "days": str(DAYS), "role": "educator", "scopes": []}

"""The page of who joins an institution by logging in with an account elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bloop.accounts.access import Router, call_of, hub_of
from bloop.accounts.actions import may
from bloop.accounts.identities import service
from bloop.accounts.identities.queries import RULES
from bloop.accounts.identities.schemas import MOST_RULES, MembershipRule
from bloop.accounts.people.routes import run
from bloop.store.errors import ConflictError, InvalidError
from bloop.store.statements import parsed
from bloop.web.people_pages import words
from bloop.web.people_words import fault_of
from bloop.web.render import page
from bloop_sdk import BloopError
from bloop_sdk.web import Form, read_form

router = Router(tags=["pages"])

_FIELDS = ("provider", "domain", "claim", "value")
_NEW: Mapping[str, str] = {**dict.fromkeys(_FIELDS, ""), "role": "learner"}


@router.get("/people/rules", action="identities:read", include_in_schema=False)
async def show_rules(request: Request, saved: str = "") -> Response:
    """The rules in their order, and the form of another one."""
    return await _rules(request, _NEW, saved=bool(saved))


@router.post(
    "/people/rules",
    action="identities:write",
    step_up=True,
    problems=(403, 409, 422),
    include_in_schema=False,
)
async def add_rule(request: Request) -> Response:
    """Put a rule behind the others; or the form again with what is wrong."""
    form = await read_form(request)
    given = {name: form[name].strip() for name in _NEW}
    try:
        rule = _rule(given)
        await _set(request, form, lambda rules: [*rules, rule])
    except (InvalidError, ConflictError) as err:
        return await _rules(request, given, error=err)
    return RedirectResponse("/people/rules?saved=yes", 303)


@router.post(
    "/people/rules/remove",
    action="identities:write",
    step_up=True,
    problems=(403, 409),
    include_in_schema=False,
)
async def remove_rule(request: Request) -> Response:
    """Take the rule at a place away, as the visitor saw them."""
    form = await read_form(request)
    at = int(form["at"]) if form["at"].isdecimal() and len(form["at"]) < 4 else MOST_RULES
    try:
        await _set(request, form, lambda rules: [*rules[:at], *rules[at + 1 :]])
    except ConflictError as err:
        return await _rules(request, _NEW, error=err)
    return RedirectResponse("/people/rules?saved=yes", 303)


def _rule(given: Mapping[str, str]) -> MembershipRule:
    """The rule of a form; raises InvalidError, which says what does not fit."""
    named = {name: given[name] or None for name in _FIELDS}
    try:
        # That an admin is meant is said by choosing it from a list, and by the proof asked before.
        return MembershipRule.model_validate(
            {**named, "role": given["role"], "above_educator": given["role"] == "admin"}
        )
    except ValidationError as err:
        first = err.errors()[0]
        field = str(first["loc"][0]) if first["loc"] else "domain"
        raise InvalidError(str(first["msg"]).removeprefix("Value error, "), field=field) from err


async def _set(
    request: Request,
    form: Form,
    changed: Callable[[list[MembershipRule]], list[MembershipRule]],
) -> None:
    rules, _ = await _now(request)
    version = (
        int(form["version"]) if form["version"].isdecimal() and len(form["version"]) < 10 else -1
    )
    wanted = changed([MembershipRule.model_validate(one) for one in rules])
    if len(wanted) > MOST_RULES:
        raise InvalidError(f"more than {MOST_RULES} rules", field="domain")
    await run(request, service.set_rules, wanted, version)


async def _now(request: Request) -> tuple[list[dict[str, Any]], int]:
    row = await hub_of(request).database.read_one(RULES, call_of(request))
    return (parsed(row[0]), row[1]) if row else ([], 0)


async def _rules(
    request: Request,
    form: Mapping[str, str],
    *,
    saved: bool = False,
    error: BloopError | None = None,
) -> Response:
    rules, version = await _now(request)
    return await page(
        request,
        "people_rules.html",
        status=422 if error else 200,
        rules=rules,
        version=version,
        form=form,
        saved=saved,
        may_write=may(call_of(request), "identities:write"),
        **fault_of(request, error),
        **words(request),
    )

"""Commands of logging in and of sessions.

:func:`log_in` is the one way in for whoever has proved who they are by a first factor.
"""

from __future__ import annotations

from sqlalchemy import delete

import bloop.accounts.login.topics  # noqa: F401 - declares what is said here
from bloop.accounts.actions import ForbiddenError
from bloop.accounts.devices import NOWHERE, Device
from bloop.accounts.login.errors import LoginFailedError
from bloop.accounts.mfa.login import second_factor_needed
from bloop.accounts.models import LoginSession, User
from bloop.accounts.service import (
    Method,
    SecondFactorNeeded,
    StartedSession,
    end_links,
    start_session,
)
from bloop.accounts.tokens.service import end_families
from bloop.store.commands import command
from bloop.store.errors import NotFoundError
from bloop.store.unit import UnitOfWork
from bloop_sdk import Call, Role

_RANK = {role: rank for rank, role in enumerate(Role)}


def log_in(
    unit: UnitOfWork, user: User, method: Method, device: Device = NOWHERE
) -> StartedSession | SecondFactorNeeded:
    """Let somebody in whose first factor is proved: a session, or what else has to be proved.

    Raises LoginFailedError for an account that is disabled.
    """
    if user.disabled_at is not None:
        raise LoginFailedError
    needed = second_factor_needed(unit, user, method)
    if needed is not None:
        return needed
    unit.audit.append(
        "account.logged_in",
        f"user:{user.id}",
        {"method": str(method)},
        personal={"address": device.address, "agent": device.agent},
    )
    return start_session(unit, user, method, device)


@command("account:write")
def end_one(unit: UnitOfWork, user_id: str, session_id: str) -> None:
    """End one of somebody's sessions; raises NotFoundError where they have no such one."""
    ended = unit.session.execute(
        delete(LoginSession)
        .where(
            LoginSession.institution_id == unit.institution,
            LoginSession.user_id == user_id,
            LoginSession.id == session_id,
        )
        .returning(LoginSession.id)
    ).all()
    if not ended:
        raise NotFoundError(f"no session {session_id[:40]}")
    unit.audit.append("account.session_ended", f"session:{session_id}", {"user": user_id})


@command("account:write")
def end_all(unit: UnitOfWork, user_id: str, *, but: str | None = None) -> int:
    """End somebody's sessions, all of them or all but one, and the tokens of all their devices.

    So do the addresses that they signed: whoever had stolen a session may have made some.

    Gives how many sessions those were.
    """
    ended = unit.session.execute(
        delete(LoginSession)
        .where(
            LoginSession.institution_id == unit.institution,
            LoginSession.user_id == user_id,
            LoginSession.id != (but or ""),
        )
        .returning(LoginSession.id)
    ).all()
    unit.audit.append("account.sessions_ended", f"user:{user_id}", {"count": len(ended)})
    end_families(unit, user_id)
    end_links(unit, user_id)
    return len(ended)


def in_reach(call: Call, user: User) -> User:
    """The same user, where the caller ranks no lower: raises ForbiddenError otherwise.

    An admin who could end an operator's sessions or renew their password would be one.
    """
    if _RANK[call.principal.role] < _RANK[Role(user.role)]:
        raise ForbiddenError(
            f"a {call.principal.role} may not do this to a {user.role}",
            cure=f"ask somebody who is {user.role}",
        )
    return user


@command("users:recover")
def end_for(unit: UnitOfWork, user_id: str) -> int:
    """End all sessions of somebody else; raises NotFoundError, ForbiddenError."""
    return end_all(unit, in_reach(unit.call, unit.get(User, user_id)).id)

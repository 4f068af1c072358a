"""Registered reads of institutions and people."""

from __future__ import annotations

from sqlalchemy import String, bindparam, func, or_, select

from bloop.accounts.models import BootstrapLink, Institution, LoginSession, User
from bloop.store.models import EVERY_INSTITUTION, AuditLine, AuditPersonal
from bloop.store.statements import institution, register

_OF_SESSION = (
    select(
        User.id,
        User.role,
        LoginSession.id.label("session_id"),
        LoginSession.expires_at,
        LoginSession.proved_at,
        LoginSession.second_factor,
        LoginSession.created_at,
        LoginSession.seen_at,
        Institution.settings,
        LoginSession.token_hash,
        User.language,
    )
    .join(
        User,
        (User.id == LoginSession.user_id) & (User.institution_id == LoginSession.institution_id),
    )
    .join(Institution, Institution.id == LoginSession.institution_id)
    .where(LoginSession.institution_id == institution, User.disabled_at.is_(None))
)
SESSION = register(
    "accounts.session", _OF_SESSION.where(LoginSession.token_hash == bindparam("token_hash"))
)
"""Who holds a session; a disabled account holds none. Its end is the caller's to compare."""

SESSION_BY_ID = register(
    "accounts.session_by_id", _OF_SESSION.where(LoginSession.id == bindparam("id"))
)
"""The same for what names a session without being its token (:mod:`bloop.accounts.tickets`)."""

USED_LINKS = register(
    "accounts.used_links",
    select(BootstrapLink.used_at)
    .where(
        or_(BootstrapLink.institution_id == institution, institution == EVERY_INSTITUTION),
        BootstrapLink.used_at.is_not(None),
    )
    .limit(1),
)
"""Whether anybody ever came in by a link."""

INSTITUTIONS = register(
    "accounts.institutions",
    select(
        Institution.id,
        Institution.slug,
        Institution.name,
        Institution.row_version,
        Institution.created_at,
    )
    .where(or_(Institution.id == institution, institution == EVERY_INSTITUTION))
    .order_by(Institution.id),
)
"""The caller's own institution; all of them for a call that serves every institution."""

ACCOUNT = register(
    "accounts.account",
    select(
        User.id,
        User.name,
        User.email,
        User.role,
        User.language,
        User.row_version,
        User.created_at,
    ).where(User.institution_id == institution, User.id == bindparam("id")),
)
"""One person."""

SIGNER_ROLE = register(
    "accounts.signer_role",
    select(User.role, User.links_from).where(
        User.institution_id == institution,
        User.id == bindparam("id"),
        User.disabled_at.is_(None),
    ),
)
"""The role of somebody whose account is not disabled, and since when their links are good."""

AUDIT = register(
    "accounts.audit",
    select(
        AuditLine.seq,
        AuditLine.at,
        AuditLine.actor,
        User.name.label("actor_name"),
        AuditLine.action,
        AuditLine.resource,
        AuditLine.detail,
        AuditLine.about,
        AuditPersonal.salt.is_not(None).label("personal"),
        AuditLine.trace,
        AuditLine.hash,
    )
    .outerjoin(
        User,
        (User.institution_id == AuditLine.institution_id)
        & (User.id == func.substr(AuditLine.actor, 6)),
    )
    .outerjoin(
        AuditPersonal,
        (AuditPersonal.institution_id == AuditLine.institution_id)
        & (AuditPersonal.seq == AuditLine.seq),
    )
    .where(
        AuditLine.institution_id == institution,
        AuditLine.seq < bindparam("before"),
        AuditLine.at >= bindparam("since"),
        AuditLine.at < bindparam("until"),
        *(
            func.substr(column, 1, func.length(bindparam(name, type_=String))) == bindparam(name)
            for name, column in (
                ("actor", AuditLine.actor),
                ("action", AuditLine.action),
                ("resource", AuditLine.resource),
            )
        ),
    )
    .order_by(AuditLine.seq.desc())
    .limit(bindparam("limit")),
    heavy=True,
)
"""Lines of the audit, newest first; actor, action and resource by what they begin with."""

"""Who joins by logging in: the first of an institution's rules that fits somebody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bloop_sdk import Role
from bloop_sdk.providers.identity import Identity

_BY_LOGIN = {Role.LEARNER, Role.EDUCATOR}


def role_for(rules: Iterable[Mapping[str, Any]], provider: str, identity: Identity) -> Role | None:
    """The role that somebody joins with; None where no rule fits.

    Only an address that the issuer answers for counts.
    """
    for rule in rules:
        if rule.get("provider") in {None, provider} and _fits(rule, identity):
            role = Role(rule["role"])
            if role in _BY_LOGIN or (role is Role.ADMIN and rule.get("above_educator") is True):
                return role
    return None


def _fits(rule: Mapping[str, Any], identity: Identity) -> bool:
    if domain := rule.get("domain"):
        address = identity.email if identity.email_verified else None
        _, at, of = (address or "").rpartition("@")
        return bool(at) and of.lower() == str(domain).lower()
    found, wanted = identity.claims.get(rule.get("claim") or ""), rule.get("value")
    if not isinstance(wanted, str) or rule.get("provider") is None:
        return False
    return found == wanted or (isinstance(found, list) and wanted in found)

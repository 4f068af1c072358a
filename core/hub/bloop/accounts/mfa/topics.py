"""The events of second factors."""

from __future__ import annotations

from typing import Annotated

from bloop.store.topics import Payload, Topic, declare
from bloop_sdk import Personal

_ADA = "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"
_HOME = "019a21c4-6b1e-7c2a-9d1f-0a4f3f8a1b2c"


class FactorChanged(Payload):
    """Whose factor, and of which kind: ``totp``, ``passkey`` or ``recovery_codes``."""

    id: Annotated[str, Personal()]
    factor: str


class ProofRefused(Payload):
    """Who was asked, by which way, and why it proved nothing."""

    id: Annotated[str, Personal()]
    way: str
    reason: str


class Proved(Payload):
    """Who proved again who they are, and by which way."""

    id: Annotated[str, Personal()]
    way: str


class FactorsReset(Payload):
    """Whose factors are gone."""

    id: Annotated[str, Personal()]


class MfaRequired(Payload):
    """The roles that an institution asks for a second factor."""

    id: str
    roles: list[str]


declare(
    Topic(
        name="user.factor_added",
        when="somebody set up an authenticator app, a passkey or recovery codes",
        aggregate="user",
        payload=FactorChanged,
        action="users:read",
        example={"id": _ADA, "factor": "passkey"},
    ),
    Topic(
        name="user.factor_removed",
        when="somebody removed an authenticator app or a passkey of their own",
        aggregate="user",
        payload=FactorChanged,
        action="users:read",
        example={"id": _ADA, "factor": "totp"},
    ),
    Topic(
        name="user.factors_reset",
        when="an administrator removed all factors of somebody and ended their sessions",
        aggregate="user",
        payload=FactorsReset,
        action="users:read",
        example={"id": _ADA},
    ),
    Topic(
        name="user.proof_refused",
        when="a code, a passkey or a password did not prove who somebody is",
        aggregate="user",
        payload=ProofRefused,
        action="users:read",
        example={"id": _ADA, "way": "totp", "reason": "reused"},
    ),
    Topic(
        name="user.stepped_up",
        when="somebody who is logged in proved again who they are",
        aggregate="user",
        payload=Proved,
        action="users:read",
        example={"id": _ADA, "way": "totp"},
    ),
    Topic(
        name="user.mfa_required",
        when="an institution changed which roles need a second factor",
        aggregate="institution",
        payload=MfaRequired,
        action="users:read",
        example={"id": _HOME, "roles": ["admin", "operator"]},
    ),
)

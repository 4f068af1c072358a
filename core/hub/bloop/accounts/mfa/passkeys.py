"""Passkeys (WebAuthn, level 3): discoverable, and only with the user verified by their device.

What a passkey signs is refused unless its challenge is one of ours that nobody has answered yet,
and unless its counter has moved on where it has one: two devices with one key show themselves so.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, or_, select, update

from bloop.accounts.mfa import traces
from bloop.accounts.mfa.challenges import Purpose, ask, take
from bloop.accounts.mfa.errors import ProofRefusedError, passkey_refused
from bloop.accounts.mfa.models import Passkey
from bloop.accounts.mfa.party import Party
from bloop.accounts.models import User
from bloop.store.errors import ConflictError, NotFoundError
from bloop.store.types import utcnow
from bloop.store.unit import UnitOfWork

JSONObject = dict[str, Any]

TIMEOUT_MS = 120_000
MOST = 20
"""So many passkeys an account may have."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,1364}")
"""At most 1023 bytes (section 4) in base64url."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who is asked for what: the purpose and holder of a challenge."""

    purpose: Purpose
    holder: str


def handle_of(institution: str, user_id: str) -> bytes:
    """What a passkey keeps of its account (a user handle): 16 bytes of each id."""
    return uuid.UUID(institution).bytes + uuid.UUID(user_id).bytes


def holder_of_handle(handle: str) -> tuple[str, str] | None:
    """The institution and the user of a handle in base64url; None for what is none of ours."""
    from webauthn.helpers import base64url_to_bytes

    try:
        raw = base64url_to_bytes(handle)
    except ValueError:
        return None
    if len(raw) != 32:
        return None
    return str(uuid.UUID(bytes=raw[:16])), str(uuid.UUID(bytes=raw[16:]))


def registration_options(unit: UnitOfWork, user: User, holder: str, party: Party) -> JSONObject:
    """What ``navigator.credentials.create`` is given. Raises ConflictError beyond :data:`MOST`."""
    from webauthn import generate_registration_options
    from webauthn.helpers.options_to_json_dict import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    known = passkeys_of(unit, user.id)
    if len(known) >= MOST:
        raise ConflictError(f"an account has at most {MOST} passkeys", cure="remove one first")
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=handle_of(unit.institution, user.id),
        user_name=user.email or user.name,
        user_display_name=user.name,
        challenge=ask(unit, Purpose.REGISTER, holder),
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return options_to_json_dict(options)


def register(
    unit: UnitOfWork, user_id: str, holder: str, party: Party, name: str, credential: JSONObject
) -> str | ProofRefusedError:
    """Keep a new passkey; gives its id."""
    from webauthn import verify_registration_response
    from webauthn.helpers.parse_registration_credential_json import (
        parse_registration_credential_json,
    )

    challenge = challenge_in(credential)
    if challenge is None or not take(unit, Purpose.REGISTER, holder, challenge):
        return _refuse(unit, user_id, "challenge")
    try:
        verified = verify_registration_response(
            credential=parse_registration_credential_json(credential),
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - whatever five parsers make of it, it proves nothing
        return _refuse(unit, user_id, "invalid")
    credential_id = _text(verified.credential_id)
    taken = select(Passkey.id).where(Passkey.credential_id == credential_id)
    if not _ID.fullmatch(credential_id) or unit.session.scalar(taken):
        return _refuse(unit, user_id, "known")
    made = Passkey(
        institution_id=unit.institution,
        user_id=user_id,
        credential_id=credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name,
        transports=_transports(credential),
        synced=verified.credential_backed_up,
    )
    unit.session.add(made)
    unit.session.flush()
    traces.added(unit, user_id, "passkey", made.id)
    return made.id


def assertion_options(
    unit: UnitOfWork, asked: Asked, party: Party, user_id: str | None = None
) -> JSONObject:
    """What ``navigator.credentials.get`` is given; with ``user_id`` for that account's passkeys."""
    from webauthn import generate_authentication_options
    from webauthn.helpers.options_to_json_dict import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=party.id,
        challenge=ask(unit, asked.purpose, asked.holder),
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(passkeys_of(unit, user_id)) if user_id else None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


def check(
    unit: UnitOfWork, asked: Asked, party: Party, user_id: str, credential: JSONObject
) -> ProofRefusedError | None:
    """Whether an assertion proves that somebody has one of their passkeys; it does so once."""
    challenge = challenge_in(credential)
    if challenge is None or not take(unit, asked.purpose, asked.holder, challenge):
        return _refuse(unit, user_id, "challenge")
    return verify(unit, party, user_id, challenge, credential)


def verify(
    unit: UnitOfWork, party: Party, user_id: str, challenge: bytes, credential: JSONObject
) -> ProofRefusedError | None:
    """The same for a challenge that has been taken."""
    from webauthn import verify_authentication_response

    passkey = _passkey(unit, user_id, credential)
    if passkey is None or not _is_handle_of(credential, unit.institution, user_id):
        return _refuse(unit, user_id, "unknown")
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            # The counter is compared below, where the row can't change in between.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except Exception:  # noqa: BLE001 - whatever the parsers make of it, it proves nothing
        return _refuse(unit, user_id, "invalid")
    count = verified.new_sign_count
    used = unit.session.execute(
        update(Passkey)
        .where(
            Passkey.institution_id == unit.institution,
            Passkey.id == passkey.id,
            # Those that are kept in sync count nothing (section 6.1.1).
            or_(Passkey.sign_count < count, (Passkey.sign_count == 0) & (count == 0)),
        )
        .values(sign_count=count, last_used_at=utcnow(), synced=verified.credential_backed_up)
        .returning(Passkey.id)
        .execution_options(synchronize_session=False)
    ).all()
    return None if used else _refuse(unit, user_id, "counter")


def passkeys_of(unit: UnitOfWork, user_id: str) -> list[Passkey]:
    """Somebody's passkeys, the oldest first."""
    return list(
        unit.session.scalars(select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id))
    )


def remove(unit: UnitOfWork, user_id: str, passkey_id: str) -> None:
    """Forget one of somebody's passkeys; raises NotFoundError for one of somebody else."""
    gone = unit.session.execute(
        delete(Passkey)
        .where(
            Passkey.institution_id == unit.institution,
            Passkey.user_id == user_id,
            Passkey.id == passkey_id,
        )
        .returning(Passkey.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not gone:
        raise NotFoundError(f"no passkey {passkey_id[:40]}")
    traces.removed(unit, user_id, "passkey", passkey_id)


def challenge_in(credential: Mapping[str, Any]) -> bytes | None:
    """The challenge that a credential says it answers; None where it says none."""
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    response = credential.get("response")
    said = response.get("clientDataJSON") if isinstance(response, Mapping) else None
    if not isinstance(said, str):
        return None
    try:
        return parse_client_data_json(base64url_to_bytes(said)).challenge
    except Exception:  # noqa: BLE001 - whatever the parsers make of it, it answers nothing
        return None


def handle_in(credential: Mapping[str, Any]) -> str | None:
    """The user handle that came with an assertion."""
    response = credential.get("response")
    handle = response.get("userHandle") if isinstance(response, Mapping) else None
    return handle if isinstance(handle, str) else None


def _passkey(unit: UnitOfWork, user_id: str, credential: Mapping[str, Any]) -> Passkey | None:
    """The passkey of this account that a credential names."""
    name = credential.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        return None
    return unit.session.scalar(
        select(Passkey).where(Passkey.user_id == user_id, Passkey.credential_id == name)
    )


def _is_handle_of(credential: Mapping[str, Any], institution: str, user_id: str) -> bool:
    """Section 7.2, step 6: where a handle came along, it is that of this account."""
    handle = handle_in(credential)
    return handle is None or holder_of_handle(handle) == (institution, user_id)


def _descriptors(passkeys: list[Passkey]) -> Any:
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(passkey.credential_id),
            transports=[AuthenticatorTransport(name) for name in passkey.transports] or None,
        )
        for passkey in passkeys
    ]


def _transports(credential: Mapping[str, Any]) -> list[str]:
    """How the device may be reached, of the words that the specification knows."""
    from webauthn.helpers.structs import AuthenticatorTransport

    known = {str(transport.value) for transport in AuthenticatorTransport}
    response = credential.get("response")
    given = response.get("transports") if isinstance(response, Mapping) else None
    words = given if isinstance(given, list) else []
    return sorted({word for word in words if isinstance(word, str)} & known)


def _text(raw: bytes) -> str:
    from webauthn.helpers import bytes_to_base64url

    return bytes_to_base64url(raw)


def _refuse(unit: UnitOfWork, user_id: str, reason: str) -> ProofRefusedError:
    traces.refused(unit, user_id, "passkey", reason)
    return passkey_refused()

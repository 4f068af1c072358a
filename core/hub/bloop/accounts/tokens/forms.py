"""The forms of credentials: what kind a text is, told without a key and without a query.

A session's token is ``<institution>.<secret>``, an access token a JWT; what is kept for longer
begins with its kind, and ends with a checksum as GitHub's do, so that scanners know it for certain
and a typing error costs no query: ``bloop_pat_<institution, 22><secret, 43><CRC-32, 6>``, base 62.
"""

from __future__ import annotations

import enum
import secrets
import zlib
from uuid import UUID

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
INSTITUTION_LETTERS, SECRET_LETTERS, CHECK_LETTERS = 22, 43, 6
SECRET_BYTES = 32
HINT_LETTERS = 4
LONGEST = 4096
"""No credential is longer; what is, is not looked at."""

_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}


class Form(enum.StrEnum):
    """What a credential that begins so is."""

    PERSONAL_KEY = "bloop_pat_"
    INSTITUTION_KEY = "bloop_key_"
    REFRESH = "bloop_rt_"


API_KEYS = (Form.PERSONAL_KEY, Form.INSTITUTION_KEY)


def is_session(token: str) -> bool:
    """Whether a token has the form of a session's."""
    return token[36:37] == "."


def is_jwt(token: str) -> bool:
    """Whether a token has the form of a signed one: what a JSON object begins with, in base64."""
    return token.startswith("eyJ") and token.count(".") == 2 and len(token) <= LONGEST


def api_key_form(token: str) -> Form | None:
    """Which kind of API key a token claims to be."""
    return next((form for form in API_KEYS if token.startswith(form)), None)


def mint(form: Form, institution: str, secret: bytes | None = None) -> str:
    """A new credential of an institution, by default with 256 random bits."""
    value = int.from_bytes(secret or secrets.token_bytes(SECRET_BYTES), "big")
    whose = _letters(UUID(institution).int, INSTITUTION_LETTERS)
    text = f"{form}{whose}{_letters(value, SECRET_LETTERS)}"
    return text + _check(text)


def institution_of(token: str, form: Form) -> str | None:
    """The institution that a well-formed credential belongs to; None for what is none."""
    body = token[len(form) :]
    if not token.startswith(form) or len(body) != _BODY or not _VALUES.keys() >= set(body):
        return None
    if _check(token[:-CHECK_LETTERS]) != token[-CHECK_LETTERS:]:
        return None
    number = 0
    for letter in body[:INSTITUTION_LETTERS]:
        number = number * len(ALPHABET) + _VALUES[letter]
    return str(UUID(int=number)) if number < 1 << 128 else None


def hint(token: str) -> str:
    """The last letters of the secret, by which its owner tells it from others."""
    return token[-CHECK_LETTERS - HINT_LETTERS : -CHECK_LETTERS]


_BODY = INSTITUTION_LETTERS + SECRET_LETTERS + CHECK_LETTERS


def _check(text: str) -> str:
    return _letters(zlib.crc32(text.encode()), CHECK_LETTERS)


def _letters(number: int, length: int) -> str:
    found = []
    for _ in range(length):
        number, rest = divmod(number, len(ALPHABET))
        found.append(ALPHABET[rest])
    return "".join(reversed(found))

"""What Entra's word for a refused login means, and what to do about it.

A description may hold names of people and apps: the standard's word and Microsoft's number of the
fault (AADSTS...) alone are repeated. https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re

from bloop_sdk import AuthError, BloopError, ConfigError, CredentialExpiredError, UnavailableError
from bloop_sdk.records import JSONObject

AGAIN = "log in again: bloop connections login NAME, or from the connection's page"
_NUMBER = re.compile(r"AADSTS(\d{4,9})")
_EXPIRED = {
    "50173": "the password was changed, or the login was taken back",
    "65001": "nobody has allowed the app to read these notes",
    "70000": "the login was taken back, or is one of another app",
    "70008": "the login was not used for too long",
    "70043": "the organisation asks for a login more often",
    "700082": "the login was not used for too long",
    "700084": "the login has reached its end",
    "50078": "the second factor is due again",
    "50076": "the organisation asks for a second factor",
    "50079": "the organisation asks for a second factor",
    "50057": "the account is disabled",
    "53003": "the organisation's rules of access refuse it",
}
_WRONG_APP = {
    "700016": ("the app is not known in this tenant", "see client_id and tenant"),
    "90002": ("there is no such tenant", "see tenant"),
    "50020": ("the account is of another tenant", "log in with an account of the tenant"),
    "50194": ("the app is for one tenant alone", "set tenant to the id of the app's own tenant"),
    "7000215": ("the client secret is wrong", "take its value (not its id) from the app in Entra"),
    "7000222": ("the client secret has expired", "make a new one in the app in Entra"),
    "7000218": (
        "the app allows no login by code",
        "switch on Allow public client flows under Authentication of the app in Entra",
    ),
    "700025": (
        "the app is one without a secret",
        "add the platform Web under Authentication of the app in Entra, or log in by code",
    ),
    "50011": ("the address to come back to is not registered", "add it to the app in Entra"),
}


def refusal(answer: JSONObject) -> BloopError:
    """The error for an answer without a token."""
    word = str(answer.get("error", ""))
    word = word if word.replace("_", "").isalpha() and len(word) < 40 else "no token"
    found = _NUMBER.search(str(answer.get("error_description", "")))
    number = found[1] if found else ""
    told = f"{word}, AADSTS{number}" if number else word
    if word in {"temporarily_unavailable", "server_error"}:
        return UnavailableError(f"Entra is not available ({told})")
    if number in _WRONG_APP:
        what, cure = _WRONG_APP[number]
        kind = AuthError if number in {"50020", "7000215", "7000222"} else ConfigError
        return kind(f"Entra refused the login: {what} ({told})", cure=cure)
    if word in {"invalid_grant", "interaction_required"}:
        what = _EXPIRED.get(number, "the login has expired, or was taken back")
        return CredentialExpiredError(
            f"Entra refused to renew the login: {what} ({told})", cure=AGAIN
        )
    return AuthError(f"Entra refused the login ({told})", cure=AGAIN)

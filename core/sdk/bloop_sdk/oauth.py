"""For logins elsewhere by the code flow (OAuth 2.0, RFC 6749): what both answers say.

:func:`code_of` reads what the browser brings back (section 4.1.2), :func:`granted` what the token
endpoint answers (5.1, 5.2). ``cure`` is what somebody does about a login that did not work.
"""

from __future__ import annotations

from collections.abc import Mapping

from bloop_sdk.errors import AuthError, MalformedRecordError
from bloop_sdk.http import Response
from bloop_sdk.records import JSONObject

LONGEST_WORD = 40


def code_of(params: Mapping[str, str], system: str, cure: str) -> str:
    """The code that a login brought back; raises AuthError, ``login_cancelled`` for a no."""
    if params.get("error") == "access_denied":
        raise AuthError(f"the login was cancelled in {system}", code="login_cancelled")
    code = params.get("code")
    if "error" in params or not code:
        raise AuthError(f"{system} refused the login, or no code came back", cure=cure)
    return code


def granted(response: Response, address: str, cure: str) -> JSONObject:
    """An answer that holds an access token; raises AuthError with the standard's word alone."""
    try:
        body = response.json()
    except MalformedRecordError:
        body = {}
    answer: JSONObject = body if isinstance(body, dict) else {}
    if response.status == 200 and isinstance(answer.get("access_token"), str):
        return answer
    # A stranger's text may hold anything.
    word = str(answer.get("error", ""))
    reason = word if word.replace("_", "").isalpha() and len(word) < LONGEST_WORD else "no token"
    raise AuthError(f"{address} answered {response.status}: {reason}", cure=cure)

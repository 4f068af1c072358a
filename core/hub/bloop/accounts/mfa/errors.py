"""What a proof is refused with.

Services return these rather than raise them: that something was refused is written as well, and
has to be committed before anybody hears of it.
"""

from __future__ import annotations

from bloop_sdk import BloopError


class ProofRefusedError(BloopError):
    """A code, an assertion or a pending login that proves nothing, or no longer."""

    code = "proof_refused"


class TooManyTriesError(BloopError):
    """Too many wrong codes; ``retry_after`` is in seconds."""

    code = "too_many_tries"

    def __init__(self, retry_after: float) -> None:
        super().__init__(
            "too many wrong codes, so none is looked at for a while",
            cure="wait and try the next code of the app, or use a passkey or a recovery code",
        )
        self.retry_after = retry_after


def wrong_code() -> ProofRefusedError:
    """The same words whatever was wrong with it."""
    return ProofRefusedError(
        "this code is wrong, too old, or was used before",
        cure="type the code that the app shows now; if it is refused again, set the device's clock",
    )


def login_over() -> ProofRefusedError:
    """A pending login that is used up, expired, or never was."""
    return ProofRefusedError("this login has taken too long or too many tries", cure="log in again")


def passkey_refused() -> ProofRefusedError:
    """The same words whatever was wrong with it; the audit log has the reason."""
    return ProofRefusedError(
        "this passkey was not accepted", cure="try again, or use another way to prove who you are"
    )

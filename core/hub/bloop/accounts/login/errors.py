"""What logging in can be refused for. None of it tells whether there is such an account."""

from __future__ import annotations

from bloop.accounts.service import LinkRefusedError
from bloop.store.errors import InvalidError
from bloop_sdk import BloopError, RetriableError


class LoginFailedError(BloopError):
    """No such account, a wrong password, or an account that is disabled."""

    code = "login_failed"

    def __init__(self) -> None:
        super().__init__(
            "the account or the password is wrong",
            cure="try again, or ask for a link to a new password",
        )


class LoginDelayedError(RetriableError):
    """There were too many failures; the next try is taken after ``retry_after`` seconds."""

    code = "login_delayed"

    def __init__(self, seconds: int) -> None:
        super().__init__("there were too many tries", retry_after=seconds, cure="wait, then retry")


class LoginBusyError(RetriableError):
    """More passwords are being checked than this process has memory for."""

    code = "login_busy"

    def __init__(self) -> None:
        super().__init__("too many people log in at this moment", retry_after=2)


class PasswordRefusedError(InvalidError):
    """A new password that will not do; ``why`` is ``short``, ``long`` or ``guessable``."""

    def __init__(self, why: str, message: str) -> None:
        super().__init__(message, field="password")
        self.why = why


class ResetRefusedError(LinkRefusedError):
    """A link to a new password was used already, has expired, or never existed."""

    code = "reset_refused"

    def __init__(self) -> None:
        super().__init__("this link has been used or is too old", cure="ask for another one")

"""What PayPal will not do."""

from __future__ import annotations

from bloop_sdk import FatalError


class RefusedError(FatalError):
    """PayPal understood and refused; ``issue`` is its name for the reason."""

    code = "paypal_refused"

    def __init__(self, message: str, issue: str) -> None:
        super().__init__(message)
        self.issue = issue

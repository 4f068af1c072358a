"""One line and two metrics for each request."""

from __future__ import annotations

from starlette.types import Scope


class AccessLog:
    """Records what was asked and answered; never a query string, which may hold a token."""

    def record(self, scope: Scope, status: int, seconds: float) -> None:
        """Note an answered request."""

    def failed(self, scope: Scope, error: Exception, status: int) -> None:
        """Note why a request failed; a defect of the hub with its traceback."""

"""How a run ends that was not read to its end."""

from __future__ import annotations

from bloop.store.errors import TRANSIENT
from bloop_sdk import AuthError, BloopError, FatalError, RetriableError


def fatal(err: Exception) -> FatalError:
    """What a provider raised that is no error of the contract."""
    return FatalError(
        f"the plugin failed: {type(err).__name__}: {err}",
        code="plugin_failed",
        cure="see the log for where; `bloop plugins doctor` says whom to tell",
    )


def state_after(error: BloopError) -> str:
    """The state of a connection whose run ended with an error."""
    if isinstance(error, AuthError):
        return "auth_failed"
    again = isinstance(error, RetriableError) or error.code in TRANSIENT
    return "retrying" if again else "degraded"

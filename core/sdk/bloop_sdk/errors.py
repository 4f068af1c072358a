"""Every error a plugin may raise, grouped by what the hub does about it.

========================  =====================================================
raise                     and the hub
========================  =====================================================
:class:`FatalError`       ends the run; a person has to change something
:class:`AuthError`        ends the run and asks for new credentials
:class:`RetriableError`   tries again later, never before ``retry_after``
:class:`SkippableError`   puts one record into quarantine and goes on
========================  =====================================================

Anything else that leaves a plugin is treated as :class:`FatalError` and counted against the
plugin's circuit breaker.
"""

from __future__ import annotations


class BloopError(Exception):
    """What failed, where, and what to do.

    ``code`` is stable and machine-readable; ``cure`` is a sentence for the person who can act.
    """

    code = "error"

    def __init__(self, message: str, *, cure: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cure = cure
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} ({self.cure})" if self.cure else self.message


class FatalError(BloopError):
    """Trying again changes nothing: configuration, protocol or permission is wrong."""

    code = "fatal"


class ConfigError(FatalError):
    """A setting is missing or invalid; ``message`` names file, key and what to write."""

    code = "config_invalid"


class ManifestError(FatalError):
    """``bloop-plugin.toml`` is missing, unreadable or contradicts itself."""

    code = "manifest_invalid"


class UnsupportedError(FatalError):
    """The system outside (or this plugin) cannot do what was asked."""

    code = "unsupported"


class NotFoundError(FatalError):
    """It is not there, or not for whoever asks: they are not told which."""

    code = "not_found"


class BudgetError(FatalError):
    """What the institution allows for a while is used up."""

    code = "budget_used"


class HostileInputError(FatalError):
    """Input was refused before anything was read from it: a bomb, a traversal, an entity."""

    code = "hostile_input"


class PreconditionFailedError(FatalError):
    """A write met a newer version on the other side; read again and decide."""

    code = "precondition_failed"


class AuthError(BloopError):
    """The credential was refused: missing, wrong or revoked."""

    code = "auth_failed"


class CredentialExpiredError(AuthError):
    """The credential was valid once; renewing it is enough."""

    code = "credential_expired"


class PermissionMissingError(AuthError):
    """The credential works but lacks a permission, which ``permission`` names."""

    code = "permission_missing"

    def __init__(self, message: str, *, permission: str, cure: str | None = None) -> None:
        super().__init__(message, cure=cure)
        self.permission = permission


class RetriableError(BloopError):
    """It may work later. ``retry_after`` is a floor in seconds; None leaves it to the hub."""

    code = "retriable"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        cure: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, cure=cure, code=code)
        self.retry_after = retry_after


class RateLimitedError(RetriableError):
    """The other side asked for fewer requests."""

    code = "rate_limited"


class UnavailableError(RetriableError):
    """The other side is down, in maintenance, or the connection broke."""

    code = "unavailable"


class DeadlineError(RetriableError):
    """It took longer than it may."""

    code = "deadline"


class SkippableError(BloopError):
    """One record cannot be used. ``ref`` says which, as ``kind:remote_id``."""

    code = "record_skipped"

    def __init__(
        self,
        message: str,
        *,
        ref: str | None = None,
        cure: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, cure=cure, code=code)
        self.ref = ref


class MalformedRecordError(SkippableError):
    """The record is not what the system's documentation promises."""

    code = "record_malformed"


class ForbiddenRecordError(SkippableError):
    """This one record may not be read with this credential."""

    code = "record_forbidden"


class MissingRecordError(SkippableError):
    """The record is referred to but does not exist."""

    code = "record_missing"

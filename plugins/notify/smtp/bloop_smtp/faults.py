"""What mail servers answer, as errors of the contract: whose fault it is, and when to come again.

A server's own words may hold the receiver's address, so that only its codes are told.
"""

from __future__ import annotations

import aiosmtplib

from bloop_sdk import (
    AuthError,
    BloopError,
    ConfigError,
    MalformedRecordError,
    RetriableError,
    SkippableError,
    UnavailableError,
)

BUSY_SECONDS = 60.0
"""A server that asks to come back later (4xx) is asked again after so long: many grey-list."""
QUOTA_SECONDS = 3600.0

_LOGIN = frozenset({530, 534, 535, 538})
"""RFC 4954, section 6: about who sends, whatever it is."""
_QUOTA = frozenset({"5.4.5"})
"""A day's limit that is used up; Google says so with a 550."""
_SENDER = frozenset({"5.2.252", "5.7.57", "5.7.60"})
"""Microsoft 365: whoever logged in may not send as the sender, or nobody did."""


def refused(error: Exception) -> BloopError:
    """Why a message that was handed over is not taken."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return _replied(error.recipients[0], "the recipient")
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return SkippableError(
            "the mail server takes no address with letters other than ASCII's before its @",
            ref="message",
            cure="give another address, or name a mail server that has SMTPUTF8",
        )
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _replied(error, "the message")
    if isinstance(error, ValueError):
        return MalformedRecordError("a message with an address or text that can't be sent")
    return UnavailableError(
        f"the mail server broke off: {type(error).__name__}", retry_after=BUSY_SECONDS
    )


def not_let_in(error: aiosmtplib.SMTPAuthenticationError, where: str, user: str) -> BloopError:
    """Why a login failed: 4xx are passing troubles of the server (RFC 4954, 454)."""
    if error.code in _LOGIN or error.code >= 500:
        return AuthError(
            f"{where} does not let {user} in ({error.code})", cure="see to username and password"
        )
    return UnavailableError(
        f"{where} lets {user} in later ({error.code})", retry_after=BUSY_SECONDS
    )


def _replied(error: aiosmtplib.SMTPResponseException, what: str) -> BloopError:
    code, status = error.code, str(error.message).partition(" ")[0]
    if code in _LOGIN:
        return AuthError(
            f"the mail server wants to know who sends ({code})",
            cure="set username and password, and tls as the server wants it",
        )
    if status in _QUOTA:
        return RetriableError(
            f"the mail server takes no more today ({code} {status})", retry_after=QUOTA_SECONDS
        )
    if not 500 <= code < 600:
        # 4xx; and what is no reply, of which nobody knows what it means for the message.
        return RetriableError(
            f"the mail server takes {what} later ({code})", retry_after=BUSY_SECONDS
        )
    if isinstance(error, aiosmtplib.SMTPSenderRefused) or status in _SENDER:
        return ConfigError(
            f"the mail server takes nothing from this sender ({code})",
            cure="set sender to an address that the user may send from",
        )
    return SkippableError(f"the mail server refuses {what} ({code})", ref="message")

"""Messages over SMTP (RFC 5321), at least once: the protocol can't tell whether one was taken.

A message that is tried again has the same ``Message-ID``, by which mail servers and programs know
it. Addresses, subjects and texts reach no log.
"""

from __future__ import annotations

import hashlib
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr

import aiosmtplib

from bloop_sdk import (
    AuthError,
    CallContext,
    ConfigError,
    MalformedRecordError,
    RetriableError,
    SkippableError,
    UnavailableError,
)
from bloop_sdk.providers.services import Notification
from bloop_smtp.config import SmtpConfig

BUSY_SECONDS = 60.0
"""A server that asks to come back later (4xx) is asked again after so long: many grey-list."""


class SmtpNotifier:
    """Hands messages to one mail server, each over a connection of its own."""

    def __init__(self, ctx: CallContext) -> None:
        config = ctx.config
        assert isinstance(config, SmtpConfig)
        self._config = config

    async def check(self) -> str:
        """Log in and out again; the server as ``host:port``, or what is wrong there is raised."""
        async with Session(self._config) as client:
            await client.noop()
        return f"{self._config.host}:{self._config.port}"

    async def notify(self, notification: Notification) -> None:
        """Hand the message over; raises SkippableError where the server will never take it."""
        message = self._message(notification)
        async with Session(self._config) as client:
            try:
                await client.send_message(message)
            except aiosmtplib.SMTPRecipientsRefused as err:
                codes = [refused.code for refused in err.recipients]
                raise _refused(max(codes, default=550), "the recipient") from None
            except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPException) as err:
                raise _refused(getattr(err, "code", 450), "the message") from None

    def _message(self, notification: Notification) -> EmailMessage:
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        try:
            message["From"] = self._config.sender
            message["To"] = notification.to
            message["Subject"] = notification.subject
        except (ValueError, HeaderParseError, IndexError) as err:
            # A line break would begin a header of its own.
            raise MalformedRecordError("a message with an address or subject that is none") from err
        if len(message["To"].addresses) != 1 or not message["To"].addresses[0].domain:
            raise MalformedRecordError("a message goes to one person's address")
        domain = parseaddr(self._config.sender)[1].rpartition("@")[2]
        key = notification.idempotency_key.encode() or bytes(message)
        message["Message-ID"] = f"<{hashlib.sha256(key).hexdigest()[:32]}@{domain}>"
        message["Date"] = formatdate()
        # So that nobody's vacation notice answers (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notification.text)
        if notification.html is not None:
            message.add_alternative(notification.html, subtype="html")
        return message


class Session:
    """A connection that is logged in; ``async with`` gives the client."""

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config
        self._client = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            use_tls=config.tls == "implicit",
            start_tls=config.tls == "starttls",
            timeout=config.timeout_seconds,
        )

    async def __aenter__(self) -> aiosmtplib.SMTP:
        config = self._config
        where = f"{config.host}:{config.port}"
        try:
            await self._client.connect()
            if config.username is not None and config.password is not None:
                await self._client.login(config.username, config.password.get_secret_value())
        except aiosmtplib.SMTPAuthenticationError:
            self._client.close()
            raise AuthError(
                f"{where} does not let {config.username} in", cure="see to username and password"
            ) from None
        except aiosmtplib.SMTPNotSupported as err:
            self._client.close()
            raise ConfigError(f"{where} can't do what is asked of it: {err}") from None
        except (aiosmtplib.SMTPException, OSError) as err:
            self._client.close()
            raise UnavailableError(
                f"{where} can't be reached: {type(err).__name__}",
                cure="see to host, port and tls, and to the server's certificate",
                retry_after=BUSY_SECONDS,
            ) from None
        return self._client

    async def __aexit__(self, *_error: object) -> None:
        try:
            await self._client.quit()
        except (aiosmtplib.SMTPException, OSError):
            self._client.close()


def _refused(code: int, what: str) -> Exception:
    """The contract's error for a reply; the server's own words may hold the address."""
    if 400 <= code < 500:
        return RetriableError(
            f"the mail server takes {what} later ({code})", retry_after=BUSY_SECONDS
        )
    return SkippableError(f"the mail server refuses {what} ({code})", ref="message")

"""Messages over SMTP (RFC 5321), at least once: the protocol can't tell whether one was taken.

A message that is tried again has the same ``Message-ID``, by which mail servers and programs know
it. Addresses, subjects and texts reach no log.
"""

from __future__ import annotations

import hashlib
from email.errors import HeaderParseError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any
from uuid import uuid4

import aiosmtplib

from bloop_sdk import CallContext, ConfigError, MalformedRecordError, UnavailableError
from bloop_sdk.providers.services import Notification
from bloop_smtp.addresses import mailbox
from bloop_smtp.config import SmtpConfig
from bloop_smtp.faults import BUSY_SECONDS, not_let_in, refused

TAKEN_SECONDS = 240.0
"""So long a server may think about a whole message: it scans it, or makes strangers wait.

Who asks sooner has it sent twice (RFC 5321, 4.5.3.2.6, which would wait for ten minutes).
"""
QUIT_SECONDS = 5.0


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
        sender, to = (message[name].addresses[0].addr_spec for name in ("From", "To"))
        async with Session(self._config) as client:
            try:
                await client.send_message(message, sender=sender, recipients=[to])
            except (aiosmtplib.SMTPException, ValueError, OSError) as err:
                raise refused(err) from None

    def _message(self, notification: Notification) -> EmailMessage:
        message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
        sender = mailbox(self._config.sender)
        try:
            to = mailbox(notification.to)
        except ValueError:
            raise MalformedRecordError("a message goes to one person's address") from None
        try:
            message["From"], message["To"] = sender, to
            message["Subject"] = notification.subject
            message.set_content(notification.text)
            if notification.html is not None:
                message.add_alternative(notification.html, subtype="html")
        except (ValueError, HeaderParseError, IndexError) as err:
            # A line break would begin a header of its own.
            raise MalformedRecordError("a message with a subject or text that is none") from err
        # What has no key is no other's double, though it says the same: mailboxes show one id once.
        key = notification.idempotency_key or uuid4().hex
        id_ = hashlib.sha256(key.encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{id_}@{sender.domain}>"
        message["Date"] = formatdate()
        # So that nobody's vacation notice answers (RFC 3834), nor Exchange's.
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "OOF, AutoReply"
        return message


class _Client(aiosmtplib.SMTP):
    async def data(self, message: str | bytes, /, **_given: Any) -> aiosmtplib.SMTPResponse:
        return await super().data(message, timeout=TAKEN_SECONDS)


class Session:
    """A connection that is logged in; ``async with`` gives the client."""

    def __init__(self, config: SmtpConfig) -> None:
        self._config = config
        self._client = _Client(
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
        except aiosmtplib.SMTPAuthenticationError as err:
            self._client.close()
            raise not_let_in(err, where, config.username or "") from None
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
        except BaseException:
            self._client.close()
            raise
        return self._client

    async def __aexit__(self, *_error: object) -> None:
        try:
            # The message is taken by now: who is slow to say goodbye must not have it sent again.
            await self._client.quit(timeout=QUIT_SECONDS)
        except (aiosmtplib.SMTPException, OSError):
            self._client.close()

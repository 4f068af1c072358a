from __future__ import annotations

import asyncio
import datetime as dt
import socket
import ssl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bloop_sdk.testing import FakeContext
from bloop_smtp.config import SmtpConfig
from bloop_smtp.provider import SmtpNotifier


class Mailbox:
    """What a real SMTP server has taken, and what it answers instead."""

    def __init__(self):
        self.taken = []
        self.reply = {}
        self.envelopes = []
        self.slow_seconds = 0.0

    async def handle_MAIL(self, _server, _session, envelope, address, _options):  # noqa: N802
        if reply := self.reply.get("mail"):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
        if reply := self.reply.get("rcpt"):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802
        if reply := self.reply.get("data"):
            return reply
        self.taken.append(envelope.content)
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        await asyncio.sleep(self.slow_seconds)
        return "250 OK"


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A server's certificate for localhost; (file, context)."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, keyfile = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    keyfile.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, keyfile)
    return cert, context


def let_in(_server, _session, _envelope, _mechanism, given):
    """Ada may come in, by her password; Bob has to wait."""
    if isinstance(given, LoginPassword) and given.login == b"bob":
        return AuthResult(success=False, handled=False, message="454 4.7.0 not now")
    known = isinstance(given, LoginPassword) and given == LoginPassword(b"ada", b"right")
    return AuthResult(success=known, handled=known)


@pytest.fixture
def serve(mailbox):
    """Start a server with these options; gives its port."""
    running = []

    def start(**options):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
        running.append(server)
        server.start()
        return port

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def notifier(tmp_path):
    """A notifier with these settings."""

    def make(**settings):
        given = {"host": "localhost", "sender": "Riverside <learn@example.edu>", "tls": "none"}
        return SmtpNotifier(FakeContext(config=SmtpConfig(**(given | settings)), data_dir=tmp_path))

    return make

"""What Azure's SDK makes of refusals, closed connections and cuts."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import traceback

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bloop_azure_speech import process
from bloop_azure_speech.config import AzureSpeechConfig
from bloop_azure_speech.provider import AzureVoices
from bloop_sdk import (
    AuthError,
    ConfigError,
    DeadlineError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.testing import FakeContext, reply
from plugins.ai.azure_speech.tests.fake_azure import AVA, KEY, FakeAzure

TEXT = "A private sentence."

# The SDK itself connects a second time after some of them.
REFUSED = [
    (401, AuthError, "auth_failed"),
    (403, PermissionMissingError, "permission_missing"),
    (429, RateLimitedError, "rate_limited"),
    (404, FatalError, "fatal"),
    (400, UnsupportedError, "unsupported"),
    (500, UnavailableError, "unavailable"),
    (503, UnavailableError, "unavailable"),
    ("bad", UnsupportedError, "unsupported"),
    ("cut", UnavailableError, "unavailable"),
    ("half", UnavailableError, "unavailable"),
]


@pytest.mark.parametrize(("plan", "kind", "code"), REFUSED)
async def test_each_failure_becomes_an_error_with_a_cure(
    fake, make_voices, caplog, plan, kind, code
):
    fake.planned = [plan] * 4
    provider = make_voices()
    with caplog.at_level("DEBUG"), pytest.raises(kind) as caught:
        await provider.synthesize(TEXT, AVA)
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert caught.value.cure
    told = "".join(traceback.format_exception(caught.value))
    for secret in (TEXT, KEY):
        assert secret not in told + caplog.text + str(provider._ctx.log.lines)


async def test_a_connection_that_is_cut_once_is_made_again(fake, make_voices):
    fake.planned = ["cut"]
    speech = await make_voices().synthesize(TEXT, AVA)
    assert len(speech.words) == 3
    assert fake.connections == 2


async def test_a_voice_that_the_region_lacks_is_named(make_voices):
    with pytest.raises(UnsupportedError, match="en-US-NoneNeural") as caught:
        await make_voices().synthesize(TEXT, "en-US-NoneNeural")
    assert caught.value.code == "no_voice"


@pytest.mark.parametrize("voice", ["", 'en-US-X"/><break/>', "../list", "en-US", "en-US-Ä"])
async def test_what_cannot_be_a_voice_is_not_asked_for(fake, make_voices, voice):
    with pytest.raises(UnsupportedError):
        await make_voices().synthesize(TEXT, voice)
    assert not fake.connections


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthError), (403, PermissionMissingError), (404, FatalError), (429, RateLimitedError)],
)
async def test_a_list_that_is_refused_says_why(fake, make_voices, status, kind):
    fake.answers = [reply(b"", status=status, headers={"Retry-After": "90"})]
    with pytest.raises(kind) as caught:
        await make_voices().voices()
    assert type(caught.value) is kind


async def test_a_key_is_in_no_command_line(make_voices):
    await make_voices().synthesize(TEXT, AVA)
    worker = process._pool._free[-1]
    assert KEY not in " ".join(worker._process.args)


async def test_a_worker_is_used_again_and_one_that_has_ended_is_replaced(make_voices):
    provider = make_voices()
    await provider.synthesize(TEXT, AVA)
    worker = process._pool._free[-1]
    await provider.synthesize(TEXT, AVA)
    assert process._pool._free[-1] is worker
    worker.kill()
    worker._process.wait()
    await provider.synthesize(TEXT, AVA)
    assert worker not in process._pool._free


async def test_a_worker_that_does_not_answer_in_time_is_ended(fake, make_voices, monkeypatch):
    monkeypatch.setattr(process, "SECONDS", 0.0)
    monkeypatch.setattr(process, "SECONDS_A_DOCUMENT", 0.0)
    before = list(process._pool._free)
    with pytest.raises(DeadlineError):
        await make_voices().synthesize(TEXT, AVA)
    assert len(process._pool._free) == max(0, len(before) - 1)


def test_a_worker_ends_when_its_parent_has_let_go_of_it():
    worker = process.Worker()
    worker._process.stdin.close()
    assert worker._process.wait(30) == 0
    worker.close()


async def test_without_the_sdk_it_says_what_to_install(make_voices, monkeypatch):
    monkeypatch.setattr(
        process.Worker, "ask", lambda *_: ({"missing": "No module named 'azure'", "bytes": 0}, b"")
    )
    with pytest.raises(ConfigError) as caught:
        await make_voices().synthesize(TEXT, AVA)
    assert "pip install azure-cognitiveservices-speech" in caught.value.cure


async def test_a_sdk_that_breaks_is_unavailable(monkeypatch):
    request = {"key": KEY, "endpoint": "no address at all", "ssml": ["<speak/>"]}
    told, _ = await process.ask(FakeContext(), request)
    assert told["error"] and TEXT not in str(told)


async def test_without_a_key_nothing_is_asked_for(fake, make_voices):
    provider = make_voices(key=None)
    for call in (provider.voices(), provider.synthesize(TEXT, AVA)):
        with pytest.raises(ConfigError, match="no key"):
            await call
    assert not fake.connections


@pytest.fixture
def certificate(tmp_path):
    """A file with a certificate for 127.0.0.1, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, kind = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    file = tmp_path / "certificate.pem"
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, kind, plain))
    return file


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_that_is_not_trusted_is_never_told_the_key(
    certificate, trusted, monkeypatch
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    fake = FakeAzure(tls=context)
    monkeypatch.setattr(process, "_pool", process._Pool())
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    provider = AzureVoices(FakeContext(config=AzureSpeechConfig(**fake.settings)))
    try:
        if trusted:
            assert len((await provider.synthesize(TEXT, AVA)).words) == 3
        else:
            with pytest.raises(UnavailableError):
                await provider.synthesize(TEXT, AVA)
    finally:
        process._pool.close()
        fake.close()
    assert fake.connections == int(trusted)

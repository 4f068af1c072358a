"""HTTPS by the hub itself: its versions, its certificate as it is renewed, and no way around it."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import re
import signal
import socket
import ssl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bloop.kernel.config_model import HttpSection
from bloop.ops import tls
from bloop.ops.serve import _check_plain
from bloop_sdk import ConfigError
from tests.ops.test_serve import PATIENCE_SECONDS, up, wait_for


def make_pair(folder, name="localhost", *, password=None):
    """A certificate of its own and its key; (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    sealed = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed)
    )
    return cert_file, key_file


def section(pair, **more):
    return HttpSection(tls_cert=pair[0], tls_key=pair[1], **more)


async def greet(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[str, bytes]:
    """The version and certificate that a client gets."""

    async def nothing(_reader, writer):
        writer.close()

    listening = await asyncio.start_server(nothing, "127.0.0.1", 0, ssl=server)
    port = listening.sockets[0].getsockname()[1]
    try:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname="localhost"
        )
        spoken = writer.get_extra_info("ssl_object")
        found = spoken.version(), spoken.getpeercert(binary_form=True)
        writer.close()
        return found
    finally:
        listening.close()


def client_of(pair, newest=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile=pair[0])
    context.maximum_version = newest
    return context


async def test_tls_1_3_is_spoken_and_1_2_only_where_it_is_asked_for(tmp_path):
    pair = make_pair(tmp_path)
    strict = tls.server_context(section(pair))
    assert (await greet(strict, client_of(pair)))[0] == "TLSv1.3"
    old = client_of(pair, ssl.TLSVersion.TLSv1_2)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await greet(strict, old)
    patient = tls.server_context(section(pair, tls_min="1.2"))
    assert (await greet(patient, old))[0] == "TLSv1.2"


async def test_of_tls_1_2_nothing_without_forward_secrecy_is_spoken(tmp_path):
    pair = make_pair(tmp_path)
    context = tls.server_context(section(pair, tls_min="1.2"))
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert names
    assert all(name.startswith(("ECDHE-", "TLS_")) for name in names)
    assert all("GCM" in name or "CHACHA20" in name or "CCM" in name for name in names)


async def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.01)
    pair = make_pair(tmp_path)
    context = tls.server_context(section(pair))
    following = asyncio.create_task(tls.follow(context, *pair))
    try:
        before = (await greet(context, client_of(pair)))[1]
        kept = pair[0].read_bytes()
        pair[0].write_text("nonsense")
        await asyncio.sleep(0.1)
        pair[0].write_bytes(kept)
        assert (await greet(context, client_of(pair)))[1] == before
        make_pair(tmp_path)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    if (await greet(context, client_of(pair)))[1] != before:
                        break
                except (ssl.SSLError, ConnectionError):
                    pass  # The old one is still shown, which the client does not know any more.
                await asyncio.sleep(0.02)
    finally:
        following.cancel()


@pytest.mark.parametrize("fault", ["no key", "no file", "another key", "a password", "no PEM"])
def test_what_is_wrong_with_a_certificate_is_told(tmp_path, fault):
    cert, key = make_pair(tmp_path)
    http = section((cert, key))
    if fault == "no key":
        http = HttpSection(tls_cert=cert)
    elif fault == "no file":
        key.unlink()
    elif fault == "another key":
        http = section((cert, make_pair(tmp_path, "other")[1]))
    elif fault == "a password":
        http = section(make_pair(tmp_path, password=b"secret"))
    else:
        cert.write_text("certificate")
    with pytest.raises(ConfigError) as caught:
        tls.server_context(http)
    assert (
        "tls_key" in str(caught.value)
        or str(cert) in str(caught.value)
        or "PEM" in str(caught.value)
    )
    assert caught.value.cure


@pytest.mark.parametrize(
    ("settings", "refused"),
    [
        ({}, True),
        ({"public_url": "http://learn.example.edu"}, True),
        ({"public_url": "https://learn.example.edu"}, False),
        ({"tls_cert": "a.pem", "tls_key": "a.key"}, False),
        ({"allow_plain": True}, False),
    ],
)
def test_others_reach_a_hub_over_tls_or_not_at_all(settings, refused):
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        http = HttpSection(**settings)
        if not refused:
            _check_plain(http, listener)
            return
        with pytest.raises(ConfigError, match="no TLS") as caught:
            _check_plain(http, listener)
        assert "tls_cert" in caught.value.cure


def test_on_this_machine_alone_no_tls_is_asked_for():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        _check_plain(HttpSection(), listener)


def test_a_hub_with_a_certificate_serves_https_and_says_so(tmp_path):
    pair = make_pair(tmp_path)
    config = tmp_path / "hub.toml"
    config.write_text(f'[http]\ntls_cert = "{pair[0].name}"\ntls_key = "{pair[1].name}"\n')
    with up(config, "--port", "0") as (process, text):
        link = wait_for(r"https://127\.0\.0\.1:\d+/start\?token=\S+", process, text)[0]
        with httpx.Client(verify=client_of(pair)) as client:
            page = client.get(link)
            assert page.headers["strict-transport-security"] == "max-age=31536000"
            (cookie,) = re.findall(r"__Host-bloop=.*", page.headers["set-cookie"])
            assert "Secure" in cookie and "HttpOnly" in cookie
        with pytest.raises(httpx.HTTPError):
            httpx.get(link.replace("https:", "http:"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0

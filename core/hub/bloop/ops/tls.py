"""HTTPS by the hub itself: the certificate of ``[http] tls_cert``, read again as it is renewed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from bloop.kernel.config_model import HttpSection
from bloop.telemetry.logs import get_logger
from bloop_sdk import ConfigError

LOOK_SECONDS = 30.0
"""How often the files are looked at: certificates are renewed every few weeks or days."""

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_OLD_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2, what has forward secrecy and authenticated encryption (RFC 9325, section 4.2)."""

log = get_logger("bloop.tls")


def server_context(http: HttpSection) -> ssl.SSLContext | None:
    """What TLS is spoken with; None where the hub speaks none. Raises ConfigError."""
    if http.tls_cert is None and http.tls_key is None:
        return None
    if http.tls_cert is None or http.tls_key is None:
        missing = "tls_cert" if http.tls_cert is None else "tls_key"
        raise ConfigError(
            f"[http] {missing} is not set", cure="tls_cert and tls_key belong together: set both"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[http.tls_min]
    context.set_ciphers(_OLD_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    _load(context, http.tls_cert, http.tls_key)
    return context


async def follow(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    """Use a renewed certificate for new connections; a broken one is logged, and the old stays."""
    seen = _stamp(cert, key)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        stamp = _stamp(cert, key)
        if stamp == seen:
            continue
        try:
            # First apart: loading half of a new pair would spoil the context in use.
            await asyncio.to_thread(_load, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), cert, key)
            _load(context, cert, key)
        except ConfigError as err:
            log.error("the new certificate is not used", error=err, cure=err.cure)  # noqa: TRY400
        else:
            log.info("a new certificate is in use", file=str(cert))
        seen = stamp


def _load(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except FileNotFoundError as err:
        missing = key if cert.is_file() else cert
        raise ConfigError(
            f"{missing} is not there", cure="[http] tls_cert and tls_key name the files"
        ) from err
    except (OSError, ValueError) as err:
        reason = getattr(err, "strerror", None) or getattr(err, "reason", None) or err
        raise ConfigError(
            f"{cert} and {key} can't be used: {reason}",
            cure="they have to be a certificate chain and its own key, as PEM without a password, "
            "that the hub's user may read",
        ) from err


def _no_password() -> str:
    raise ValueError("the key has a password")


def _stamp(*files: Path) -> tuple[tuple[int, int] | None, ...]:
    return tuple(
        (status.st_mtime_ns, status.st_ino) if file.is_file() and (status := file.stat()) else None
        for file in files
    )

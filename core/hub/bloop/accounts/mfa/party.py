"""The relying party of passkeys (WebAuthn, section 5.1): the host name that browsers know."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from bloop.accounts.access import hub_of
from bloop_sdk import UnsupportedError


@dataclass(frozen=True, slots=True)
class Party:
    """``id`` is a host name, ``origin`` what a browser says of the page that asked."""

    id: str
    origin: str
    name: str


class NoPasskeysError(UnsupportedError):
    """The hub has no host name, which browsers tie passkeys to."""

    code = "no_passkeys"


def party_of(request: Request) -> Party:
    """The relying party that ``[http] public_url`` makes of this hub.

    Without one a hub answers loopback names alone, of which ``localhost`` is one that passkeys can
    be tied to. Raises :class:`NoPasskeysError` for an address without a name.
    """
    config = hub_of(request).config.value
    url = urlsplit(config.public_url)
    if config.http.public_url is None and _is_loopback(url.hostname or ""):
        # Its port may have been chosen at the start; whoever speaks to it knows.
        url = urlsplit(f"http://{request.headers.get('host', '')}")
    name = url.hostname or ""
    if not name or _is_address(name):
        raise NoPasskeysError(
            f"browsers tie passkeys to a host name, and this hub is at {name or 'none'}",
            cure="open it as http://localhost, or set [http] public_url in hub.toml to its name",
        )
    return Party(name, f"{url.scheme}://{url.netloc}".lower(), config.hub.name)


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

"""Where a request comes from: the address behind the operator's proxies, and the browser's name."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request
from starlette.types import Scope

from bloop.accounts.access import hub_of

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
AGENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Device:
    """An address, and what the browser calls itself; both None for what is no request."""

    address: str | None = None
    agent: str | None = None


NOWHERE = Device()


def device_of(request: Request) -> Device:
    """Where this request comes from."""
    agent = request.headers.get("user-agent", "")[:AGENT_CHARACTERS] or None
    proxies = hub_of(request).config.value.http.trusted_proxies
    return Device(address_of(request.scope, proxies), agent)


_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
"""Many browsers name others as well: the first that fits is the one."""


def browser_of(agent: str | None) -> tuple[str | None, str | None]:
    """The names of the browser (or the program) and of the system, as far as they are told."""
    if agent is None:
        return None, None
    browser = next((name for mark, name in _BROWSERS if mark in agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in agent), None)
    return browser or agent.partition("/")[0][:40].strip() or None, system


def address_of(scope: Scope, proxies: Sequence[Network]) -> str | None:
    """The client's address: what the last proxy that the operator trusts was connected to by.

    ``X-Forwarded-For`` is read from its end, for what stands before may be the client's invention.
    """
    client = scope.get("client")
    address = str(client[0]) if client else None
    forwarded = [
        part.strip()
        for name, value in scope["headers"]
        if name == b"x-forwarded-for"
        for part in value.decode("latin-1").split(",")
    ]
    while forwarded and _is_within(address, proxies):
        address = forwarded.pop()
    return _plain(address)


def _is_within(address: str | None, networks: Sequence[Network]) -> bool:
    known = _parsed(address)
    return known is not None and any(known in network for network in networks)


def _parsed(address: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        known = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    return getattr(known, "ipv4_mapped", None) or known


def _plain(address: str | None) -> str | None:
    """The address in its usual form; None for what is none, like a proxy's ``unknown``."""
    known = _parsed(address)
    return None if known is None else str(known)

"""Which addresses a plugin may reach: the public internet, and what the operator allows.

The lists are our own: ``ipaddress.is_global`` is true for 192.0.0.9, 2002:7f00:1::, fec0::1 and
64:ff9b::7f00:1. Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from bloop_sdk.errors import FatalError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_DENIED_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's own service, on a public address
        "169.254.0.0/16",  # link-local, with the clouds' metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
]
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_DENIED_6 = [
    ipaddress.IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


class AddressRefusedError(FatalError):
    """The address is internal, malformed, or not one that this plugin talks to."""

    code = "address_refused"


def is_public(address: IPAddress) -> bool:
    """Whether an address is somebody's on the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            # Networks that have only IPv6 reach IPv4 so; the last four bytes are the address.
            return is_public(ipaddress.IPv4Address(address.packed[-4:]))
        return address in _GLOBAL_6 and not any(address in network for network in _DENIED_6)
    return not any(address in network for network in _DENIED_4)


class Guard:
    """Decides on URLs and on the addresses that their names lead to.

    ``allow`` holds names and networks within that may be reached all the same.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        self._networks: list[IPNetwork] = []
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                self._names.add(_plain_name(entry))

    def check_url(self, url: str) -> None:
        """Refuse what is no plain http(s) URL, and one whose host is an internal address."""
        if not url.isprintable() or " " in url or "\\" in url:
            raise AddressRefusedError("a URL holds spaces, backslashes or control characters")
        scheme, host, _ = origin(url)
        if scheme not in _PORTS or not host:
            raise AddressRefusedError(f"a URL starts with {scheme!r:.20}, not with http(s)://")
        if "@" in urlsplit(url).netloc:
            raise AddressRefusedError(
                f"the address of {host} holds a user name or password",
                cure="send them in a header",
            )
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return
        self.check_address(host, address)

    def check_address(self, host: str, address: IPAddress) -> None:
        """Refuse an address that ``host`` leads to, unless it is public or allowed."""
        if is_public(address) or _plain_name(host) in self._names:
            return
        if any(address in network for network in self._networks):
            return
        raise AddressRefusedError(
            f"{host} leads to {address}, an internal address",
            cure=f'if plugins shall reach it, add "{host}" to allow in [net] of hub.toml',
        )


def _plain_name(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL; raises :class:`AddressRefusedError` where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        # The URL is not repeated: its query may hold a token.
        raise AddressRefusedError("a URL is malformed") from None
    return parts.scheme, _plain_name(parts.hostname or ""), port


def joined(base: str, url: str) -> str:
    """``url`` relative to ``base``; raises :class:`AddressRefusedError` where it is none."""
    try:
        return urljoin(base, url)
    except ValueError:
        raise AddressRefusedError("a URL is malformed") from None


def same_host(url: str, base: str) -> bool:
    """Whether ``url``, taken relative to ``base``, stays on its host: for next links and redirects.

    The port has to stay too. From http to https on the usual ports is no change, back is one.
    """
    try:
        here, there = origin(base), origin(joined(base, url))
    except AddressRefusedError:
        return False
    upgraded = (here[0], here[2], there[0], there[2]) == ("http", 80, "https", 443)
    return here == there or (upgraded and here[1] == there[1])

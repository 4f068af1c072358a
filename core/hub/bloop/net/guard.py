"""Which addresses a plugin may reach: the public internet, and what the operator allows.

The lists are our own: ``ipaddress.is_global`` is true for 192.0.0.9, 2002:7f00:1::, fec0::1 and
64:ff9b::7f00:1. Sources: the IANA special-purpose registries for IPv4 and IPv6 (RFC 6890).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from bloop_sdk._http.urls import PORTS, AddressRefusedError, origin, plain_name

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
                self._names.add(plain_name(entry))

    def check_url(self, url: str) -> None:
        """Refuse what is no plain http(s) URL, and one whose host is an internal address."""
        if not url.isprintable() or " " in url or "\\" in url:
            raise AddressRefusedError("a URL holds spaces, backslashes or control characters")
        scheme, host, _ = origin(url)
        if scheme not in PORTS or not host:
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
        if is_public(address) or plain_name(host) in self._names:
            return
        if any(address in network for network in self._networks):
            return
        raise AddressRefusedError(
            f"{host} leads to {address}, an internal address",
            cure=f'if plugins shall reach it, add "{host}" to allow in [net] of hub.toml',
        )

"""URLs: their parts, what they lead to, and whether they stay on a host."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel

from bloop_sdk.errors import FatalError
from bloop_sdk.http import Request

PORTS = {"http": 80, "https": 443}


class AddressRefusedError(FatalError):
    """The address is internal, malformed, or not one that this plugin talks to."""

    code = "address_refused"


def told(request: Request) -> str:
    """The request in an error: its query may hold secrets and is left out."""
    try:
        parts = urlsplit(request.url)
    except ValueError:
        return f"{request.method} to a malformed URL"
    return f"{request.method} {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def plain_name(host: str) -> str:
    """A host's name in one form, without brackets and the last dot."""
    return host.strip("[]").rstrip(".").lower()


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL; raises :class:`AddressRefusedError` where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        # The URL is not repeated: its query may hold a token.
        raise AddressRefusedError("a URL is malformed") from None
    return parts.scheme, plain_name(parts.hostname or ""), port


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


def hosts_within(setting: Any) -> Iterator[str]:
    """The hosts of the URLs in a setting: the URL itself, or those of a list or a table.

    A ``https://*`` opens no way to all.
    """
    if isinstance(setting, BaseModel):
        setting = dict(setting)
    if isinstance(setting, Mapping):
        setting = list(setting.values())
    if isinstance(setting, list | tuple | set | frozenset):
        for part in setting:
            yield from hosts_within(part)
    elif setting is not None:
        try:
            host = urlsplit(str(setting)).hostname
        except ValueError:
            return
        if host and not set(host) & set("*?[]"):
            yield host

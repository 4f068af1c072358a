"""Where a request comes from: its address, and what its browser calls itself."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request

AGENT_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Device:
    """An address, and what the browser calls itself; both None for what is no request."""

    address: str | None = None
    agent: str | None = None


NOWHERE = Device()


def device_of(request: Request) -> Device:
    """Where this request comes from; behind proxies that are trusted, the client's own address."""
    agent = request.headers.get("user-agent", "")[:AGENT_CHARACTERS] or None
    client = request.client
    return Device(client.host[:64] if client else None, agent)


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

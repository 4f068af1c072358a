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

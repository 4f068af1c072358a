"""How much each person, token and address may ask: decided at the edge, by the kind of route."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from starlette.types import Scope

from bloop.accounts.access import HubParts, RateKind, Route
from bloop.store.rates import LocalRates, Rate, RatesUnavailableError, SharedRates, Subject
from bloop_sdk import BloopError, Call, PrincipalKind

CLOSED: frozenset[str] = frozenset({"login", "payment"})
"""Kinds that are refused where nobody can count them: they are worth guessing for."""

MOST_MET = 100
"""So many of those who were refused are remembered, until the process ends."""

_FORWARDED = frozenset({b"x-forwarded-for", b"forwarded"})


class TooManyRequestsError(BloopError):
    """Somebody asks more often than they may."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, cure=f"wait {math.ceil(retry_after)} s, then ask less often")
        self.retry_after = retry_after


@dataclass(slots=True)
class Met:
    """Somebody who asked more often than they may: ``times`` refused, of one kind of request."""

    kind: str
    institution: str
    who: str
    """``user:ID`` and the like, or the address of somebody who was not logged in."""
    last: datetime
    times: int = 1


class RateLimits:
    """Lets requests pass or raises :class:`TooManyRequestsError`.

    Reads are counted in this process, which costs about a microsecond; what changes something, or
    logs in, in Redis where there is one.
    """

    def __init__(self, hub: HubParts, shared: SharedRates | None = None) -> None:
        rates = hub.config.value.rates
        self._own: dict[str, Rate | None] = {
            "read": _rate(rates.reads),
            "write": _rate(rates.writes),
            "upload": _rate(rates.uploads),
            "payment": _rate(rates.payments),
            "login": None,
            "inbound": None,
        }
        # Many people sit behind the one address of a school.
        self._address: dict[str, Rate | None] = {
            kind: _rate(rate.number * rates.address_factor) if rate else None
            for kind, rate in self._own.items()
        } | {"login": _rate(rates.logins), "inbound": _rate(rates.calls)}
        self._local = LocalRates()
        self._shared = shared
        self._met: dict[tuple[str, str, str], Met] = {}

    def met(self) -> list[Met]:
        """Who was refused lately by this process, the last first; nothing of it is written down."""
        return sorted(self._met.values(), key=lambda one: one.last, reverse=True)

    async def welcome(self, route: Route, scope: Scope, call: Call) -> None:
        """Count a request; raises where it is one too many."""
        await self.count(route.rate, scope, call)

    async def count(self, kind: RateKind, scope: Scope, call: Call) -> None:
        """Count a request as one of a kind; raises where it is one too many of those."""
        address = _address_of(scope)
        if address is None:
            return
        subjects = self._subjects(kind, address, call)
        if not subjects:
            return
        if self._shared is None or kind == "read":
            wait = self._local.take(subjects)
        else:
            wait = await self._together(self._shared, kind, subjects)
        if wait:
            self._note(kind, address, call)
            raise TooManyRequestsError(_WORDS[kind], retry_after=wait)

    def _note(self, kind: str, address: str, call: Call) -> None:
        principal = call.principal
        is_guest = principal.kind is PrincipalKind.GUEST
        who = address if is_guest else f"{principal.kind}:{principal.id}"
        key, now = (kind, call.institution, who), datetime.now(UTC)
        if (known := self._met.pop(key, None)) is not None:
            known.times, known.last = known.times + 1, now
        # Behind all others: the first is who was refused longest ago.
        self._met[key] = known or Met(*key, now)
        if len(self._met) > MOST_MET:
            del self._met[next(iter(self._met))]

    async def _together(self, shared: SharedRates, kind: str, subjects: Sequence[Subject]) -> float:
        try:
            return await shared.take(subjects)
        except RatesUnavailableError:
            if kind in CLOSED:
                raise
            return self._local.take(subjects)

    def _subjects(self, kind: RateKind, address: str, call: Call) -> list[Subject]:
        found = []
        own, of_address = self._own[kind], self._address[kind]
        principal = call.principal
        if own is not None and principal.kind is not PrincipalKind.GUEST:
            found.append(Subject(f"{kind}:{call.institution}:{principal.id}", own))
        if of_address is not None:
            found.append(Subject(f"{kind}:{address}", of_address))
        return found


def _rate(number: int) -> Rate | None:
    return Rate(number) if number else None


def _address_of(scope: Scope) -> str | None:
    """Who is counted: an IPv4 address, an IPv6 network of a household; None for this machine.

    What a proxy of this machine brings is counted, whoever it says that it is from.
    """
    client = scope.get("client")
    if client is None:
        return None
    address = _counted(client[0])
    if address is None and any(name in _FORWARDED for name, _ in scope["headers"]):
        return "this machine"
    return address


@lru_cache(maxsize=4096)
def _counted(client: str) -> str | None:
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client[:64]
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain.is_loopback:
        return None
    if plain.version == 6:
        return str(ipaddress.ip_network((plain, 64), strict=False).network_address)
    return str(plain)


_WORDS: dict[str, str] = {
    "read": "too many requests in a minute",
    "write": "too many changes in a minute",
    "upload": "too many files in a minute",
    "login": "too many tries to log in from this address in a minute",
    "payment": "too many payments in a minute",
    "inbound": "too many calls from this address in a minute",
}

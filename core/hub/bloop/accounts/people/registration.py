"""Who may register by themselves: each institution decides for its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from bloop.accounts.emails import domain_of, normalised
from bloop.accounts.models import Institution
from bloop.store.commands import command
from bloop.store.errors import InvalidError
from bloop.store.unit import UnitOfWork

Mode = Literal["off", "domains", "open"]
MOST_DOMAINS = 50
_KEY = "registration"


@dataclass(frozen=True, slots=True)
class Registration:
    """``off``: nobody; ``domains``: who has an address of one of them; ``open``: everybody."""

    mode: Mode = "off"
    domains: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """What an institution's settings say."""
        found = settings.get(_KEY, {})
        return cls(found.get("mode", "off"), tuple(found.get("domains", ())))


@command("institutions:configure")
def set_registration(
    unit: UnitOfWork, version: int | None, *, mode: Mode, domains: Sequence[str]
) -> None:
    """Decide it for the unit's institution; a subdomain is another domain.

    Raises InvalidError, and ConflictError for another version of the institution.
    """
    institution = unit.session.get_one(Institution, unit.institution)
    unit.expect(institution, version)
    clean = tuple(dict.fromkeys(_domain(one) for one in domains))
    if mode == "domains" and not clean:
        raise InvalidError("name a domain at least", field="domains")
    if len(clean) > MOST_DOMAINS:
        raise InvalidError(f"there are at most {MOST_DOMAINS} domains", field="domains")
    told = {"mode": mode, "domains": list(clean)}
    if Registration.of(institution.settings) == Registration(mode, clean):
        return
    institution.settings = {**institution.settings, _KEY: told}
    unit.audit.append("institutions:configure", f"institution:{institution.id}", {_KEY: told})
    unit.outbox.append("user.registration_changed", f"institution:{institution.id}", told)


def _domain(text: str) -> str:
    try:
        return domain_of(normalised(f"somebody@{text.strip().removeprefix('@')}"))
    except InvalidError as err:
        raise InvalidError(
            f"{text[:80]!r} is no domain", field="domains", cure="write one like example.edu"
        ) from err

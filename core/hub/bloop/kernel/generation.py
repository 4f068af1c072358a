"""What is wanted of plugins, agreed between machines: the newest edit of any ``hub.toml`` counts.

Each machine offers its file. One that has changed since it was last seen there becomes what is
wanted everywhere; one that has not follows what was wanted meanwhile on another machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import select

from bloop.kernel.config import LoadedConfig, parse
from bloop.kernel.config_layers import LayerKind
from bloop.kernel.models import HubGeneration
from bloop.store.inserting import INSERT
from bloop.store.types import dumps, utcnow
from bloop.store.unit import UnitOfWork

MACHINES_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Offer:
    """One machine's file: ``text`` is its digest, ``plugins`` its table of that name."""

    host: str
    text: str
    edited_at: datetime
    plugins: Mapping[str, Any] = field(repr=False)

    @property
    def generation(self) -> str:
        """A hash over ``plugins``, the same on every machine that wants the same."""
        return digest(dumps(self.plugins))


@dataclass(frozen=True, slots=True)
class InForce:
    """What is wanted everywhere, and on which machine somebody said so."""

    generation: str
    host: str
    plugins: Mapping[str, Any] = field(repr=False)


def offer_of(config: LoadedConfig, host: str) -> Offer:
    """What a machine's file says of plugins: references in place of secrets, as it has to."""
    file = next(layer for layer in config.layers if layer.kind is LayerKind.FILE)
    plugins = file.values.get("plugins", {})
    edited = config.path.stat().st_mtime if config.path and config.path.exists() else 0.0
    return Offer(
        host,
        digest(config.text),
        datetime.fromtimestamp(edited, UTC),
        orjson.loads(dumps(plugins)),
    )


def settle(unit: UnitOfWork, offer: Offer) -> InForce:
    """Offer a file and get what is in force: the same, or what another machine wanted since."""
    row = _row(unit, offer)
    seen = row.wanted["files"].get(offer.host)
    if seen != offer.text:
        # A machine not seen before may have been set up with an old copy: then its age tells.
        newest = seen is not None or offer.edited_at > row.set_at
        files = {**row.wanted["files"], offer.host: offer.text}
        wanted = {**row.wanted, "files": dict(list(files.items())[-MACHINES_REMEMBERED:])}
        if newest and row.generation != offer.generation:
            wanted |= {"plugins": offer.plugins, "host": offer.host}
            row.generation, row.set_at = offer.generation, utcnow()
            unit.audit.append("plugins:generation", f"generation:{offer.generation[:12]}")
        row.wanted = wanted
    return in_force(row.generation, row.wanted)


def _row(unit: UnitOfWork, offer: Offer) -> HubGeneration:
    dialect = unit.dialect
    first = {"plugins": offer.plugins, "host": offer.host, "files": {offer.host: offer.text}}
    unit.session.execute(
        INSERT[dialect](HubGeneration)
        .values(id=1, generation=offer.generation, wanted=first)
        .on_conflict_do_nothing()
    )
    return unit.session.scalars(select(HubGeneration).with_for_update()).one()


def in_force(generation: str, wanted: Mapping[str, Any]) -> InForce:
    """The row's columns as what is in force."""
    return InForce(generation, wanted["host"], wanted["plugins"])


def adopt(own: LoadedConfig, wanted: InForce) -> LoadedConfig:
    """This machine's configuration with the plugins that are wanted elsewhere.

    Environment and secrets are this machine's own. Raises ConfigError as ``load`` does.
    """
    import tomlkit

    document = tomlkit.parse(own.text)
    document["plugins"] = dict(wanted.plugins)
    path = own.path.with_name(f"{wanted.host}:{own.path.name}") if own.path else None
    adopted = parse(tomlkit.dumps(document), path, own.env)
    return replace(adopted, path=own.path, text=own.text)


def digest(text: str) -> str:
    """The SHA-256 of a text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()

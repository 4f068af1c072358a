"""Which master key seals: agreed in the database, so that all processes change over at once.

Whoever seals holds a lock that it shares with others who do, until its transaction ends; whoever
lets another key seal waits for all of them. So nothing is sealed with the key before, once it has
been switched. On SQLite the one writer is that lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bloop.store.inserting import INSERT
from bloop.store.keyring import KeySource
from bloop.store.models import EVERY_INSTITUTION, Base, KeyState, MasterKey
from bloop.store.sealed import check_place
from bloop.store.sealing import MasterKeys, Place, Sealer, version_of
from bloop.store.statements import Row, institution, register
from bloop.store.types import utcnow
from bloop_sdk import ConfigError

if TYPE_CHECKING:
    from bloop.store.unit import UnitOfWork

KEYS_LOCK = 0x0B105EA1
"""Shared by transactions that seal, held alone by the one that switches."""


KNOWN_KEYS = register(
    "store.master_keys",
    select(MasterKey.version, MasterKey.proof, MasterKey.state)
    .where(institution == EVERY_INSTITUTION)
    .order_by(MasterKey.version),
    heavy=True,
)
"""Every master key that the database knows of; for the hub's own calls."""


class KeysError(ConfigError):
    """A master key is missing, or is not the one that the database knows."""

    code = "keys_wrong"


class Ring:
    """The master keys of this process, read again when one is asked for that it does not have."""

    def __init__(self, source: KeySource) -> None:
        self.source = source
        self._keys: MasterKeys | None = None

    def keys(self, version: int = 0) -> MasterKeys:
        """The keys, with this version where the source has it. Raises ConfigError."""
        known = self._keys
        if known is None or (version and version not in known.versions):
            known = self.reload()
        if known is None:
            raise KeysError(
                f"there are no master keys in {self.source}, and secrets of the database are "
                "sealed with them",
                cure="restore it from a backup, or from another machine of this hub",
            )
        return known

    def reload(self) -> MasterKeys | None:
        """Read the source; where nothing is there any more, what was known before."""
        self._keys = self.source.read() or self._keys
        return self._keys

    def open(self, sealed: bytes, place: Place) -> bytes:
        """A sealed value, opened; raises :class:`bloop.store.sealing.SealError`."""
        return Sealer(self.keys(max(0, version_of(sealed)))).open(sealed, place)

    def check(self, version: int, proof: bytes) -> None:
        """Raise KeysError unless this ring has this very key."""
        if self._has(version, proof):
            return
        self.reload()
        if self._has(version, proof):
            return
        if version not in self.keys().versions:
            raise KeysError(
                f"master key {version} is missing in {self.source}",
                cure="add it from a backup, or from another machine of this hub",
            )
        raise KeysError(
            f"master key {version} in {self.source} is not the one that this database's secrets "
            "are sealed with",
            cure="put the ring back that belongs to this database, from its backup",
        )

    def _has(self, version: int, proof: bytes) -> bool:
        known = self._keys
        return known is not None and version in known.versions and known.proof(version) == proof

    def opens(self, version: int, proof: bytes) -> bool:
        """Whether this ring has this very key."""
        try:
            self.check(version, proof)
        except ConfigError:
            return False
        return True

    def verify(self, known: Sequence[Row]) -> None:
        """Raise KeysError where a key of KNOWN_KEYS that is needed is missing or wrong."""
        # The newest first: without it nothing can be written.
        for version, proof, state in reversed(known):
            if state in {KeyState.CURRENT, KeyState.OLD}:
                self.check(version, proof)


class UnitSealer:
    """Seals and opens secrets of one unit's rows."""

    def __init__(self, unit: UnitOfWork, ring: Ring) -> None:
        self._unit = unit
        self._ring = ring
        self._version = 0

    def seal(self, value: bytes, place: Place) -> bytes:
        """The value, to be kept at this place and no other. Raises KeysError."""
        check_place(Base.metadata, place)
        version = self.version
        return Sealer(self._ring.keys(version)).seal(value, place, version)

    def open(self, sealed: bytes, place: Place) -> bytes:
        """The value; raises :class:`bloop.store.sealing.SealError`."""
        return self._ring.open(sealed, place)

    def rewrap(self, sealed: bytes, place: Place) -> bytes:
        """The same value under the master key that seals now."""
        version = self.version
        keys = self._ring.keys(max(0, version_of(sealed)))
        return Sealer(keys).rewrap(sealed, place, version)

    @property
    def version(self) -> int:
        """The master key that seals, and goes on to do so until this unit ends."""
        # No cached_property: that of Python 3.11 holds a lock of all threads, while this waits for
        # the database's.
        if not self._version:
            session = self._unit.session
            hold(session, alone=False)
            current = current_key(session) or _first(session, self._ring)
            self._ring.check(current.version, current.proof)
            self._version = current.version
        return self._version


def hold(session: Session, *, alone: bool) -> None:
    """Keep the current master key from being switched until the transaction ends, or others."""
    if session.get_bind().dialect.name == "postgresql":
        how = "pg_advisory_xact_lock" + ("" if alone else "_shared")
        session.connection().exec_driver_sql(f"SELECT {how}({KEYS_LOCK})")


def current_key(session: Session) -> MasterKey | None:
    """The master key that seals; None before anything was sealed."""
    return session.scalar(select(MasterKey).where(MasterKey.state == KeyState.CURRENT))


def _first(session: Session, ring: Ring) -> MasterKey:
    """Make the first master key known, and the key itself where there is none."""
    keys = ring.reload()
    if keys is None:
        ring.source.add(1)
        keys = ring.keys()
    newest = max(keys.versions)
    now = utcnow()
    values = {"version": newest, "proof": keys.proof(newest), "state": KeyState.CURRENT}
    times = {"created_at": now, "switched_at": now, "rewrapped_at": now}
    dialect = session.get_bind().dialect.name
    # Of two machines that begin at once one is first; the other finds that it has another key.
    session.execute(INSERT[dialect](MasterKey).values(**values, **times).on_conflict_do_nothing())
    found = current_key(session)
    assert found is not None, "somebody inserted it"
    return found


def announce(session: Session, ring: Ring, version: int) -> None:
    """Make a master key known that seals nothing yet."""
    proof = ring.keys(version).proof(version)
    session.execute(insert(MasterKey).values(version=version, proof=proof, state=KeyState.COMING))

"""Master keys are rotated under traffic, and whoever is killed on the way goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from bloop.jobs.owners import this_process
from bloop.kernel.models import HubProcess, InstitutionPlugin
from bloop.ops import keys
from bloop.ops.keys import retire, rotate, status
from bloop.store.database import Database, in_unit
from bloop.store.errors import ConflictError, NotFoundError, StoreError
from bloop.store.keyring import KeyFile, KeyVariable, make_key
from bloop.store.keys import KNOWN_KEYS, KeysError
from bloop.store.models import AuditLine, HubSecret, MasterKey
from bloop.store.sealing import Place, SealError, version_of
from bloop.store.types import utcnow
from bloop_sdk import ConfigError
from tests.ops.rotate_and_die import STEPS, rotate_until
from tests.support.database import HOME, make_system_call

ROOT = Path(__file__).resolve().parents[2]
CALL = make_system_call()


class KilledError(BaseException):
    """What nothing of the hub catches."""


def die(*_):
    raise KilledError


def place(name):
    return Place("hub_secret", "value", name)


def put(database, *names, value=b"secret"):
    """Seal a value for each name, in one transaction."""
    with database.unit(CALL) as unit:
        for name in names:
            sealed = unit.sealer.seal(value + name.encode(), place(name))
            unit.session.merge(HubSecret(name=name, value=sealed, created_at=utcnow()))


def values(database):
    with database.reading(CALL) as unit:
        return {row.name: row.value for row in unit.session.scalars(select(HubSecret))}


def versions(database):
    return Counter(version_of(sealed) for sealed in values(database).values())


def check_all(database, value=b"secret"):
    for name, sealed in values(database).items():
        assert database.ring.open(sealed, place(name)) == value + name.encode()


def states(database):
    with database.unit(CALL) as unit:
        return {row.version: row.state for row in unit.session.scalars(select(MasterKey))}


def actions(database):
    with database.unit(CALL) as unit:
        rows = unit.session.scalars(select(AuditLine).order_by(AuditLine.seq)).all()
        return [(row.action, row.resource) for row in rows]


def add_process(database, known, **more):
    """The row of a living process with these master keys; gives its id."""
    row = HubProcess(kind="api", host="far.example", pid=7, generation="", master_keys=known)
    with database.unit(CALL) as unit:
        for name, value in more.items():
            setattr(row, name, value)
        unit.session.add(row)
        unit.session.flush()
        return row.id


@pytest.fixture
def ring(tmp_path):
    return tmp_path / "master.key"


@pytest.fixture
def reopened(database_urls):
    """The same database with another ring."""
    made = []

    def open_(source):
        made.append(Database(*database_urls, key_source=source))
        return made[-1]

    yield open_
    for one in made:
        one.close_now()


def test_a_rotation_brings_every_value_under_a_new_key_and_touches_nothing_else(
    database, monkeypatch
):
    monkeypatch.setattr(keys, "BATCH", 3)
    put(database, *(f"n{number}" for number in range(10)))
    with database.unit(make_system_call(HOME)) as unit:
        where = Place("institution_plugin", "secrets", HOME, "pp")
        row = InstitutionPlugin(plugin_id="pp", secrets=unit.sealer.seal(b"{}", where))
        unit.session.add(row)
        unit.session.flush()
        before = row.row_version, row.updated_at
    old, told = values(database), []
    done = rotate(database, lambda *step: told.append(step))
    assert (done.version, done.resumed) == (2, False)
    assert {name: count for name, count in done.rewrapped.items() if count} == {
        "hub_secret.value": 10,
        "institution_plugin.secrets": 1,
    }
    assert [step for step in told if step[0] == "hub_secret.value"] == [
        ("hub_secret.value", done, 10) for done in (3, 6, 9, 10)
    ]
    new = values(database)
    assert versions(database) == {2: 10}
    assert all(old[name][67:] == new[name][67:] for name in old)
    check_all(database)
    with database.unit(make_system_call(HOME)) as unit:
        row = unit.session.get(InstitutionPlugin, (HOME, "pp"))
        assert (row.row_version, row.updated_at) == before
        assert unit.sealer.open(row.secrets, where) == b"{}"
    assert states(database) == {1: "old", 2: "current"}
    assert actions(database) == [
        ("keys:announce", "master_key:2"),
        ("keys:switch", "master_key:2"),
        ("keys:rewrap", "master_key:2"),
    ]
    assert rotate(database).version == 3


def test_a_rotation_on_a_fresh_hub_only_makes_keys(database):
    assert rotate(database).version == 2
    put(database, "one")
    assert versions(database) == {2: 1}


def test_writers_go_on_while_keys_are_rotated(database, reopened, ring, monkeypatch):
    monkeypatch.setattr(keys, "BATCH", 2)
    names = [f"n{number}" for number in range(6)]
    put(database, *names)
    faults, stop, written = [], threading.Event(), Counter()

    def write(number):
        mine = reopened(KeyFile(ring))
        while not stop.wait(0.01) or written[number] < 4:
            try:
                put(mine, *names[number::2], f"new{number}-{written[number] % 5}")
                check_all(mine)
                written[number] += 1
            except StoreError as err:
                if err.code != "store_busy":
                    faults.append(err)
            except Exception as err:  # noqa: BLE001 - the test tells it
                faults.append(err)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for one in writers:
        one.start()
    try:
        for version in (2, 3):
            assert rotate(database).version == version
            assert set(versions(database)) == {version}
    finally:
        stop.set()
        for one in writers:
            one.join()
    assert faults == []
    assert set(versions(database)) == {3}
    for version in (1, 2):
        assert retire(database, version)
    check_all(database)


def test_a_switch_waits_for_who_is_sealing(database, reopened, ring):
    put(database, "one")
    other = reopened(KeyFile(ring))
    done = []
    with other.unit(CALL) as unit:
        sealed = unit.sealer.seal(b"secretlate", place("late"))
        rotating = threading.Thread(target=lambda: done.append(rotate(database)))
        rotating.start()
        rotating.join(0.5)
        assert rotating.is_alive()
        unit.session.add(HubSecret(name="late", value=sealed))
    rotating.join(60)
    assert done[0].version == 2
    assert versions(database) == {2: 2}
    check_all(database)


@pytest.mark.slow
def test_a_rotation_that_is_killed_again_and_again_goes_on_where_it_stood(
    database, database_urls, ring, reopened, monkeypatch
):
    put(database, *(f"n{number}" for number in range(9)))
    command = [sys.executable, "-m", "tests.ops.rotate_and_die", *database_urls, str(ring)]
    left = []
    for step in STEPS:
        if step in {"announced", "batch 1"}:
            done = subprocess.run([*command, step], cwd=ROOT, timeout=100, check=False)
            assert done.returncode == -signal.SIGKILL, step
        else:  # As good as killed: nothing catches it, and a process takes a second to start.
            with monkeypatch.context() as patch, pytest.raises(KilledError):
                rotate_until(reopened(KeyFile(ring)), step, die, patch.setattr)
        check_all(database)
        left.append(dict(versions(database)))
        put(database, "n0", "meanwhile")
        check_all(database)
    # The last one was killed when it was done.
    assert left == [{1: 9}, {1: 10}, {1: 10}, {1: 5, 2: 5}, {2: 10}, {2: 10}]
    assert set(states(database).items()) == {(1, "old"), (2, "current")}
    assert database.ring.source.read().versions == {1, 2}
    assert [action for action, _ in actions(database)] == [
        "keys:announce",
        "keys:switch",
        "keys:rewrap",
    ]
    assert rotate(database).version == 3
    assert retire(database, 1)
    check_all(database)


def test_nothing_is_sealed_with_a_key_that_a_living_process_does_not_have(database):
    put(database, "one")
    late = add_process(database, [1])
    add_process(database, [1, 2])
    add_process(database, [1], beat_at=utcnow().replace(year=2020))
    add_process(database, [1], lease_owner=this_process().rpartition(":")[0] + ":1")
    for _ in range(2):
        with pytest.raises(ConflictError, match=r"not in the ring of api 7 on far\.example \(put"):
            rotate(database, wait=0)
    put(database, "two")
    assert versions(database) == {1: 2}
    assert states(database) == {1: "current", 2: "coming"}
    with database.unit(CALL) as unit:
        unit.session.execute(
            update(HubProcess).where(HubProcess.id == late).values(master_keys=[1, 2])
        )
    done = rotate(database)
    assert (done.version, done.resumed) == (2, True)
    assert versions(database) == {2: 2}


def test_keys_of_a_variable_are_taken_from_it(database, reopened, ring):
    put(database, "one")
    old = KeyFile(ring).path.read_text()
    env = {"KEYS": "\n".join(line for line in old.splitlines() if line[0] != "#")}
    mine = reopened(KeyVariable("KEYS", env))
    with pytest.raises(ConfigError, match="cannot be written from here"):
        rotate(mine)
    assert states(mine) == {1: "current"}
    env["KEYS"] += f",{make_key(2)}"
    assert rotate(mine).version == 2
    check_all(mine)
    assert not retire(mine, 1)
    assert states(mine)[1] == "retired"
    env["KEYS"] = env["KEYS"].partition(",")[2]
    assert retire(mine, 1)


def test_a_key_that_is_in_use_is_not_retired(database):
    put(database, "one")
    with pytest.raises(NotFoundError):
        retire(database, 9)
    with pytest.raises(ConflictError, match="master key 1 is current"):
        retire(database, 1)
    old = values(database)["one"]
    rotate(database)
    with database.unit(CALL) as unit:
        unit.session.get(HubSecret, "one").value = old  # As a restored backup would.
    with pytest.raises(ConflictError, match=r"sealed with master key 1: 1 of hub_secret\.value"):
        retire(database, 1)
    assert database.ring.source.read().versions == {1, 2}
    check_all(database)


def test_a_retired_key_is_gone_from_the_ring_also_after_a_kill_between(database, monkeypatch):
    put(database, "one")
    rotate(database)

    with monkeypatch.context() as patch:
        patch.setattr(KeyFile, "remove", die)
        with pytest.raises(KilledError):
            retire(database, 1)
    assert (states(database)[1], database.ring.source.read().versions) == ("retired", {1, 2})
    assert status(database).unknown == (1,)
    assert retire(database, 1)
    assert database.ring.source.read().versions == {2}
    check_all(database)
    assert actions(database).count(("keys:retire", "master_key:1")) == 1


def test_an_older_ring_that_was_restored_is_found_before_anything_is_written(
    database, reopened, ring
):
    put(database, "one")
    backup = ring.read_text()
    rotate(database)
    ring.write_text(backup)
    late = reopened(KeyFile(ring))
    with pytest.raises(KeysError, match="master key 2 is missing"):
        late.ring.verify(late.read_now(KNOWN_KEYS, CALL))
    with pytest.raises(KeysError, match="master key 2 is missing"):
        put(late, "two")
    with pytest.raises(KeysError, match="master key 2 is missing"):
        rotate(late)
    assert versions(database) == {2: 1}


def test_a_value_that_does_not_open_holds_up_no_other(database):
    put(database, "bad", "good", "other")
    with database.unit(CALL) as unit:
        row = unit.session.get(HubSecret, "bad")
        row.value = row.value[:20] + bytes([row.value[20] ^ 1]) + row.value[21:]
    for _ in range(2):
        with pytest.raises(
            SealError, match=r"1 sealed values do not open.*hub_secret.value of bad"
        ):
            rotate(database)
        assert versions(database) == {1: 1, 2: 2}
        with pytest.raises(ConflictError):
            retire(database, 1)
    with database.unit(CALL) as unit:
        unit.session.execute(delete(HubSecret).where(HubSecret.name == "bad"))
    assert rotate(database).version == 2
    assert retire(database, 1)


def test_status_counts_what_each_key_seals_and_who_has_it(database):
    assert status(database).keys == ()
    put(database, "one", "two")
    add_process(database, [1])
    (one,) = status(database).keys
    assert (one.version, one.state, one.in_ring, one.processes) == (1, "current", True, 1)
    assert one.sealed == {"hub_secret.value": 2}
    database.ring.source.add(2)
    assert status(database).unknown == (2,)
    in_unit(database, CALL, lambda unit: unit.session.execute(delete(HubProcess)))
    assert rotate(database).version == 2
    found = status(database)
    assert [(key.state, key.sealed) for key in found.keys] == [
        ("old", {}),
        ("current", {"hub_secret.value": 2}),
    ]
    assert found.unknown == ()

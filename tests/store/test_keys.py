"""The ring of master keys, and what the database knows of it."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from bloop.store.database import Database, in_unit
from bloop.store.keyring import KeyFile, KeyVariable, make_key, parse_keys
from bloop.store.keys import KNOWN_KEYS, KeysError
from bloop.store.models import Base, HubSecret, MasterKey
from bloop.store.sealed import SealedColumn, sealed_columns
from bloop.store.sealing import Place, SealError, version_of
from bloop.tables import core_metadata
from bloop_sdk import ConfigError
from tests.support.database import make_system_call

PLACE = Place("hub_secret", "value", "one")


def seal(database, value=b"secret", name="one"):
    """Write a sealed row."""
    place = Place("hub_secret", "value", name)
    with database.unit(make_system_call()) as unit:
        unit.session.add(HubSecret(name=name, value=unit.sealer.seal(value, place)))


def sealed(database, name="one"):
    with database.unit(make_system_call()) as unit:
        return unit.session.get(HubSecret, name).value


def open_one(database, name="one"):
    return database.ring.open(sealed(database, name), Place("hub_secret", "value", name))


@pytest.fixture
def reopened(database_urls, tmp_path):
    """The same database as another process of the hub has it, with a ring of its own."""
    made = []

    def open_(path=None):
        source = KeyFile(path or tmp_path / "master.key")
        made.append(Database(*database_urls, key_source=source))
        return made[-1]

    yield open_
    for one in made:
        one.close_now()


# Where keys are kept.


def test_a_file_of_keys_is_made_with_the_first_secret_for_its_owner_alone(database, tmp_path):
    path = tmp_path / "master.key"
    assert not path.exists()
    seal(database)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_one(database) == b"secret"
    assert database.ring.source.warning is None
    path.chmod(0o640)
    assert "open to other users" in database.ring.source.warning


def test_of_many_who_make_the_file_one_is_first(tmp_path):
    files = [KeyFile(tmp_path / "new" / "master.key") for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda file: file.add(1), files))
    assert len({file.read().proof(1) for file in files}) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["master.key"]


def test_a_key_is_added_to_a_file_and_removed_and_the_others_stay(tmp_path):
    file = KeyFile(tmp_path / "master.key")
    file.add(1)
    first = file.read().proof(1)
    file.add(2)
    file.add(2)
    second = file.read().proof(2)
    assert (file.read().versions, file.read().proof(1)) == ({1, 2}, first)
    assert file.remove(1) and file.remove(1)
    assert (file.read().versions, file.read().proof(2)) == ({2}, second)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        *("", "# nothing\n", "1", "1:", "1:00", "\xff", f"1:{'0' * 64} 1:{'1' * 64}"),
        *(f"{version}:{'0' * 64}" for version in ("x", "0", "-1", "01", "9999999999", "")),
        *(f"1:{digits}" for digits in ("g" * 64, "0" * 63, "0" * 65)),
    ],
)
def test_what_holds_no_keys_is_told_and_not_repeated(tmp_path, text):
    path = tmp_path / "master.key"
    path.write_text(text, "latin-1")
    with pytest.raises(ConfigError, match=r"master\.key holds no master keys") as told:
        KeyFile(path).read()
    assert "0" * 32 not in str(told.value)
    assert path.read_text("latin-1") == text


def test_a_variable_holds_the_same_text_and_is_never_written():
    source = KeyVariable("KEYS", {"KEYS": f"{make_key(1)},{make_key(2)}"})
    assert source.read().versions == {1, 2}
    with pytest.raises(ConfigError, match="cannot be written") as told:
        source.add(3)
    assert "bloop keys make 3" in told.value.cure
    assert not source.remove(1) and source.remove(3)
    assert KeyVariable("KEYS", {}).read() is None
    assert "KEYS" in repr(source) and source.env["KEYS"] not in repr(source)


# What the database knows.


def test_another_process_reads_a_new_key_when_it_first_meets_it(database, reopened):
    seal(database)
    other = reopened()
    assert open_one(other) == b"secret"
    database.ring.source.add(2)
    assert other.ring.keys(2).versions == {1, 2}


def test_a_wrong_ring_seals_nothing(database, reopened, tmp_path):
    seal(database)
    (tmp_path / "wrong.key").write_text(make_key(1))
    wrong = reopened(tmp_path / "wrong.key")
    with pytest.raises(KeysError, match="is not the one that this database"):
        seal(wrong, name="two")
    with pytest.raises(SealError, match=r"hub_secret\.value of one does not open"):
        open_one(wrong)
    with pytest.raises(KeysError):
        wrong.ring.verify(wrong.read_now(KNOWN_KEYS, make_system_call()))
    (tmp_path / "wrong.key").write_text((tmp_path / "master.key").read_text())
    seal(wrong, name="two")
    assert open_one(database, "two") == b"secret"


def test_a_missing_ring_is_told_and_no_new_one_made(database, reopened, tmp_path):
    seal(database)
    (tmp_path / "master.key").rename(tmp_path / "away.key")
    other = reopened()
    for do in (lambda: seal(other, name="two"), lambda: open_one(other)):
        with pytest.raises(KeysError, match="there are no master keys in"):
            do()
    assert not (tmp_path / "master.key").exists()
    seal(database, name="two")  # Whoever has the keys goes on.


def test_a_ring_without_the_version_is_told(database, reopened, tmp_path):
    seal(database)
    (tmp_path / "other.key").write_text(make_key(7))
    other = reopened(tmp_path / "other.key")
    with pytest.raises(KeysError, match="master key 1 is missing"):
        seal(other, name="two")
    with pytest.raises(SealError, match="sealed with master key 1, which this hub does not have"):
        open_one(other)


def test_of_two_machines_with_keys_of_their_own_the_first_to_seal_counts(
    database, reopened, tmp_path
):
    (tmp_path / "theirs.key").write_text(make_key(1))
    seal(database)
    with pytest.raises(KeysError, match=r"theirs\.key is not the one"):
        seal(reopened(tmp_path / "theirs.key"), name="two")


def test_rows_that_were_swapped_do_not_open(database):
    seal(database, b"one", "one")
    seal(database, b"two", "two")
    with database.unit(make_system_call()) as unit:
        one, two = (unit.session.get(HubSecret, name) for name in ("one", "two"))
        one.value, two.value = two.value, one.value
    for name in ("one", "two"):
        with pytest.raises(SealError, match=f"of {name} does not open"):
            open_one(database, name)


def test_a_value_is_sealed_for_a_declared_column_only(database):
    with database.unit(make_system_call()) as unit:
        for place in (Place("hub_secret", "name", "x"), Place("nothing", "value", "x")):
            with pytest.raises(ValueError, match="is not declared as sealed"):
                unit.sealer.seal(b"secret", place)
    with database.unit(make_system_call()) as unit:
        assert unit.session.scalars(select(MasterKey)).all() == []


def test_a_unit_seals_with_one_key_to_its_end(database):
    with database.unit(make_system_call()) as unit:
        assert {version_of(unit.sealer.seal(b"x", PLACE)) for _ in range(3)} == {1}
        assert unit.sealer.open(unit.sealer.seal(b"x", PLACE), PLACE) == b"x"


def test_every_sealed_column_is_one_of_bytes_whose_place_its_row_tells():
    found = list(sealed_columns(core_metadata()))
    assert "institution_plugin.secrets" in {column.name for column in found}
    for column in found:
        table = column.column.table
        assert column.column.type.python_type is bytes, column.name
        assert {*column.row, *filter(None, [column.plugin])} <= set(table.c.keys()), column.name
        keys = {key.name for key in table.primary_key}
        unique = any(table.c[name].unique for name in column.row)
        assert unique or keys <= {*column.row, column.plugin}, f"{column.name}: not told apart"


def test_places_of_rows_are_told_from_their_columns():
    by_name = {column.name: column for column in sealed_columns(Base.metadata)}
    values = {"institution_id": "i", "user_id": "u", "plugin_id": "p"}
    found: SealedColumn = by_name["user_plugin.secrets"]
    assert found.place(values) == Place("user_plugin", "secrets", "i/u", "p")


def test_nothing_of_keys_is_shown(database):
    seal(database)
    (key,) = database.ring.keys().keys.values()
    shown = repr([database.ring, database.ring.keys(), database.ring.source])
    assert key.hex() not in shown and repr(key) not in shown
    rows = in_unit(database, make_system_call(), lambda unit: unit.session.get(MasterKey, 1))
    assert key not in rows.proof
    assert parse_keys(f"1:{key.hex()}", "here").proof(1) == rows.proof

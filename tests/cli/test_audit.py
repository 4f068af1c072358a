"""``bloop audit`` and ``bloop users``, as an operator runs them."""

from __future__ import annotations

import json
import sqlite3
import zipfile

import pytest

from bloop.accounts.models import User
from bloop.accounts.sessions import system_call
from bloop.hub import Hub

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
def acted(hub_folder, tmp_path):
    """A hub in which Ada did something."""
    hub = Hub.open(None, "cli")
    hub.tables.prepare()
    with hub.database.unit(system_call(hub.institution)) as unit:
        ada = User(
            institution_id=unit.institution, name="Ada", email="ada@example.org", role="learner"
        )
        unit.session.add(ada)
        unit.session.flush()
        for number in range(4):
            unit.audit.append(
                "t:act",
                f"thing:{number}",
                {"n": number},
                personal={"address": "192.0.2.7"},
                about=f"user:{ada.id}",
            )
    hub.database.close_now()
    return tmp_path


def tamper(folder, *statements):
    connection = sqlite3.connect(folder / "bloop.db")
    for statement in ("DROP TRIGGER audit_line_kept", "DROP TRIGGER audit_line_stays", *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_tampered_log_is_found_with_its_line_and_exit_code(acted, bloop):
    good = bloop("audit", "verify")
    assert good.code == 0
    assert "nothing was changed" in good.out
    made = bloop("audit", "anchor", "--json").json["anchors"]
    assert [one["seq"] for one in made] == [good_line_count(bloop)]
    assert bloop("audit", "anchor").out == "Nothing new.\n"
    tamper(acted, "UPDATE audit_line SET detail = '{\"n\": 9}' WHERE resource = 'thing:2'")
    found = bloop("audit", "verify", "--json")
    assert found.code == 1
    (fault,) = found.json["faults"]
    line = bloop("audit", "list", "--resource", "thing:2", "--json").json["items"][0]
    assert fault["seq"] == line["seq"]
    said = bloop("audit", "verify")
    assert f"line {line['seq']} was altered" in said.out


def good_line_count(bloop):
    return bloop("audit", "list", "--json").json["items"][0]["seq"]


def test_lines_cut_off_are_found_by_anchors_that_were_kept_elsewhere(acted, bloop, tmp_path):
    bloop("audit", "anchor")
    (file,) = acted.rglob("anchors.jsonl")
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(file.read_bytes())
    file.unlink()
    tamper(acted, "DELETE FROM audit_line WHERE resource = 'thing:3'")
    assert bloop("audit", "verify").code == 0
    assert "is missing" in bloop("audit", "verify", "--anchors", str(kept)).out


def test_the_export_is_json_lines_with_masked_people(acted, bloop, tmp_path):
    file = tmp_path / "audit.jsonl"
    said = bloop("audit", "export", "--action", "t:", "--output", str(file))
    assert said.err == "4 lines written.\n"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["resource"] for line in lines] == [f"thing:{n}" for n in range(4)]
    assert {str(line["personal"]) for line in lines} == {"{'address': '**********'}"}
    shown = bloop("audit", "export", "--action", "t:", "--personal").out
    assert shown.count("192.0.2.7") == 4


def test_old_lines_are_cut_when_asked(acted, bloop):
    assert bloop("audit", "cut", "--days", "1", "--yes", "--json").json == {"cut": []}
    assert bloop("audit", "cut", "--days", "0.5", "--yes").code == 2


def test_a_person_is_handed_out_and_erased(acted, bloop, tmp_path):
    file = tmp_path / "ada.zip"
    said = bloop("users", "export", "ada@example.org", "--output", str(file), "--json").json
    assert said["rows"]["account_user"] == 1
    with zipfile.ZipFile(file) as archive:
        assert "192.0.2.7" in archive.read("tables/audit_personal.json").decode()
    planned = bloop("users", "erase", "Ada", "--dry-run", "--json").json
    assert planned["deleted"] == {"audit_personal": 4}
    assert "would be" not in bloop("users", "erase", "Ada", "--yes").out
    assert bloop("users", "erase", "Ada", "--yes").code == 1  # Nobody is called so any more.
    assert bloop("audit", "verify").code == 0
    assert "192.0.2.7" not in bloop("audit", "export", "--personal").out

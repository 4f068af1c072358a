"""`bloop notes`: written, edited, sent and decided from a terminal."""

from __future__ import annotations

import sys

import pytest

from bloop_sdk.testing.distributions import write_plugin
from tests.support.notes import PROVIDER


@pytest.fixture
def desk(hub_folder, site, bloop):
    """The system, connected and read: it lives in this process, in which the commands run."""
    manifest = {"family": "notes", "provides": {"notes": "bloop_desk.provider:Provider"}}
    write_plugin(site, "desk", files={"provider.py": PROVIDER}, manifest=manifest)
    with (hub_folder / "hub.toml").open("a") as file:
        file.write("[plugins.desk]\nenabled = true\n")
    assert bloop("connect", "desk", "--name", "Desk", "--all").code == 0
    desk = sys.modules["bloop_desk.provider"].DESK
    desk.add("First", "one\n\ntwo\n")
    assert bloop("sync", "Desk").code == 0
    return desk


def test_notes_are_written_edited_moved_and_deleted(desk, bloop, tmp_path):
    [first] = bloop("notes", "list", "--json").json["items"]
    assert (first["title"], first["sync"]) == ("First", "sent")
    text = tmp_path / "text.md"
    text.write_text("one\n\n2\n")

    edited = bloop("notes", "edit", "First", "--file", str(text), "--tag", "red")

    assert edited.code == 0, edited.err
    assert "bloop notes send" in edited.out
    [waiting] = bloop("notes", "unsent", "--json").json["items"]
    assert (waiting["op"], waiting["state"]) == ("note.update", "waiting")
    sent = bloop("notes", "send", "Desk")
    assert (sent.code, sent.out) == (0, "Desk: 1 sent\n")
    assert (desk.named("First").markdown, desk.named("First").tags) == ("one\n\n2\n", ("red",))
    assert "one\n\n2" in bloop("notes", "show", "First").out

    made = bloop("notes", "new", "Book", "Second", "--below", "First", "--json").json
    assert bloop("notes", "send", "Desk").code == 0
    assert desk.named("Second").parent == desk.named("First").id
    assert bloop("notes", "move", made["id"]).code == 0
    assert bloop("notes", "send", "Desk").code == 0
    assert desk.named("Second").parent is None
    assert bloop("notes", "delete", "Second").code == 0
    assert bloop("notes", "send", "Desk").code == 0
    assert [sheet.title for sheet in desk.trash.values()] == ["Second"]
    assert bloop("notes", "send", "Desk").out == "Nothing waits.\n"


def test_a_conflict_is_listed_and_decided(desk, bloop, tmp_path):
    text = tmp_path / "text.md"
    text.write_text("mine\n\ntwo\n")
    bloop("notes", "edit", "First", "--file", str(text))
    desk.change("s1", markdown="theirs\n\ntwo\n")
    assert bloop("notes", "send", "Desk").code == 0

    [conflict] = bloop("notes", "conflicts", "--json").json["items"]
    assert (conflict["mine"], conflict["theirs"]) == ("mine\n\ntwo\n", "theirs\n\ntwo\n")
    assert bloop("notes", "settle", conflict["id"], "--keep", "theirs").code == 0
    assert bloop("notes", "send", "Desk").code == 0
    assert bloop("notes", "conflicts", "--json").json["items"] == []
    assert [sheet.markdown for sheet in desk.sheets.values()] == ["theirs\n\ntwo\n"]

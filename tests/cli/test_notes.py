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
    refused = bloop("notes", "folders", "new", "Book", "Chemistry")
    assert "'Desk' can't take new folders from here" in refused.err
    assert refused.code != 0


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


def test_deleted_notes_earlier_texts_and_syncs_are_taken_back(desk, bloop, tmp_path):
    text = tmp_path / "text.md"
    for line in ("two", "three"):
        text.write_text(f"{line}\n")
        assert bloop("notes", "edit", "First", "--file", str(text)).code == 0
    first, second = reversed(bloop("notes", "versions", "First", "--json").json["items"])
    assert (first["markdown"], second["markdown"]) == ("one\n\ntwo\n", "two\n")
    assert bloop("notes", "restore", "First").code == 0
    assert "two\n" in bloop("notes", "show", "First").out
    back = bloop("notes", "restore", "First", "--to", str(first["row_version"]))
    assert back.code == 0, back.err
    assert "one\n\ntwo\n" in bloop("notes", "show", "First").out

    bloop("notes", "delete", "First")
    assert bloop("notes", "send", "Desk").code == 0
    [gone] = bloop("notes", "gone", "--json").json["items"]
    assert (gone["title"], gone["state"]) == ("First", "trashed")
    assert bloop("notes", "restore", "Never").code != 0
    assert bloop("notes", "restore", "First").code == 0
    assert bloop("notes", "send", "Desk").out == "Desk: 1 sent\n"
    assert desk.named("First").markdown == "one\n\ntwo\n"

    desk.add("Second", "new\n")
    assert bloop("sync", "Desk").code == 0
    undone = bloop("notes", "undo", "--yes")
    assert undone.code == 0, undone.err
    assert [one["title"] for one in bloop("notes", "list", "--json").json["items"]] == ["First"]


def test_files_are_given_listed_and_taken_off(desk, bloop, tmp_path):
    (tmp_path / "a b.txt").write_text("text")
    given = bloop("notes", "attach", "First", str(tmp_path / "a b.txt"))
    assert given.code == 0, given.err
    assert bloop("notes", "send", "Desk").code == 0
    [(name, (title, data))] = desk.files.items()
    assert (title, data) == ("a b.txt", b"text")
    assert desk.named("First").markdown.endswith(f"[a b.txt](bloop:file:{name})\n")

    [file] = bloop("notes", "files", "First", "--json").json["items"]
    assert file["name"] == "a b.txt"
    assert "see: bloop notes files" in bloop("notes", "detach", "First", "b.txt").err
    assert bloop("notes", "detach", "First", "a b.txt").code == 0
    assert bloop("notes", "send", "Desk").code == 0
    assert desk.named("First").markdown == "one\n\ntwo\n"
    assert list(desk.files) == [name]

    # One that was never sent is gone with its link.
    bloop("notes", "attach", "First", str(tmp_path / "a b.txt"))
    bloop("notes", "detach", "First", "a b.txt")
    assert bloop("notes", "unsent", "--json").json["items"] == []


def test_a_note_of_an_imported_file_is_only_here(hub_folder, bloop, tmp_path):
    with (hub_folder / "hub.toml").open("a") as file:
        file.write("[plugins.evernote]\nenabled = true\n")
    export = tmp_path / "Physics.enex"
    export.write_text(
        "<en-export><note><title>Waves</title><content><![CDATA[<en-note>a</en-note>]]></content>"
        "<created>20240101T000000Z</created></note></en-export>"
    )
    assert bloop("import", str(export)).code == 0
    [note] = bloop("notes", "list", "--json").json["items"]
    assert (note["title"], note["sync"]) == ("Waves", "here")

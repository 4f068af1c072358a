from __future__ import annotations

import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import write_cartridge

KEYS = {"seen", "written", "unchanged", "quarantined", "deleted", "by_kind", "run", "connection",
        "containers", "problems", "seconds", "state"}  # fmt: skip


def test_an_import_reports_what_it_wrote_by_kind(hub_folder, bloop, small):
    said = bloop("import", small, "--json")
    assert said.code == 0, said.err
    assert said.json.keys() >= KEYS
    assert said.json["state"] == "succeeded"
    assert said.json["written"] == said.json["seen"] == sum(said.json["by_kind"].values())
    assert said.json["by_kind"]["page"] == 2


def test_importing_again_writes_nothing_and_says_so(hub_folder, bloop, small):
    bloop("import", small)
    again = bloop("import", small, "--json").json
    assert (again["written"], again["deleted"]) == (0, 0)
    assert again["unchanged"] == again["seen"] > 0
    assert "Nothing has changed" in bloop("import", small).out


def test_the_report_for_people_names_course_counts_and_the_way_back(hub_folder, bloop, small):
    said = bloop("import", small)
    assert "Small course" in said.out
    assert "2 page" in said.out
    assert said.err == ""  # No bar where standard error is no terminal.
    run = said.out.rsplit("bloop content undo ", 1)[1].strip()
    assert bloop("content", "undo", run).code == 0
    assert bloop("content", "list", "--json").json == {"items": []}


def test_a_changed_file_updates_its_course(hub_folder, bloop, tmp_path, small):
    first = bloop("import", small, "--json").json
    newer = write_cartridge(tmp_path / "newer.imscc", pages=("First", "Second", "Third"))
    second = bloop("import", newer, "--json").json
    assert second["containers"] == first["containers"]
    assert second["by_kind"]["page"] == 3
    assert 0 < second["written"] < second["seen"]


def test_into_puts_the_content_into_another_course(hub_folder, bloop, tmp_path, small):
    course = bloop("import", small, "--json").json["containers"][0]
    other = write_cartridge(
        tmp_path / "other.imscc", title="Other", identifier="other", pages=("Extra",)
    )
    said = bloop("import", other, "--into", "Small course", "--json")
    assert said.json["containers"] == [course]
    (only,) = bloop("content", "tree", "--json").json["items"]
    assert only["id"] == course
    assert "Extra" in [page["title"] for module in only["nodes"] for page in module["children"]]


def test_a_course_exports_to_a_file_that_imports_to_the_same_pages(hub_folder, bloop, small):
    bloop("import", small)
    said = bloop("export", "Small course", "-o", "out.imscc", "--json")
    assert said.code == 0, said.err
    assert said.json["written"]["page"] == 2
    assert zipfile.is_zipfile("out.imscc")
    assert bloop("import", "out.imscc", "--json").json["by_kind"]["page"] == 2


def test_an_export_that_fails_leaves_the_old_file(hub_folder, bloop, small, monkeypatch):
    bloop("import", small)
    Path("out.imscc").write_text("old")

    def fail(_self, _source, target):
        target.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bloop_cartridge.exporter.CartridgeExporter.export", fail)
    said = bloop("export", "Small course", "-o", "out.imscc")
    assert said.code == 1
    assert "out.imscc: cannot be written: No space left on device" in said.err
    assert Path("out.imscc").read_text() == "old"
    assert [path.name for path in Path().glob("out*")] == ["out.imscc"]


@pytest.fixture
def notes(tmp_path):
    """A folder of two notes and a picture."""
    (tmp_path / "My.notes" / "Sub").mkdir(parents=True)
    (tmp_path / "My.notes" / "a.md").write_text("[[b]] ![[pic.png]]")
    (tmp_path / "My.notes" / "Sub" / "b.md").write_text("two")
    (tmp_path / "My.notes" / "pic.png").write_bytes(b"png")
    return tmp_path / "My.notes"


def test_a_folder_of_notes_becomes_a_notebook_and_is_found_again(
    hub_folder, bloop, notes, monkeypatch
):
    first = bloop("import", notes, "--json")
    assert first.code == 0, first.err
    assert first.json["by_kind"] == {"file": 1, "module": 1, "node": 2, "note": 2, "notebook": 1}
    monkeypatch.chdir(notes)
    monkeypatch.setenv("BLOOP_CONFIG", str(hub_folder / "hub.toml"))
    again = bloop("import", ".", "--json").json
    assert (again["written"], again["containers"]) == (0, first.json["containers"])

    (notes / "Sub" / "b.md").unlink()
    (notes / "c.md").write_text("three")
    later = bloop("import", notes, "--json").json
    assert later["containers"] == first.json["containers"]
    # The note and its place, and the folder in which there is no other.
    assert later["deleted"] == 3
    (tree,) = bloop("content", "tree", "--json").json["items"]
    assert tree["title"] == "My.notes"
    assert [node["title"] for node in tree["nodes"] if node["state"] == "active"] == ["a", "c"]


def test_a_folder_is_nothing_for_a_plugin_of_files(hub_folder, bloop, notes):
    said = bloop("import", notes, "--plugin", "cartridge")
    assert said.code == 1
    assert "plugin cartridge imports no folders" in said.err


def test_a_bad_record_is_told_with_its_reason(hub_folder, bloop, tmp_path):
    path = write_cartridge(tmp_path / "bad.imscc")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != "p1.html"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    report = bloop("import", path, "--json").json
    assert report["problems"]
    assert "p1.html" in str(report["problems"])


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"no zip at all", "zip"), (b"", "zip"), (b"PK\x05\x06" + bytes(18), "manifest")],
)
def test_a_file_that_is_no_cartridge_fails_with_its_name_and_writes_nothing(
    hub_folder, bloop, tmp_path, content, word
):
    path = tmp_path / "broken.imscc"
    path.write_bytes(content)
    said = bloop("import", path)
    assert said.code == 1
    assert "broken.imscc" in said.err and word in said.err.lower()
    assert bloop("content", "list", "--json").json == {"items": []}


def test_failures_with_json_are_json(hub_folder, bloop, tmp_path):
    path = tmp_path / "notes.xyz"
    path.write_text("?")
    said = bloop("import", path, "--json")
    assert said.code == 1
    assert said.json["error"]["cure"]
    assert "no plugin imports .xyz" in said.json["error"]["message"]


def test_an_unknown_plugin_is_named_with_its_cure(hub_folder, bloop, small):
    said = bloop("import", small, "--plugin", "nowhere")
    assert said.code == 1
    assert "plugin nowhere is not installed" in said.err
    assert "(bloop-nowhere?)" in said.err


def test_a_disabled_importer_says_how_it_is_switched_on(hub_folder, bloop, small):
    Path("hub.toml").write_text("[plugins.cartridge]\nenabled = false\n")
    said = bloop("import", small)
    assert said.code == 1
    assert "bloop plugins enable cartridge" in said.err


@pytest.mark.parametrize(
    "call", ["import", "import nothing.imscc", "import --what", "export x", "nonsense"]
)
def test_a_wrong_call_ends_with_2(folder, bloop, call):
    said = bloop(*call.split())
    assert said.code == 2
    assert "Usage:" in said.err


def test_import_works_before_init_was_run(folder, bloop, small):
    Path("hub.toml").write_text("[plugins.cartridge]\nenabled = true\n")
    assert bloop("import", small, "--json").json["written"] > 0


def test_an_interrupted_import_says_that_it_continues_and_does(folder, bloop, tmp_path):
    Path("hub.toml").write_text("[plugins.cartridge]\nenabled = true\n")
    pages = [f"Page {number}" for number in range(3000)]
    path = write_cartridge(tmp_path / "long.imscc", pages=pages)
    bloop("init")
    command = [Path(sys.executable).with_name("bloop"), "import", path]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        for _ in range(600):
            if bloop("content", "list", "--json").json["items"]:
                break  # Its first batch is in.
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate()
    assert running.returncode == 130
    assert "The same command again continues" in errors
    assert "Traceback" not in errors
    (course,) = bloop("content", "list", "--json").json["items"]
    assert course["state"] == "pending"
    report = bloop("import", path, "--json").json
    assert report["state"] == "succeeded"
    assert report["by_kind"]["page"] == len(pages)

"""What the contract asks of every plugin and every provider of notes, of two small notebooks."""

from __future__ import annotations

from pathlib import Path

from bloop_evernote.config import EvernoteConfig
from bloop_evernote.index import Index
from bloop_evernote.provider import EvernoteProvider
from bloop_evernote.source import Source
from bloop_sdk import Kind, Ref, load_manifest
from bloop_sdk.testing import Folder, plugin_tests
from plugins.notes.evernote.tests.exports import export, media, note, provider_of, resource

HERE = Path(__file__).parent
PICTURE = b"a picture"


def write(path: Path, name: str, *notes: str) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(export(*notes))


def waves() -> str:
    body = f"<div>They carry energy.</div>{media(PICTURE)}"
    return note("Waves", body, resource(PICTURE, name="wave.png"), created="20240101T000000Z")


def sound(text: str = "A wave in air.") -> str:
    return note("Sound", f"<div>{text}</div>", created="20240102T000000Z")


def build(path: Path) -> None:
    write(path, "Physics.enex", waves(), sound())
    write(path, "Chemistry.enex", note("Acids", "<div>They are sour.</div>"))


def ref_of(path: Path, title: str) -> Ref:
    index = Index(Source(path, EvernoteConfig()).exports, 1 << 20)
    return next(Ref(Kind.NOTE, one.remote_id) for one in index.entries if one.title == title)


def edit(path: Path) -> Ref:
    write(path, "Physics.enex", waves(), sound("Edited."))
    return ref_of(path, "Sound")


def add(path: Path) -> Ref:
    first = note("Added", "<div>In front.</div>", created="20240103T000000Z")
    write(path, "Physics.enex", first, waves(), sound())
    return ref_of(path, "Added")


def delete(path: Path) -> Ref:
    gone = ref_of(path, "Sound")
    write(path, "Physics.enex", waves())
    return gone


def malform(path: Path) -> Ref:
    write(path, "Physics.enex", waves(), sound("x" * 5000))
    return ref_of(path, "Sound")


TestEvernote = plugin_tests(
    "bloop_evernote",
    notes=Folder(
        build=build,
        name="notebooks",
        settings={"batch_records": 1, "max_note_bytes": 4000},
        edit=edit,
        add=add,
        delete=delete,
        malform=malform,
        without={"unknown": "an export holds notes and files alone"},
    ),
)


def test_the_manifest_names_what_the_package_holds() -> None:
    manifest = load_manifest(HERE.parent / "bloop-plugin.toml")
    assert manifest.imports == (".enex", "folder")
    assert manifest.provides == {
        "notes": f"{EvernoteProvider.__module__}:{EvernoteProvider.__name__}"
    }
    assert manifest.config == f"{EvernoteConfig.__module__}:{EvernoteConfig.__name__}"


async def test_check_counts_notebooks_and_notes(tmp_path) -> None:
    build(tmp_path / "Mine")
    (tmp_path / "Mine" / "read me.txt").write_text("no export")
    result = await provider_of(tmp_path / "Mine").check()
    assert result.account == "Mine (notebooks: 2, notes: 3)"
    assert result.gaps == ("1 files that are no .enex",)

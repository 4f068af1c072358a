"""Every sample of an Evernote export through the real engine: what comes in, and what is lost."""

from __future__ import annotations

import hashlib

import pytest

from bloop.content.imports import Importer, import_file
from bloop.content.models import Container, Item, Node
from bloop.content.sync_models import Quarantine
from bloop_evernote.config import EvernoteConfig
from bloop_evernote.provider import EvernoteProvider
from bloop_sdk.testing import FakeContext
from tests.content.course import rows

EVERNOTE = Importer("evernote", "notes")
_GUID = "914ba57d-d5e6-4ef5-ba5b-b9134529c188"
_X, _Y = ("-".join(letter * count for count in (8, 4, 4, 4, 12)) for letter in "xy")


def _missing(text, place):
    return f"a link to a note that is not here: {text} <evernote:///view/{place}>"


LOST = {
    "code-block-language": ["the language 'objective c' of a block of code"],
    "note-link-to-a-renamed-note": [_missing("Original title", f"0000000/sss/{_X}/{_Y}/")],
    "test-encryption": ["an encrypted section: kept, but opened only in Evernote"],
    "test-internotebook_links_B": [
        _missing("Note in Notebook A", f"10000000/s150/{_GUID}/{_GUID}/")
    ],
    "test-things-to-do": [
        "the reminder at 2022-05-22T07:00:00+00:00 of the task 'Task with a reminder'",
        "the flag of the task 'Task with a flag'",
    ],
}
"""What the notes of each sample lose; those that are not named here lose nothing."""


@pytest.fixture
def bring(database, blobs, call):
    """Imports a file or a folder of exports."""

    async def run(path, **options):
        def provider(_connection, file):
            return EvernoteProvider(FakeContext(source=file, config=EvernoteConfig()))

        return await import_file(database, blobs, provider, call, EVERNOTE, path, **options)

    return run


@pytest.fixture
async def samples(bring, shared_data, database, call):
    """All samples as one folder: the report, and the items of each notebook by its title."""
    report = await bring(shared_data / "enex")
    titles = {one.id: one.title for one in rows(database, call, Container)}
    items: dict[str, list[Item]] = {}
    for item in rows(database, call, Item):
        items.setdefault(titles[item.container_id], []).append(item)
    return report, items


async def test_every_sample_is_a_notebook_and_what_its_notes_lose_is_named(
    samples, shared_data, database, call, bring
):
    report, items = samples
    names = {path.stem for path in (shared_data / "enex").iterdir()}

    assert (report.quarantined, rows(database, call, Quarantine)) == (0, [])
    assert set(items) == names
    assert len(names) == 34
    notes = {name: [one for one in found if one.kind == "note"] for name, found in items.items()}
    lost = {name: [text for one in found for text in one.lost] for name, found in notes.items()}
    assert {name: what for name, what in lost.items() if what} == LOST
    assert sum(map(len, notes.values())) == 37
    assert len([node for node in rows(database, call, Node) if node.item_id]) == 37

    again = await bring(shared_data / "enex")
    assert (again.connection, again.written, again.deleted) == (report.connection, 0, 0)


def check_the_bytes_of_every_attachment_have_the_hash_that_the_note_says(items, blobs):
    files = [one for found in items.values() for one in found if one.kind == "file"]
    hashes = []
    for one in files:
        digest = hashlib.md5(blobs.path(one.blob).read_bytes(), usedforsecurity=False).hexdigest()
        assert one.remote_id.partition("-")[2] == digest
        assert one.lost == []
        hashes.append(digest)
    shown = "".join(one.html for found in items.values() for one in found)
    assert all(f"bloop:file:{one.remote_id}" in shown for one in files)
    # The four pictures of one sample that stand in its text as data: addresses among them.
    assert (len(hashes), len(set(hashes))) == (10, 9)


def check_links_between_notes_of_one_file_lead_to_them(items):
    for name, source, target in (
        ("test-links", "NoteB", "NoteA"),
        ("test-internotebook_links_B", "Table of Contents", "Untitled"),
        ("test-internotebook_links_B", "Table of Contents", "Note in Notebook B"),
    ):
        by_title = {one.title: one for one in items[name]}
        link = f'href="bloop:note:{by_title[target].remote_id}"'
        assert link in by_title[source].html
        assert (
            f"[{target}](bloop:note:{by_title[target].remote_id})"
            in (by_title[source].data["markdown"])
        )


def check_what_evernote_knows_of_a_note_comes_along(items):
    (full,) = items["test-note-attributes"]
    assert (full.title, full.data["tags"]) == ("\\\\Test//", ["test", "note-attributes"])
    assert full.data["place"] == [52.518654, 13.376102]
    assert full.data["reminder_at"] == "2025-01-01T00:00:00Z"
    assert full.data["properties"]["application-data priority"] == "high"
    assert full.data["properties"]["reminder-done-time"] == "2025-01-01T00:00:18+00:00"
    assert full.data["properties"]["content-class"] == "democratic-content"
    (todo,) = items["test-things-to-do"]
    due = [(one["done"], one["due_at"]) for one in todo.data["tasks"]]
    assert due.count((False, "2022-05-28T21:59:59Z")) == 1
    assert due.count((True, None)) == 1
    assert todo.data["markdown"].count("- [ ]") == 4
    assert todo.data["markdown"].count("- [x]") == 1
    (crypt,) = items["test-encryption"]
    assert "RU5DMCR2" in crypt.raw["enml"]
    assert "RU5DMCR2" not in crypt.html + crypt.data["markdown"]
    assert "this is a hint" in crypt.html


MARKDOWN = {
    "test-checklist": "- [x] Checked checklist item 2\n  - Nested unordered 2a\n",
    "test-task-lists": "1. [ ] Open task\n2. [x] Done task\n",
    "test-sublists-multiple": "- Level1\n  - Level2\n    - Level3\n  - Level2",
    "test-headings": "# Large\n\n## Medium\n\n### Small\n\nbody",
    "test-monospace-codeblocks": "```\nfoo\nbar\nbaz\n```\n",
    "code-block-language": "```clike\nint a = 0x123;  int b = a<<2;\n```\n",
    "test-strikethrough": "Normal ~~strikethrough~~ normal",
    "text styles": "**This is a bold text**\n\n*This is an italic text*\n\n==This is",
    "test-externalLink-notext": "[https://444.hu/](https://444.hu/)",
    "link to telephone 202-555-0179": "[202-555-0179](tel:202-555-0179)",
    "charmapNotebookTest": '"#": "\\*",',
    "test-bracketlinks": "The computational theories of Albus [47](http://www.",
    "test-pdfAttachment": "[sample.pdf](bloop:file:",
}


def check_markdown_of_the_samples(items):
    for name, expected in MARKDOWN.items():
        (note,) = [one for one in items[name] if one.kind == "note"]
        assert expected in note.data["markdown"], name


async def test_the_samples_by_eye(samples, blobs):
    _, items = samples
    check_the_bytes_of_every_attachment_have_the_hash_that_the_note_says(items, blobs)
    check_links_between_notes_of_one_file_lead_to_them(items)
    check_what_evernote_knows_of_a_note_comes_along(items)
    check_markdown_of_the_samples(items)

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bloop_markdown.index import Index, sort_key
from bloop_markdown.properties import split
from bloop_sdk import Partition
from bloop_sdk.markdown import Links, render_titled
from bloop_sdk.records import Kind, Ref
from bloop_sdk.testing import Killed, Replica, read_all

NAMES = st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=8)
PATHS = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), unique=True, max_size=20)


async def test_folders_are_modules_and_notes_hang_in_them_in_order(folder, read):
    root = folder({
        "zeta.md": "", "10 ten.md": "", "2 two.md": "", "readme.md": "", "Alpha.md": "",
        "b/inner.md": "", "A/Deep/note.md": "", "pics/x.png": b"", ".obsidian/app.json": "{}",
        "A/.trash/gone.md": "", ".hidden.md": "",
    })  # fmt: skip
    snapshot = await read(root)

    places = [(one.remote_id, one.parent, one.position) for one in snapshot.of(Kind.MODULE)]
    assert places == [
        ("readme.md#note", None, 0),
        ("A/", None, 1),
        ("A/Deep/", "A/", 0),
        ("A/Deep/note.md#note", "A/Deep/", 0),
        ("b/", None, 2),
        ("b/inner.md#note", "b/", 0),
        ("2 two.md#note", None, 3),
        ("10 ten.md#note", None, 4),
        ("Alpha.md#note", None, 5),
        ("zeta.md#note", None, 6),
    ]
    assert [one.title for one in snapshot.of(Kind.MODULE)][:3] == ["readme", "A", "Deep"]
    assert [one.remote_id for one in snapshot.of(Kind.FILE)] == ["pics/x.png"]
    assert snapshot.skipped == {}


async def test_a_zip_reads_as_its_folder_does(folder, zipped, read):
    files = {"index.md": "---\nid: n\n---\n", "a/b.md": "![[x.png]]", "x.png": b"png"}
    plain = await read(folder(files))
    top = {f"Top/{name}": data for name, data in files.items()}
    noise = {"__MACOSX/Top/._a.md": "", "Top/.DS_Store": "", "Top/.obsidian/x.md": ""}
    packed = await read(zipped({**top, **noise}))

    assert packed.files == plain.files
    assert {ref: one.raw for ref, one in packed.records.items()} == {
        ref: one.raw for ref, one in plain.records.items()
    }


async def test_a_zip_that_forgot_to_say_that_its_names_are_unicode(tmp_path, read, zipped):
    path = zipped({"Übung.md": "", "AXXtude.md": ""})
    data = path.read_bytes().replace(b"AXXtude", b"Atude".replace(b"A", "É".encode(), 1) + b"s")
    path.write_bytes(data)
    titles = {one.title for one in (await read(path)).of(Kind.NOTE)}
    assert titles == {"Übung", "Études"}


async def test_a_single_note_is_a_notebook_of_one(folder, read):
    root = folder({"a.md": "# One\n\n[[b]]", "b.md": ""})
    snapshot = await read(root / "a.md")
    assert snapshot.counts() == {"notebook": 1, "note": 1, "module": 1}
    assert snapshot.of(Kind.NOTEBOOK)[0].remote_id == "note:a.md"
    assert snapshot.of(Kind.NOTE)[0].lost == ("link to nothing in the notebook: [[b]]",)


async def test_an_edit_changes_one_note_and_a_touch_none(folder, read):
    root = folder({"a.md": "one", "b.md": "two", "pic.png": b"1"})
    before = {ref: one.raw for ref, one in (await read(root)).records.items()}
    for path in root.iterdir():
        path.touch()
    assert {ref: one.raw for ref, one in (await read(root)).records.items()} == before
    (root / "a.md").write_text("changed")
    after = {ref: one.raw for ref, one in (await read(root)).records.items()}
    assert [ref for ref in before if before[ref] != after[ref]] == [Ref(Kind.NOTE, "a.md")]


async def test_a_read_goes_on_behind_the_last_file_whatever_became_of_it(folder, provider):
    root = folder({f"{n}.md": "" for n in range(6)})
    replica = Replica()
    with pytest.raises(Killed):
        await replica.run(provider(root, batch_records=2), stop_after=2)
    (root / "3.md").unlink()
    (root / "0a.md").write_text("came too late for this read")
    await replica.run(provider(root, batch_records=2))
    assert [one.remote_id for one in replica.of(Kind.NOTE)] == [f"{n}.md" for n in range(6)]


async def test_batches_are_bounded_by_records_and_by_bytes(folder, provider):
    root = folder({f"{n}.md": "x" * 100 for n in range(10)})

    async def sizes(**bounds):
        batches = provider(root, **bounds).read(Partition("notes"), None)
        return [len(batch.records) async for batch in batches]

    assert await sizes(batch_records=4) == [1 + 8, 8, 4]
    assert await sizes(batch_bytes=250) == [1 + 6, 6, 6, 2]


async def test_fetch_gives_every_kind_of_record(folder, provider):
    reading = provider(folder({"A/a.md": "---\nid: 7\n---\n", "pic.png": b"1"}))
    whole = await read_all(reading)
    refs = [Ref(Kind.NOTEBOOK, whole.of(Kind.NOTEBOOK)[0].remote_id), Ref(Kind.NOTE, "id:7")]
    refs += [Ref(Kind.MODULE, "A/"), Ref(Kind.MODULE, "id:7#note"), Ref(Kind.FILE, "pic.png")]
    fetched = await reading.fetch([*refs, Ref(Kind.NOTE, "gone.md")])
    assert [one.raw for one in fetched.records] == [whole.records[ref].raw for ref in refs]
    assert [one.ref for one in fetched.skipped] == ["note:gone.md"]


async def test_memory_does_not_grow_with_the_notebook(folder, provider):
    """Of 1,500 notes with 6 MB of text no more is held than a batch and the names."""
    text = "word [[7]]\n\n    " + "code " * 800
    reading = provider(folder({f"{n % 50}/{n}.md": text for n in range(1500)}))
    await reading.discover()
    tracemalloc.start()
    try:
        count = 0
        async for batch in reading.read(Partition("notes"), None):
            count += len(batch.records)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 1 + 50 + 2 * 1500
    assert held < 6_000_000


@given(PATHS)
def test_any_names_give_each_file_an_id_of_its_own_behind_its_folder(paths):
    index = Index(paths, dict.fromkeys(paths, "same"))
    refs = [index.ref(path) for path in index.order]
    assert len(set(refs)) == len(refs)
    assert [index.path_of(ref) for ref in refs] == list(index.order)
    assert index.order == sorted(index.order, key=sort_key)
    for place, path in enumerate(index.order):
        folder = path.rstrip("/").rpartition("/")[0]
        assert not folder or f"{folder}/" in index.order[:place] or not path.endswith((".md", "/"))


@given(st.text(st.sampled_from("-: \n[]{}&*!|>'\"#%@,?ab01=."), max_size=80))
def test_any_front_matter_is_read_or_kept(head):
    text = f"---\n{head}\n---\nbody"
    properties, body = split(text)
    assert properties.lost or properties.yaml or body
    assert body.endswith("body")


@given(st.text(st.sampled_from("[]()!|#^*_`$%=<>&\"'\\ \n-xa./:~"), max_size=120))
def test_any_text_is_rendered(text):
    links = Links(lambda target: Ref(Kind.NOTE, target) if "a" in target else None)
    made = render_titled(text, links)
    assert isinstance(made.html, str)
    assert isinstance(links.lost(), list)

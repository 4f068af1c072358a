from __future__ import annotations

import io
import zipfile
from types import SimpleNamespace

import pytest

from bloop.content import service
from bloop.content.exports import HubExportSource
from bloop.content.imports import (
    Importer,
    digest_of,
    import_file,
    import_upload,
    importer_for,
)
from bloop.content.models import Container, Item, Node
from bloop.content.queries import TREE
from bloop.content.tree import nested
from bloop.kernel.models import Connection
from bloop.kernel.states import PluginState, Status
from bloop.store.errors import ConflictError, InvalidError, NotFoundError
from bloop.store.statements import to_dicts
from bloop_sdk import HostileInputError, MissingRecordError
from bloop_sdk import records as r
from tests.content.course import Course, course, file, leaf, module, page, rows

TINY = Importer("tiny", "lms")


@pytest.fixture
def shelf():
    """What the tiny plugin finds in a file, by the file's name."""
    return {}


@pytest.fixture
def bring(database, blobs, call, tmp_path, shelf):
    """Imports a file by its name."""

    async def run(name, importer=TINY, make=None, **options):
        path = tmp_path / name
        if not path.exists():
            path.write_text(name)
        open_provider = make or (lambda _connection, file: shelf[file.name])
        return await import_file(database, blobs, open_provider, call, importer, path, **options)

    return run


async def test_a_file_gets_a_connection_of_its_own_and_meets_it_again(bring, shelf, database, call):
    shelf["a.tiny"] = Course(contents=[page(1), page(2)])
    shelf["renamed.tiny"] = Course(contents=[page(1)])
    shelf["other.tiny"] = Course([course("c2")], [page(7, container="c2")])

    first = await bring("a.tiny")
    assert (await bring("a.tiny")).written == 0
    later = await bring("renamed.tiny")
    other = await bring("other.tiny")

    assert (later.connection, later.deleted) == (first.connection, 1)
    assert other.connection != first.connection
    made = rows(database, call, Connection)
    assert [(c.key, c.name, c.settings) for c in made] == [
        ("c1", "Acids and bases", {"file": "a.tiny"}),
        ("c2", "Acids and bases", {"file": "other.tiny"}),
    ]


async def test_nothing_is_written_for_a_file_that_is_refused(bring, database, call):
    class Hostile(Course):
        async def discover(self):
            raise HostileInputError("a bomb")

    with pytest.raises(HostileInputError):
        await bring("bomb.tiny", make=lambda *_: Hostile())

    assert rows(database, call, Connection) == []


async def test_a_file_goes_into_a_course_that_is_there(bring, shelf, database, call, command):
    mine = command(service.create_container, title="Mine")
    shelf["a.tiny"] = Course(contents=[module(1), leaf(page(1), "m1"), page(1), page(2)])
    shelf["b.tiny"] = Course(
        [course("x9")],
        [page(1, container="x9"), module(1, container="x9")],
    )

    report = await bring("a.tiny", into=mine.id)

    assert report.containers == (mine.id,)
    assert [(c.id, c.title) for c in rows(database, call, Container)] == [(mine.id, "Mine")]
    assert {item.container_id for item in rows(database, call, Item)} == {mine.id}
    assert (await bring("a.tiny", into=mine.id)).written == 0

    # Without the course it is another import.
    assert (await bring("a.tiny")).written == 5
    [own] = [c.id for c in rows(database, call, Container) if c.id != mine.id]
    newer = await bring("b.tiny", into=own)
    assert (newer.first, newer.deleted) == (False, 2)
    assert {c.state for c in rows(database, call, Container)} == {"active"}


async def test_a_course_that_is_not_there_takes_no_file(bring, shelf, command):
    shelf["a.tiny"] = Course()
    with pytest.raises(NotFoundError):
        await bring("a.tiny", into="nowhere")

    gone = command(service.create_container, title="Gone")
    command(service.trash, Container, gone.id, 1)
    with pytest.raises(ConflictError, match="in the trash"):
        await bring("a.tiny", into=gone.id)


async def test_an_export_holds_what_was_imported(bring, shelf, database, blobs, call):
    quiz = r.Quiz(
        remote_id="q1",
        container="c1",
        title="Quiz",
        html="<p>?</p>",
        time_limit=10.0,
        raw={"id": "q1"},
        questions=(
            r.Question(
                id="1",
                kind=r.QuestionKind.CHOICE,
                html="<p>which</p>",
                choices=(r.Choice(id="a", html="this", weight=100.0),),
            ),
        ),
    )
    contents = [
        module(1),
        module(2, "m1"),
        leaf(quiz, "m2", 5),
        quiz,
        page(1),
        file("a.txt", b"hi"),
    ]
    shelf["a.tiny"] = Course([course(language="en")], contents)
    report = await bring("a.tiny")

    source = HubExportSource(database, blobs, call, report.containers[0])

    assert (source.container.title, source.container.language) == ("Acids and bases", "en")
    nodes = list(source.nodes())
    assert [(n.remote_id, n.parent, n.position) for n in nodes] == [
        ("m1", None, 0),
        ("m2", "m1", 0),
        ("n-q1", "m2", 0),
    ]
    assert nodes[2].content == quiz.ref
    held = {content.remote_id: content for content in source.contents()}
    assert held["q1"].questions == quiz.questions
    assert held["q1"].time_limit == 10.0
    with source.open(held["a.txt"]) as opened:
        assert opened.read() == b"hi"
    with pytest.raises(MissingRecordError):
        source.open(file("other.txt"))


async def test_what_was_written_here_can_be_exported(database, blobs, call, command):
    mine = command(service.create_container, title="Mine")
    command(service.create_item, mine.id, kind="link", title="L", data={"href": "https://x.org"})

    [link] = HubExportSource(database, blobs, call, mine.id).contents()

    assert (link.kind, link.href, link.container) == ("link", "https://x.org", mine.id)
    command(service.trash, Container, mine.id, 1)
    with pytest.raises(NotFoundError):
        HubExportSource(database, blobs, call, mine.id)


def record(plugin_id, state, *suffixes, provides="lms"):
    manifest = SimpleNamespace(imports=suffixes, provides={provides: "x:Y"})
    status = Status(state, cure="switch it on")
    return SimpleNamespace(id=plugin_id, manifest=manifest, status=status)


READY, DISABLED = PluginState.READY, PluginState.DISABLED


def test_a_files_suffix_finds_its_plugin():
    plugins = [
        record("off", DISABLED, ".imscc"),
        record("on", READY, ".imscc", ".zip"),
        record("notes", READY, ".enex", provides="notes"),
        SimpleNamespace(id="broken", manifest=None),
    ]

    assert importer_for(plugins, "a.IMSCC") == Importer("on", "lms")
    assert importer_for(plugins, "a.enex") == Importer("notes", "notes")
    assert importer_for(plugins, "a.bin", "on") == Importer("on", "lms")
    with pytest.raises(InvalidError, match=r"no plugin imports \.bin.*\.enex, \.imscc, \.zip"):
        importer_for(plugins, "a.bin")
    with pytest.raises(InvalidError, match="plugin off would import it, but is disabled"):
        importer_for(plugins[:1], "a.imscc")


def test_a_folder_is_for_plugins_that_say_so():
    plugins = [
        record("course", READY, ".imscc", ".zip"),
        record("notes", READY, "folder", ".md", provides="notes"),
    ]

    assert importer_for(plugins, "Notes", folder=True) == Importer("notes", "notes")
    assert importer_for(plugins, "My.imscc", folder=True) == Importer("notes", "notes")
    assert importer_for(plugins, "notes.zip", "notes") == Importer("notes", "notes")
    with pytest.raises(InvalidError, match="plugin course imports no folders"):
        importer_for(plugins, "Notes", "course", folder=True)
    with pytest.raises(InvalidError, match="no plugin imports folders"):
        importer_for(plugins[:1], "Notes", folder=True)
    with pytest.raises(InvalidError, match="no plugin imports files without a suffix"):
        importer_for(plugins, "folder")


def test_of_plugins_for_folders_the_one_is_taken_that_knows_what_is_in_it():
    plugins = [
        record("exports", READY, ".enex", "folder", provides="notes"),
        record("vault", READY, "folder", ".md", provides="notes"),
    ]

    def chosen(**inside):
        counted = {f".{suffix}": count for suffix, count in inside.items()}
        return importer_for(plugins, "Notes", folder=True, inside=counted).plugin_id

    assert chosen(enex=2, md=1) == "exports"
    assert chosen(md=7, png=30, enex=1) == "vault"
    assert chosen(png=3) == "exports"


async def test_several_containers_are_known_by_what_they_were_imported_from(
    bring, shelf, database, call
):
    class Shelf(Course):
        def source_key(self):
            return "shelf"

    shelf["a.tiny"] = Shelf([course("c2")], [page(1, container="c2")])
    shelf["b.tiny"] = Shelf(
        [course("c1"), course("c2")], [page(2, container="c1"), page(1, container="c2")]
    )

    first, later = await bring("a.tiny"), await bring("b.tiny")

    assert (later.connection, later.written, later.deleted) == (first.connection, 2, 0)
    assert [(c.key, c.name) for c in rows(database, call, Connection)] == [
        ("shelf", "Acids and bases")
    ]


def test_a_folders_digest_is_that_of_its_names_and_contents(tmp_path):
    def folder(name, files):
        for path, text in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(text)
        return tmp_path / name

    first = folder("first", {"a/b": "cd", "e": "f"})
    same = {digest_of(first), digest_of(folder("second", {"e": "f", "a/b": "cd", ".git/x": "y"}))}
    others = [{"a/b": "c", "e": "f"}, {"a/bc": "d", "e": "f"}, {"b": "cd", "e": "f"}, {"a/b": "cd"}]
    different = {digest_of(folder(f"other {n}", files)) for n, files in enumerate(others)}

    assert len(same) == 1
    assert len(same | different) == 5


def test_a_folders_digest_does_not_follow_links(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").write_text("one")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "loop").symlink_to(tmp_path / "root")
    before = digest_of(tmp_path / "root")
    (tmp_path / "outside").write_text("two")
    assert digest_of(tmp_path / "root") == before


async def test_an_uploaded_file_is_imported_by_its_job(shelf, database, blobs, call):
    ref = blobs.put([b"any"])
    payload = {
        "blob": ref.sha256,
        "name": "course.tiny",
        "plugin": "tiny",
        "capability": "lms",
        "into": None,
        "confirm_deletes": False,
    }
    asked = []

    def open_provider(importer, _connection, path):
        asked.append((importer, path.read_bytes()))
        return Course(contents=[page(1)])

    report = await import_upload(database, blobs, open_provider, call, payload)

    assert (report["written"], report["state"]) == (2, "succeeded")
    assert asked[0] == (TINY, b"any")
    assert rows(database, call, Connection)[0].settings == {"file": "course.tiny"}


@pytest.fixture
def cartridge():
    provider = pytest.importorskip("bloop_cartridge.provider")
    config = pytest.importorskip("bloop_cartridge.config")
    from bloop_sdk.testing import FakeContext

    def open_provider(_connection, path):
        context = FakeContext(config=config.CartridgeConfig(batch_records=7), source=path)
        return provider.CartridgeProvider(context)

    return open_provider


async def outline(database, call, container):
    found = to_dicts(TREE, await database.read(TREE, call, container=container))

    def lines(nodes):
        return [(n["title"], n["kind"], n["item_title"], lines(n["children"])) for n in nodes]

    return lines(nested(found))


async def test_every_sample_cartridge_imports_once_and_survives_a_round_trip(
    bring, cartridge, shared_data, database, blobs, call, tmp_path
):
    from bloop_cartridge.exporter import CartridgeExporter
    from bloop_sdk.testing import FakeContext

    for sample in sorted((shared_data / "cartridges").iterdir()):
        (tmp_path / sample.name).write_bytes(sample.read_bytes())
        report = await bring(sample.name, make=cartridge)
        again = await bring(sample.name, make=cartridge)
        assert (again.written, again.deleted) == (0, 0), sample.name
        assert (again.seen, again.quarantined) == (report.seen, report.quarantined)

        [course_id] = report.containers
        source = HubExportSource(database, blobs, call, course_id)
        with (tmp_path / f"again-{sample.name}.imscc").open("wb") as target:
            CartridgeExporter(FakeContext()).export(source, target)
        returned = await bring(f"again-{sample.name}.imscc", make=cartridge)
        assert returned.by_kind == report.by_kind
        assert await outline(database, call, returned.containers[0]) == await outline(
            database, call, course_id
        )
    assert rows(database, call, Node)


async def test_a_broken_zip_writes_nothing(bring, cartridge, database, call, tmp_path):
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    (tmp_path / "empty.imscc").write_bytes(empty.getvalue())
    (tmp_path / "text.imscc").write_bytes(b"no zip at all")

    for name in ("empty.imscc", "text.imscc"):
        with pytest.raises(Exception, match=r"."):
            await bring(name, make=cartridge)

    assert rows(database, call, Connection) == []

"""What the contract asks of every plugin and every provider of notes, of a small notebook."""

from __future__ import annotations

from pathlib import Path

from bloop_markdown.config import MarkdownConfig
from bloop_markdown.provider import MarkdownProvider
from bloop_sdk import Kind, Ref, load_manifest
from bloop_sdk.testing import FakeContext, Folder, plugin_tests

HERE = Path(__file__).parent
NOTEBOOK = HERE.parents[3] / "examples" / "notes"


def note(path: Path, name: str, text: str) -> Ref:
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_text(text)
    return Ref(Kind.NOTE, name)


def build(path: Path) -> None:
    note(path, "Index.md", "---\ntags: [home]\n---\nSee [[Waves]] and ![[wave.svg]].\n")
    note(path, "Physics/Waves.md", "# Waves\n\nThey carry energy: see [[Sound]].\n")
    note(path, "Physics/Sound.md", "# Sound\n\nA wave in air.\n")
    note(path, "wave.svg", '<svg xmlns="http://www.w3.org/2000/svg"/>')


def delete(path: Path) -> Ref:
    (path / "Physics/Sound.md").unlink()
    return Ref(Kind.NOTE, "Physics/Sound.md")


def malform(path: Path) -> Ref:
    (path / "Physics/Sound.md").write_bytes(b"\x89\x00\xff")
    return Ref(Kind.NOTE, "Physics/Sound.md")


TestMarkdown = plugin_tests(
    "bloop_markdown",
    notes=Folder(
        build=build,
        name="notes",
        settings={"batch_records": 1},
        edit=lambda path: note(path, "Physics/Sound.md", "# Sound\n\nEdited.\n"),
        add=lambda path: note(path, "Chemistry/Acids.md", "# Acids\n"),
        delete=delete,
        malform=malform,
        without={"unknown": "a folder holds notes and files alone"},
    ),
)


def test_the_manifest_names_what_the_package_holds() -> None:
    manifest = load_manifest(HERE.parent / "bloop-plugin.toml")
    assert manifest.imports == ("folder", ".md")
    assert manifest.provides == {
        "notes": f"{MarkdownProvider.__module__}:{MarkdownProvider.__name__}"
    }
    assert manifest.config == f"{MarkdownConfig.__module__}:{MarkdownConfig.__name__}"


async def test_check_counts_what_is_in_the_folder() -> None:
    provider = MarkdownProvider(FakeContext(source=NOTEBOOK, config=MarkdownConfig()))
    result = await provider.check()
    assert result.account == "Remembering what you learn (notes: 12, other files: 3)"
    assert (result.site, result.gaps) == ("notes", ())


def living(path: Path) -> dict[str, object]:
    return {"vaults": [path.parent], "folder": str(path)}


def canvas(path: Path) -> Ref:
    (path / "Board.canvas").write_text('{"nodes": []}')
    return Ref(Kind.OPAQUE, "Board.canvas")


HEAD = "---\n# Mine: stays\naliases:   [A,  B]\ncssclasses: wide\n---\n"


def beyond(path: Path) -> tuple[Ref, str]:
    file = path / "Physics/Waves.md"
    text = file.read_text()
    if not text.startswith("---"):
        file.write_text(HEAD + text)
        return Ref(Kind.NOTE, "Physics/Waves.md"), HEAD
    return Ref(Kind.NOTE, "Physics/Waves.md"), text[: len(HEAD)]


def vault(path: Path) -> None:
    build(path)
    beyond(path)
    canvas(path)


TestVault = plugin_tests(
    "bloop_markdown",
    notes=Folder(
        build=vault,
        name="vault",
        living=True,
        settings=living,
        edit=lambda path: note(path, "Physics/Sound.md", "# Sound\n\nEdited.\n"),
        add=lambda path: note(path, "Chemistry/Acids.md", "# Acids\n"),
        delete=delete,
        malform=malform,
        unknown=canvas,
        beyond=beyond,
        without={"write": "the kit writes notes by itself"},
    ),
)

"""The contract's own suite, over the notebook that the README shows."""

from __future__ import annotations

from pathlib import Path

from bloop_markdown import MarkdownPlugin
from bloop_markdown.config import MarkdownConfig
from bloop_markdown.provider import MarkdownProvider
from bloop_sdk import load_manifest
from bloop_sdk.providers.content import ContentProvider
from bloop_sdk.testing import FakeContext, content_provider_tests

HERE = Path(__file__).parent
NOTEBOOK = HERE.parents[3] / "examples" / "notes"


def make():
    return MarkdownProvider(FakeContext(source=NOTEBOOK, config=MarkdownConfig(batch_records=2)))


TestContract = content_provider_tests(make)


def test_the_manifest_names_what_the_package_holds():
    manifest = load_manifest(HERE.parent / "bloop-plugin.toml")
    assert manifest.compatible
    assert manifest.imports == ("folder", ".md")
    assert manifest.provides == {
        "notes": f"{MarkdownProvider.__module__}:{MarkdownProvider.__name__}"
    }
    assert manifest.config == f"{MarkdownConfig.__module__}:{MarkdownConfig.__name__}"
    assert isinstance(make(), ContentProvider)
    assert MarkdownPlugin(FakeContext()).ctx is not None


async def test_check_counts_what_is_in_the_folder():
    result = await make().check()
    assert result.account == "Remembering what you learn (notes: 12, other files: 3)"
    assert (result.site, result.gaps) == ("notes", ())

"""First-party plugins that show pages say everything in every language of the hub."""

from pathlib import Path

import pytest

from bloop.web.render import LOCALES
from bloop_sdk.manifest import load_manifest
from bloop_sdk.translations import translation_faults
from tests.web.inventory import PAGES

ROOT = Path(__file__).parents[2]
MANIFESTS = {
    load_manifest(path).id: path for path in sorted(ROOT.glob("plugins/*/*/bloop-plugin.toml"))
}


def package_of(plugin):
    return MANIFESTS[plugin].parent / f"bloop_{plugin}"


def shows_pages(plugin):
    parts = load_manifest(MANIFESTS[plugin]).contributes
    return bool(parts.pages or parts.panels)


@pytest.mark.parametrize("plugin", MANIFESTS)
def test_a_plugin_says_everything_in_every_language(plugin):
    folder = package_of(plugin) / "locale"
    missing = [one for one in LOCALES if one != "en" and not (folder / f"{one}.po").is_file()]
    if shows_pages(plugin) or folder.is_dir():
        assert missing == []
    assert translation_faults(package_of(plugin), load_manifest(MANIFESTS[plugin])) == []


def test_every_page_of_the_shop_is_measured():
    declared = {page.path for page in load_manifest(MANIFESTS["commerce"]).contributes.pages}
    shown = {
        path.removeprefix("/x/commerce")
        for path in (one.path.partition("?")[0] for one in PAGES)
        if path.startswith("/x/commerce")
    }
    patterns = {
        # Where a provider leads back to: it shows the page of the purchase.
        "/purchases/{order}/back": "/purchases/{order}",
    }
    unseen = {
        path for path in declared if not any(_fits(patterns.get(path, path), one) for one in shown)
    }
    assert unseen == set()


def _fits(pattern, path):
    """Whether a path of the inventory, with its ids in braces, is one of a page's."""
    wanted, given = pattern.split("/"), path.split("/")
    return len(wanted) == len(given) and all(
        one == other or (one.startswith("{") and other.startswith("{"))
        for one, other in zip(wanted, given, strict=True)
    )

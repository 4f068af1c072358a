"""What a browser is asked of a page: what axe finds, and whether it fits a phone."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

NARROW = {"width": 320, "height": 640}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# It is loaded into the page alone: of frames it would only wait for an answer that none gives.
AXE: dict[str, Any] = {"resultTypes": ["violations"], "iframes": False}
OF_COLOURS = AXE | {"runOnly": ["color-contrast", "link-in-text-block"]}
"""What another scheme changes of a page: all else is looked for in the first."""
# What it says of all that is well takes longer to hand over than to find.
FOUND = """options => axe.run(options).then(
    all => all.violations.map(one => [one.id, one.nodes[0].html.slice(0, 200)]))"""


@cache
def _axe() -> str:
    module = pytest.importorskip("axe_playwright_python.sync_playwright")
    return str(module.Axe().axe_script)


def violations(page: Any) -> list[tuple[str, str, str]]:
    """What axe finds on the page before a browser, in light and dark: scheme, rule, element."""
    page.evaluate(_axe())
    found = []
    for scheme, asked in (("light", AXE), ("dark", OF_COLOURS)):
        page.emulate_media(color_scheme=scheme)
        found += [(scheme, rule, element) for rule, element in page.evaluate(FOUND, asked)]
    return found

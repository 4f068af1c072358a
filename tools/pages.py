"""Looks at every page of the hub: ``python -m tools.pages``, into var/pages.

A hub is made with the sample course and something on every page (tests/web/filled.py), then each
page of tests/web/inventory.py is

- asked for: who may see it, its queries, its time in the server, its weight (``pages.md``);
- looked at: a picture in light and dark, wide and narrow (``NAME-wide-light.png``);
- held to WCAG 2.2 AA by axe-core, in light and dark (``axe.md``);
- measured by Lighthouse, for the pages of ``--lighthouse`` (``lighthouse.md``), where it is there:
  ``npm install --prefix var/lighthouse lighthouse@13 node@22``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.support.serving import BLOOP, serving
from tests.web.filled import HUB_TOML, Filled, fill_folder
from tests.web.inventory import PAGES, Shown
from tests.web.measure import Measured, action_of, measured_in

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-sync", "--no-first-run"]
SETTLED = 400
"""So many milliseconds frames may take to tell their height."""
SIZES = {"wide": (1280, 900), "narrow": (320, 640)}
PACKAGES = ROOT / "var" / "lighthouse" / "node_modules"
NODE, LIGHTHOUSE = PACKAGES / ".bin" / "node", PACKAGES / "lighthouse" / "cli" / "index.js"
INSTALL = "npm install --prefix var/lighthouse lighthouse@13 node@22"
CATEGORIES = ("performance", "accessibility", "best-practices")
JUDGED = "today,lesson,course,reviews,course-edit,admin,system,plugins,jobs"


def main() -> None:
    """Fill a hub and look at it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="pages of the inventory; all of them without")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "var" / "pages")
    parser.add_argument("--lighthouse", default=JUDGED, help=f"pages to judge ({JUDGED})")
    parser.add_argument("--language", default="en", help="of the browser, like ar (en)")
    parser.add_argument("--no-pictures", action="store_true")
    given = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("error: no Chromium here: apt-get install chromium")
    pages = [one for one in PAGES if not given.names or one.name in given.names]
    given.output.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith("BLOOP_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _make(folder)
        filled, measured = asyncio.run(_filled(folder))
        write(given.output / "pages.md", inventory(one for one in measured if one.shown in pages))
        with serving(folder) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            look = Look(browser, url, filled, given.output, given.language)
            if not given.no_pictures:
                look.pictures(pages)
            write(given.output / "axe.md", look.axe(pages))
            browser.close()
            wanted = [one for one in PAGES if one.name in given.lighthouse.split(",")]
            write(given.output / "lighthouse.md", judged(url, filled, wanted, chromium))
    print(f"{len(list(given.output.glob('*.png')))} pictures in {given.output}")


def _make(folder: Path) -> None:
    (folder / "hub.toml").write_text(HUB_TOML.format(folder=folder))
    course, builder = folder / "waves.imscc", ROOT / "examples" / "build_course.py"
    commands: tuple[list[str | Path], ...] = (
        [sys.executable, builder, "-o", course],
        [BLOOP, "init"],
        [BLOOP, "import", course],
    )
    for command in commands:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


async def _filled(folder: Path) -> tuple[Filled, list[Measured]]:
    filled = await fill_folder(folder)
    return filled, await measured_in(folder, filled)


def write(path: Path, text: str) -> None:
    """Keep a table, and say it."""
    path.write_text(text)
    print(text)


def inventory(measured: Iterable[Measured]) -> str:
    """Each page, who may see it, its queries, its time and its weight."""
    rows = [
        f"| {one.shown.name} | `{one.route or one.shown.path}` | {action_of(one.route)} "
        f"| {one.shown.role or 'guest'} | {len(one.reads)} | {1000 * one.seconds:.1f} "
        f"| {one.weight / 1000:.1f} |"
        for one in measured
    ]
    head = (
        "| page | path | needs | looked at as | queries | ms | kB |\n|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *rows, ""])


class Look:
    """A browser that has every page before it."""

    def __init__(
        self, browser: Browser, url: str, filled: Filled, output: Path, language: str = "en"
    ) -> None:
        self.browser, self.url, self.filled, self.output = browser, url, filled, output
        self.language = language

    @contextmanager
    def as_(self, role: str | None, **options: Any) -> Iterator[BrowserContext]:
        """A browser that has logged in."""
        context = self.browser.new_context(base_url=self.url, locale=self.language, **options)
        if role is not None:
            cookie = {"name": "bloop_session", "value": self.filled.sessions[role], "url": self.url}
            context.add_cookies([cookie])  # type: ignore[list-item]
        yield context
        context.close()

    def pictures(self, pages: Iterable[Shown]) -> None:
        """Every page in every size and scheme."""
        for shown in pages:
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    view = {"width": width, "height": height}
                    with self.as_(shown.role, viewport=view, color_scheme=scheme) as context:
                        page = context.new_page()
                        page.goto(self.filled.path_of(shown.path))
                        path = self.output / f"{shown.name}-{size}-{scheme}.png"
                        whole = page.evaluate("document.documentElement.scrollHeight")
                        # Taken at once it would show frames as they are before they have settled.
                        page.set_viewport_size({"width": width, "height": max(height, whole)})
                        page.wait_for_timeout(SETTLED)
                        page.screenshot(path=path, full_page=True)

    def axe(self, pages: Iterable[Shown]) -> str:
        """What axe-core finds on each page."""
        from axe_playwright_python.sync_playwright import (  # type: ignore[import-untyped]
            Axe,
        )

        axe, rows, seen = Axe(), ["| page | light | dark |", "|---|---|---|"], 0
        for shown in pages:
            found = []
            for scheme in ("light", "dark"):
                with self.as_(shown.role, color_scheme=scheme) as context:
                    page = context.new_page()
                    page.goto(self.filled.path_of(shown.path))
                    violations = axe.run(page, options={"iframes": False}).response["violations"]
                    found.append(", ".join(one["id"] for one in violations) or "0")
                    seen += len(violations)
            rows.append(f"| {shown.name} | {found[0]} | {found[1]} |")
        return "\n".join([*rows, f"\n{seen} violations", ""])


def judged(url: str, filled: Filled, pages: Iterable[Shown], chromium: str) -> str:
    """Lighthouse's scores of some pages, of 100."""
    if not LIGHTHOUSE.exists():
        return f"Lighthouse is not there: {INSTALL}\n"
    rows = [f"| page | {' | '.join(CATEGORIES)} |", "|---|---|---|---|"]
    for shown in pages:
        headers = {}
        if shown.role is not None:
            headers["cookie"] = f"bloop_session={filled.sessions[shown.role]}"
        command: list[str | Path] = [
            NODE, LIGHTHOUSE, url + filled.path_of(shown.path), "--quiet", "--output=json",
            "--only-categories=" + ",".join(CATEGORIES), "--extra-headers=" + json.dumps(headers),
            "--chrome-flags=--headless=new --no-sandbox",
        ]  # fmt: skip
        environment = os.environ | {"CHROME_PATH": chromium}
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
        if done.returncode:
            sys.exit(done.stderr.decode()[-2000:])
        found = json.loads(done.stdout)["categories"]
        scores = " | ".join(f"{100 * found[name]['score']:.0f}" for name in CATEGORIES)
        rows.append(f"| {shown.name} | {scores} |")
    return "\n".join([*rows, ""])


if __name__ == "__main__":
    main()

"""npm's oidc-provider on Node, an OpenID provider that is not ours: the fixture `node_issuer`.

It is installed once, by the lock beside it, into a folder outside the tree. Where there is no Node
or no registry, the tests that ask for it skip.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

if TYPE_CHECKING:
    import httpx

FOLDER = Path(__file__).with_name("oidc_provider")
SECRET = "a secret: of the/hub's & Node's"  # It has signs that a form encodes.
BACK = "http://127.0.0.1:8080/login/with/oidc.node/callback"
INSTALL_SECONDS = 90
MOST_STEPS = 12


@dataclass(frozen=True)
class NodeIssuer:
    """The provider that runs."""

    url: str

    async def log_in(self, browser: httpx.AsyncClient, url: str, login: str | None) -> str:
        """Go through its pages as somebody; gives where it sends the browser back to.

        ``login`` of None says no on the first page.
        """
        answer = await browser.get(url)
        for _ in range(MOST_STEPS):
            if answer.is_redirect:
                url = urljoin(str(answer.url), answer.headers["location"])
                if url.startswith(BACK):
                    return url
                answer = await browser.get(url)
                continue
            answer.raise_for_status()
            if login is None:
                away = re.search(r'href="([^"]+/abort)"', answer.text)
                assert away is not None, answer.text
                answer = await browser.get(unescape(away[1]))
                continue
            action = re.search(r'<form[^>]+action="([^"]+)"', answer.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', answer.text)
            assert action is not None and prompt is not None, answer.text
            form = {"prompt": prompt[1], "login": login, "password": "any"}
            answer = await browser.post(unescape(action[1]), data=form)
        raise AssertionError(f"no way back after {MOST_STEPS} steps")


@pytest.fixture(scope="session")
def node_issuer() -> Iterator[NodeIssuer]:
    """A running provider; skips where there is no Node, or npm cannot install it."""
    module = _installed()
    node = shutil.which("node")
    assert node is not None, "it has just installed something"
    command = [node, str(FOLDER / "provider.mjs"), str(module), BACK, SECRET]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        try:
            line = running.stdout.readline().strip()
            assert line.startswith("http://127.0.0.1:"), line
            yield NodeIssuer(line)
        finally:
            running.terminate()
            running.wait()
            running.stdout.close()


def _installed() -> Path:
    """The provider's module."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no Node here")
    lock = (FOLDER / "package-lock.json").read_bytes()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bloop-tests"
    whole = home / f"oidc-provider-{hashlib.sha256(lock).hexdigest()[:16]}"
    module = Path("node_modules", "oidc-provider", "lib", "index.js")
    if not (whole / module).is_file():
        home.mkdir(parents=True, exist_ok=True)
        # Written beside it and then renamed: others may be at it, too.
        with tempfile.TemporaryDirectory(dir=home) as beside:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FOLDER / name, beside)
            _install(npm, beside)
            if not whole.exists():
                Path(beside, "node_modules").rename(_made(whole) / "node_modules")
    return whole / module


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _install(npm: str, folder: str) -> None:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm found no registry in time")
    if done.returncode:
        pytest.skip("npm cannot install oidc-provider here")

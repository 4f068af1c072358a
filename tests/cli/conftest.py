from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from bloop.cli.main import main

MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<manifest identifier="{identifier}" xmlns="http://www.imsglobal.org/xsd/imsccv1p3/imscp_v1p1"
 xmlns:lom="http://ltsc.ieee.org/xsd/imsccv1p3/LOM/manifest">
<metadata><schema>IMS Common Cartridge</schema><schemaversion>1.3.0</schemaversion>
<lom:lom><lom:general><lom:title><lom:string>{title}</lom:string></lom:title></lom:general></lom:lom>
</metadata>
<organizations><organization identifier="org" structure="rooted-hierarchy"><item identifier="root">
<item identifier="module"><title>One</title>{items}</item></item></organization></organizations>
<resources>{resources}</resources></manifest>"""


@dataclass
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


def write_cartridge(path, *, title="Small course", pages=("First", "Second"), identifier="small"):
    """A cartridge with one module of pages."""
    items, resources = "", ""
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(pages):
            items += f'<item identifier="i{number}" identifierref="r{number}">'
            items += f"<title>{name}</title></item>"
            resources += (
                f'<resource identifier="r{number}" type="webcontent" href="p{number}.html">'
                f'<file href="p{number}.html"/></resource>'
            )
            archive.writestr(
                f"p{number}.html",
                f"<html><head><title>{name}</title></head><body><p>{name}.</p></body></html>",
            )
        archive.writestr(
            "imsmanifest.xml",
            MANIFEST.format(identifier=identifier, title=title, items=items, resources=resources),
        )
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, and nothing of the hub in the environment."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("BLOOP_")]:
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def bloop(folder, monkeypatch):
    """Run `bloop` in this process as its entry point does."""

    def run(*arguments):
        out, err = io.StringIO(), io.StringIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["bloop", *map(str, arguments)])
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            with pytest.raises(SystemExit) as ended:
                main()
        return Said(ended.value.code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def process(folder):
    """Run `bloop` as a process of its own."""

    def run(*arguments, **options):
        done = subprocess.run(
            [Path(sys.executable).with_name("bloop"), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            **options,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def authors_pytest(monkeypatch):
    """Have pytests that a test starts load what an author has installed, and not all of ours."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "pytest_asyncio.plugin")


@pytest.fixture
def hub_folder(folder, bloop, database_urls, monkeypatch):
    """A hub with the plugins that import, on a migrated database; once for each dialect."""
    (folder / "hub.toml").write_text(
        '[hub]\nname = "Here"\n\n[plugins.cartridge]\nenabled = true\n\n'
        "[plugins.markdown]\nenabled = true\n"
    )
    monkeypatch.setenv("BLOOP_STORE__URL", database_urls[0])
    monkeypatch.setenv("BLOOP_STORE__OWNER_URL", database_urls[1])
    assert bloop("init").code == 0
    return folder


@pytest.fixture
def small(tmp_path):
    """A course of two pages."""
    return write_cartridge(tmp_path / "small.imscc")

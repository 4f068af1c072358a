"""What a clip depends on, how encoders are chosen, and what the hub's process imports."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

from bloop_manim import versions
from bloop_manim.encoding import Encoding
from bloop_sdk.testing import plugin_tests

TestManim = plugin_tests("bloop_manim")
CPU = Encoding()


def test_a_version_changes_with_how_is_encoded():
    made = {
        versions.version(CPU, latex=False),
        versions.version(Encoding(crf=21), latex=False),
        versions.version(Encoding(preset="medium"), latex=False),
    }
    assert len(made) == 3
    assert versions.version(CPU, latex=False) in made


def test_a_version_changes_with_the_latex_that_is_used(monkeypatch):
    monkeypatch.setattr(versions, "latex_here", lambda: "pdfTeX 1")
    before = versions.version(CPU, latex=True)
    assert versions.version(CPU, latex=False) != before
    monkeypatch.setattr(versions, "latex_here", lambda: "pdfTeX 2")
    assert versions.version(CPU, latex=True) != before


def test_a_version_changes_with_the_source_and_with_fonts_beside_it(tmp_path):
    (tmp_path / "drawing").mkdir()
    source = tmp_path / "drawing" / "text.py"
    source.write_text("SIZE = 1\n")
    before = versions._source(tmp_path)
    versions._source.cache_clear()
    assert versions._source(tmp_path) == before
    versions._source.cache_clear()
    source.write_text("SIZE = 2\n")
    edited = versions._source(tmp_path)
    versions._source.cache_clear()
    (tmp_path / "drawing" / "face.otf").write_bytes(b"glyphs")
    assert len({before, edited, versions._source(tmp_path)}) == 3
    versions._source.cache_clear()


def test_a_version_changes_with_manims(monkeypatch):
    before = versions.version(CPU, latex=False)
    versions._packages.cache_clear()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"{name} 9")
    assert versions.version(CPU, latex=False) != before
    versions._packages.cache_clear()


def test_the_hubs_process_imports_nothing_that_draws():
    heavy = "{'manim', 'av', 'cairo', 'numpy', 'PIL'} & set(sys.modules)"
    script = f"import sys, bloop_manim.provider; sys.exit(str({heavy} or ''))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() == ""

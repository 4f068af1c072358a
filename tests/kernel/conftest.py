"""A folder of installed plugins, and nothing of them left behind."""

from __future__ import annotations

import importlib
import sys

import pytest

from bloop.kernel.host import Host
from bloop_sdk.testing import ListLogger


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder on sys.path, which write_plugin fills."""
    folder = tmp_path / "site"
    folder.mkdir()
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    yield folder
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def logs():
    """What was logged, by plugin."""
    return {}


@pytest.fixture
def host(tmp_path, logs):
    """What a kernel needs around it."""
    return Host(tmp_path / "data", lambda name: logs.setdefault(name, ListLogger()))

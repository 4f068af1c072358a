"""A folder of installed plugins, and nothing of them left behind."""

from __future__ import annotations

import pytest

from bloop.kernel.host import Host
from bloop_sdk.testing import ListLogger


@pytest.fixture
def logs():
    """What was logged, by plugin."""
    return {}


@pytest.fixture
def host(tmp_path, logs):
    """What a kernel needs around it."""
    return Host(tmp_path / "data", lambda name: logs.setdefault(name, ListLogger()))

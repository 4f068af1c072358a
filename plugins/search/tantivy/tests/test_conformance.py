"""What the contract asks of every plugin and of every index."""

from __future__ import annotations

from bloop_sdk.testing import Indexes, plugin_tests

TestTantivy = plugin_tests("bloop_tantivy", search=Indexes())

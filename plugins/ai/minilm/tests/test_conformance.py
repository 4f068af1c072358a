"""What the contract asks of every plugin and of every provider of embeddings."""

from __future__ import annotations

from bloop_sdk.testing import Embeddings, plugin_tests

TestMiniLM = plugin_tests("bloop_minilm", embedding=Embeddings())

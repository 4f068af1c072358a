"""What the contract asks of every plugin and of every language model."""

from __future__ import annotations

from standin import Standin

from bloop_sdk.testing import Models, plugin_tests

TestOpenAI = plugin_tests("bloop_openai", language=Models(make=Standin, bad={"api_key": "sk-bad"}))

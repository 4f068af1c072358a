"""What the contract asks of every plugin and of every voice."""

from __future__ import annotations

from bloop_sdk.testing import Voices, plugin_tests
from plugins.ai.elevenlabs.tests.fake_elevenlabs import KEY, FakeElevenLabs

TestElevenLabs = plugin_tests(
    "bloop_elevenlabs",
    settings={"api_key": KEY},
    speech=Voices(
        make=FakeElevenLabs,
        bad={"api_key": "sk_revoked"},
        long_words=300,
        without={"kill": "it speaks in no process of its own"},
    ),
)

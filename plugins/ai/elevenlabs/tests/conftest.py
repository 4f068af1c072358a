from __future__ import annotations

import pytest

from bloop_elevenlabs.config import ElevenLabsConfig
from bloop_elevenlabs.provider import ElevenLabsVoices
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, http_client
from plugins.ai.elevenlabs.tests.fake_elevenlabs import FakeElevenLabs


@pytest.fixture
def fake():
    return FakeElevenLabs()


@pytest.fixture
def make_voices(fake):
    """Makes providers that reach the fake."""

    def make(**settings):
        config = ElevenLabsConfig(**{**fake.settings, **settings})
        http = http_client(FakeTransport(fake), Clock(), hosts=frozenset({"api.elevenlabs.io"}))
        return ElevenLabsVoices(FakeContext(config=config, http=http))

    return make

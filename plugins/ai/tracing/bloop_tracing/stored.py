"""Models as bytes: safetensors with a header of plain text, read without running any of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from bloop_sdk import FatalError

VERSION = "tracing-1"
"""Changes when models that are kept can't be read any more."""
MOST_BYTES = 500_000_000
_HEADER = "bloop"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A model's ``kind``, the concepts that it knows, its other settings, and its arrays."""

    kind: str
    concepts: tuple[str, ...]
    settings: dict[str, int]
    arrays: Arrays


def to_bytes(model: Stored) -> bytes:
    """A model as bytes."""
    head = {
        "version": VERSION,
        "kind": model.kind,
        "concepts": model.concepts,
        "settings": model.settings,
    }
    return bytes(save(model.arrays, {_HEADER: json.dumps(head)}))


def from_bytes(data: bytes) -> Stored:
    """The model; raises FatalError for what is none, or one of another version."""
    if len(data) > MOST_BYTES:
        raise unreadable(f"it has {len(data)} bytes, more than {MOST_BYTES}")
    try:
        arrays: Arrays = load(data)
        size = int.from_bytes(data[:8], "little")
        head = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][_HEADER])
        version, kind = head["version"], str(head["kind"])
        concepts = tuple(str(one) for one in head["concepts"])
        settings = {str(name): int(value) for name, value in head["settings"].items()}
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise unreadable(f"{type(err).__name__}: {err}") from err
    if version != VERSION:
        raise unreadable(f"its version is {version}, not {VERSION}")
    if not all(np.isfinite(one).all() for one in arrays.values()):
        raise unreadable("some of its numbers are none")
    return Stored(kind, concepts, settings, arrays)


def unreadable(why: str) -> FatalError:
    """The error for bytes that are no model of this plugin."""
    return FatalError(
        f"the model can't be read: {why}", cure="train a new one", code="model_unreadable"
    )

"""References to secrets: ``{ env = "NAME" }`` and ``{ file = "PATH" }``, and reading them."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bloop_sdk.errors import ConfigError

MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is kept: the name of an environment variable, or the path of a file."""

    kind: Literal["env", "file"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that was read. ``warning`` says what is wrong with the place it is kept in."""

    value: str

    warning: str | None = None

    def __repr__(self) -> str:
        return "Secret(**********)"


def as_reference(value: Any) -> SecretRef | None:
    """The reference that ``value`` is, or None where it has not its shape."""
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, name), *_ = value.items()
        if kind in {"env", "file"} and isinstance(name, str) and name:
            return SecretRef(kind, name)
    return None


def read_secret(ref: SecretRef, *, env: Mapping[str, str], folder: Path) -> Secret:
    """Read a secret; relative paths start at ``folder``.

    Raises :class:`ConfigError` whose message names the variable or file, never what it holds.
    """
    if ref.kind == "file":
        return _read_file(folder / ref.name)
    value = env.get(ref.name)
    if not value:
        raise ConfigError(
            f"the environment variable {ref.name} is {'not set' if value is None else 'empty'}",
            cure=f'start the hub with {ref.name}=..., or write {{ file = "PATH" }} instead',
        )
    return Secret(value)


def _read_file(path: Path) -> Secret:
    try:
        # A FIFO in its place must not hold the start.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as err:
        raise ConfigError(
            f"the file {path} cannot be read: {err.strerror}",
            cure="create it and let the hub's user read it",
        ) from err
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise ConfigError(f"{path} is not a file", cure="name a file that holds the secret")
    with os.fdopen(handle, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigError(
            f"the file {path} is larger than {MAX_BYTES} bytes", cure="it may hold only the secret"
        )
    try:
        value = data.decode("utf-8")
    except UnicodeDecodeError:
        # Not chained: the exception carries the bytes.
        raise ConfigError(
            f"the file {path} is not UTF-8", cure="write the secret as text"
        ) from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value:
        raise ConfigError(f"the file {path} is empty", cure="write the secret into it")
    open_to = stat.S_IMODE(status.st_mode) & (stat.S_IRGRP | stat.S_IROTH)
    warning = (
        f"{path} holds a secret and can be read by other users; chmod 600 it" if open_to else None
    )
    return Secret(value, warning)

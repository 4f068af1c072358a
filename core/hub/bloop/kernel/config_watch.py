"""Follow ``hub.toml``: each edit becomes a new configuration, or the reason why it is none."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

from bloop.kernel.config import LoadedConfig, load, read
from bloop_sdk.errors import ConfigError

POLL_SECONDS = 0.5
"""How often the file is looked at where the system reports no changes."""

SWEEP_MILLISECONDS = 2000
"""How often it is looked at besides: some file systems accept a watch and report nothing."""

SETTLE_SECONDS = 0.15
"""A file has to be the same for so long: editors truncate, write, and rename."""

_State = tuple[int, int, int] | None


async def watch(
    loaded: LoadedConfig, *, stop: asyncio.Event
) -> AsyncIterator[LoadedConfig | ConfigError]:
    """The configuration after each change of its file, or the error for which it can't be used.

    Whoever gets an error keeps the last good configuration. The first item comes once the file
    differs from ``loaded``; what has been told is not told again.
    """
    path = loaded.path
    if path is None:
        await stop.wait()
        return
    told, seen = loaded.text, None
    async with contextlib.aclosing(_ticks(path, stop)) as ticks:
        async for _ in ticks:
            state = _state(path)
            if state == seen and seen is not None:
                continue
            seen = await _settled(path, state)
            try:
                text = read(path)
            except ConfigError as err:
                text = str(err)
            if text == told:
                continue
            told = text
            try:
                yield load(path, loaded.env)
            except ConfigError as err:
                yield err


async def _settled(path: Path, state: _State) -> _State:
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        # Between an editor's two steps the file is missing or empty, which lasts a moment.
        if state is None or state[2] == 0:
            await asyncio.sleep(3 * SETTLE_SECONDS)
        now = _state(path)
        if now == state:
            return state
        state = now


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


async def _ticks(path: Path, stop: asyncio.Event) -> AsyncGenerator[None]:
    """Moments at which to look: as soon as something changes in the file's folder."""
    from watchfiles import awatch

    yield None  # It may have changed since it was loaded.
    # A rename replaces the file, a symlink's target changes in a folder of its own.
    folders = {path.absolute().parent, Path(os.path.realpath(path)).parent}  # noqa: ASYNC240
    try:
        async for _ in awatch(
            *folders,
            watch_filter=None,
            stop_event=stop,
            recursive=False,
            debounce=200,
            step=20,
            rust_timeout=SWEEP_MILLISECONDS,
            yield_on_timeout=True,
        ):
            yield None
    except (OSError, RuntimeError):
        # No more watches to be had, or a file system without them.
        pass
    while not stop.is_set():
        yield None
        try:
            await asyncio.wait_for(stop.wait(), POLL_SECONDS)
        except TimeoutError:
            continue

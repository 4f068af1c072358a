"""A file that somebody sends to be imported: looked at before anything is asked for.

    job = await accept(hub, call, Upload("waves.imscc", ref), into=None)

What no plugin reads, what is empty, broken or hostile is refused here, where whoever sent it still
has the form before them; nothing was written by then but the bytes, which nobody refers to.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop.content.imports import Importer, ask_for_import, file_name, importer_for
from bloop.kernel.faults import PluginFailedError, PluginUnavailableError
from bloop.store.blobs import BlobRef
from bloop.store.database import in_unit
from bloop.store.errors import InvalidError
from bloop.store.ids import new_id
from bloop_sdk import Call, FatalError, RetriableError, SkippableError

LOOK_SECONDS = 20.0
"""Somebody waits for it. What takes longer is found out by the job."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file's own name, and where its bytes lie."""

    name: str
    ref: BlobRef


async def accept(
    hub: Any,
    call: Call,
    upload: Upload,
    *,
    into: str | None = None,
    plugin: str | None = None,
    confirm_deletes: bool = False,
    key: str | None = None,
) -> str:
    """The id of the job that imports the file, into the course ``into`` or one of its own.

    The same ``key`` asks only once. Raises InvalidError for what cannot be imported, NotFoundError
    for a course that is not there, PluginUnavailableError where the institution has switched the
    plugin off.
    """
    importer = importer_for(hub.kernel.plugins.values(), upload.name, plugin)
    await hub.choices.require(call, importer.plugin_id)
    await _look_into(hub, call, importer, upload)
    payload = {
        "blob": upload.ref.sha256,
        "name": upload.name,
        "plugin": importer.plugin_id,
        "capability": importer.capability,
        "into": into,
        "confirm_deletes": confirm_deletes,
    }
    job: str = await hub.database.run(in_unit, hub.database, call, ask_for_import, payload, key=key)
    return job


async def _look_into(hub: Any, call: Call, importer: Importer, upload: Upload) -> None:
    """Have the plugin find what is in the file; raises InvalidError where that is nothing."""
    if upload.ref.size == 0:
        raise InvalidError(
            f"{upload.name}: the file is empty", field="file", cure="export it again"
        )
    with tempfile.TemporaryDirectory(prefix="bloop-look-") as folder:
        path = Path(folder) / file_name(upload.name)
        path.symlink_to(await asyncio.to_thread(hub.blobs.path(upload.ref.sha256).absolute))
        try:
            provider = hub.open_file_provider(call, importer, new_id(), path)
            found = await asyncio.wait_for(provider.discover(), LOOK_SECONDS)
        except (PluginFailedError, PluginUnavailableError, RetriableError, TimeoutError):
            return  # Not the file's fault, or it takes long: either is the job's to tell.
        except (FatalError, SkippableError) as err:
            told = err.message if upload.name in err.message else f"{upload.name}: {err.message}"
            raise InvalidError(told, field="file", cure=err.cure or _CURE) from err
    if not found:
        raise InvalidError(f"{upload.name}: there is no course in it", field="file", cure=_CURE)


_CURE = "export it again where it comes from, and send that file as it is"

"""Where people's data is in the whole hub: what each domain knows of it, together."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

from bloop.accounts.privacy import rules
from bloop.accounts.privacy.parts import Part, parts_of
from bloop.accounts.privacy.service import Sources
from bloop.content import personal
from bloop.store.models import PluginFile
from bloop.tables import core_metadata

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk.records import JSONObject


def sources_of(hub: Hub) -> Sources:
    """All parts of the core's tables; plugins forget by the event ``user.erased``."""
    notes = hub.config.value.hub.data_dir / "erasing"
    return Sources(
        core_parts(), (*personal.HOLDERS, (PluginFile, PluginFile.sha256)), hub.blobs, notes
    )


@cache
def core_parts() -> tuple[Part, ...]:
    """The parts of every table of the core."""
    return tuple(parts_of(core_metadata(), [*rules.rules(), *personal.rules()]))


async def run_export_job(hub: Hub, job: RunningJob, _payload: JSONObject) -> Any:
    """Handle a job that gathers the data of the person who asks."""
    from bloop.accounts.privacy.exporting import run_export

    return await asyncio.to_thread(run_export, hub.database, hub.sources, job.call, job.progress)

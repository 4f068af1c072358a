"""Jobs of the hub itself, by kind: where their handlers are, which are imported when one runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bloop.hub import Hub
    from bloop.jobs.context import RunningJob
    from bloop_sdk.records import JSONObject

HANDLERS = {
    "accounts.export": "bloop.hub.privacy:run_export_job",
    "accounts.message": "bloop.hub.messages:run_message_job",
    "audit.verify": "bloop.hub.audit_checks:run_verify_job",
    "content.grade": "bloop.hub.connections:run_grade_job",
    "content.folder": "bloop.hub.connections:run_folder_job",
    "content.import": "bloop.hub.providers:run_import_job",
    "content.refresh": "bloop.hub.connections:run_refresh_job",
    "content.search_rebuild": "bloop.hub.search:run_rebuild_job",
    "content.send": "bloop.hub.connections:run_send_job",
    "learning.train": "bloop.hub.training:run_train_job",
    "graph.infer": "bloop.hub.inferring:run_infer_job",
    "content.sync": "bloop.hub.connections:run_sync_job",
    "learning.close_attempt": "bloop.hub.learning:run_close_job",
    "learning.estimate": "bloop.hub.estimating:run_estimate_job",
    "learning.fit_reviews": "bloop.hub.learning:run_fit_job",
    "learning.renew": "bloop.hub.learning:run_renew_job",
    "storage.count": "bloop.hub.storage.service:run_count_job",
    "storage.free": "bloop.hub.storage.service:run_free_job",
}
"""``async def (hub, job, payload) -> result``."""


def register(hub: Hub, add: Callable[[str, Any], None]) -> None:
    """Add a handler for each kind."""
    for kind, path in HANDLERS.items():
        add(kind, partial(_handle, hub, path))


async def _handle(hub: Hub, path: str, running: RunningJob, payload: JSONObject) -> Any:
    module, _, name = path.partition(":")
    return await getattr(import_module(module), name)(hub, running, payload)

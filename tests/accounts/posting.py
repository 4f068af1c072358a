"""A plugin that brings messages: into files, or as a test plans it."""

from __future__ import annotations

CODE = """
from bloop_sdk import AuthError, SkippableError, UnavailableError

class Provider:
    def __init__(self, ctx):
        self.folder = ctx.data_dir

    async def notify(self, notification):
        self.folder.mkdir(parents=True, exist_ok=True)
        plan = self.folder / "plan"
        step = plan.read_text() if plan.exists() else ""
        if step == "refuse":
            raise SkippableError("nobody of that name")
        if step == "away":
            plan.write_text("")
            raise UnavailableError("come back", retry_after=0.01)
        if step.startswith("locked out"):
            plan.write_text(step.removeprefix("locked out").strip())
            raise AuthError("a wrong password", cure="correct it")
        found = self.folder / notification.idempotency_key
        found.write_text(f"{notification.to}|{notification.subject}|{notification.text}")
"""


def folder(hub):
    made = hub.kernel.context("post").data_dir
    made.mkdir(parents=True, exist_ok=True)
    return made

"""What a credential is: its workspace, its bot, and which capabilities it lacks."""

from __future__ import annotations

from bloop_notion.config import NotionConfig
from bloop_notion.fields import obj, text
from bloop_notion.reading import Reading
from bloop_sdk import (
    CheckResult,
    MissingRecordError,
    PermissionMissingError,
)

_USERS = "who wrote a note (the integration may not read user information)"
_CONTENT = "all content (the integration may not read content)"
_NOTHING = "there is no page yet that is shared with the integration: share one from its menu ···"


async def check(config: NotionConfig, reading: Reading) -> CheckResult:
    """Ask who the bot is, for one page, and for one person; three requests."""
    me = await reading.me()
    bot = obj(me, "bot")
    workspace = text(bot, "workspace_name") or "Notion"
    missing: list[str] = []
    gaps: list[str] = []
    try:
        found = await reading.api.send("POST", "search", body={"page_size": 1})
        if not found.get("results"):
            gaps.append(_NOTHING)
    except PermissionMissingError:
        missing.append("read content")
        gaps.append(_CONTENT)
    try:
        await reading.api.get("users", page_size=1)
    except PermissionMissingError:
        # Notes can be read and written without: it costs their authors' names.
        gaps.append(_USERS)
    except MissingRecordError:
        gaps.append(_USERS)
    return CheckResult(
        account=f"{workspace} ({text(me, 'name') or 'bot'})",
        site=config.base_url.host or "",
        version=reading.api.version,
        missing=tuple(missing),
        gaps=tuple(gaps),
    )

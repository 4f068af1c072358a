"""What can be set: by the operator for the hub, and by an admin for an institution."""

from __future__ import annotations

from pydantic import SecretStr

from bloop_sdk import PluginConfig, Scope, setting


class BookmarksConfig(PluginConfig):
    """Settings of bookmarks."""

    most: int = setting(
        200,
        scope=Scope.INSTITUTION,
        description="The most bookmarks that one learner may keep",
        ge=1,
        le=1000,
    )
    link_key: SecretStr | None = setting(
        None,
        description="Signs the links to shared lists; without it nobody can share",
        min_length=16,
    )

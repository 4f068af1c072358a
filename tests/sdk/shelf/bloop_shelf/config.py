from pydantic import SecretStr

from bloop_sdk import PluginConfig, Scope, setting


class ShelfConfig(PluginConfig):
    """Where the shelf is."""

    base_url: str = setting(
        "https://shelf.example", scope=Scope.CONNECTION, description="Address of the shelf"
    )
    token: SecretStr | None = setting(None, scope=Scope.CONNECTION, description="Access token")

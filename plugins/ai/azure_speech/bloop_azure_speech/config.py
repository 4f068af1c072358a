"""The plugin's settings."""

from __future__ import annotations

from pydantic import HttpUrl, SecretStr

from bloop_sdk import ConfigError, PluginConfig, Scope, setting


def _cloud(region: str) -> str:
    """Where a region's hosts are, as Azure's SDK goes by its name."""
    if region.startswith("china"):
        return ".azure.cn"
    return ".azure.us" if region.startswith("usgov") else ".microsoft.com"


class AzureSpeechConfig(PluginConfig):
    """An institution's Speech resource, and where it is."""

    key: SecretStr | None = setting(
        None,
        scope=Scope.INSTITUTION,
        title="Key",
        description="One of the two keys of the Speech resource: Azure portal, Keys and Endpoint",
    )
    region: str = setting(
        "westeurope",
        scope=Scope.INSTITUTION,
        description="Where the resource is, as the portal writes it; a key fits its region alone",
        pattern=r"^[a-z0-9]{3,30}$",
    )
    # The SDK's own sockets pass no guard: only who runs the hub may say where they lead.
    base_url: HttpUrl | None = setting(
        None,
        title="Address",
        description="Address instead of a region's, for a custom domain "
        "(https://NAME.cognitiveservices.azure.com/tts) or another cloud",
        advanced=True,
    )

    @property
    def address(self) -> str:
        """What the paths of the API stand behind."""
        if self.base_url is not None:
            return str(self.base_url).rstrip("/")
        return f"https://{self.region}.tts.speech{_cloud(self.region)}"

    @property
    def secret(self) -> str:
        """The key; raises ConfigError where none is set."""
        if self.key is None:
            raise ConfigError(
                "Azure Speech has no key here",
                cure="set key in hub.toml, under [plugins.azure_speech], or in the institution's "
                "settings of the plugin",
            )
        return self.key.get_secret_value()

"""The plugin's settings."""

from __future__ import annotations

from pydantic import HttpUrl, SecretStr

from bloop_sdk import ConfigError, PluginConfig, Scope, setting


class ElevenLabsConfig(PluginConfig):
    """An institution's account, and how its voices speak."""

    api_key: SecretStr | None = setting(
        None,
        scope=Scope.INSTITUTION,
        title="API key",
        description="Made at ElevenLabs under Developers > API keys, with the permissions "
        "Text to Speech and Voices (read)",
    )
    base_url: HttpUrl = setting(
        HttpUrl("https://api.elevenlabs.io"),
        scope=Scope.INSTITUTION,
        title="Address",
        description="Address of the API; https://api.eu.residency.elevenlabs.io keeps data in "
        "Europe, for accounts that have this",
    )
    model: str = setting(
        "eleven_multilingual_v2",
        scope=Scope.INSTITUTION,
        description="Which model speaks; eleven_flash_v2_5 costs half as much",
        pattern=r"^[a-z0-9_]{1,60}$",
    )
    stability: float = setting(
        0.5,
        scope=Scope.INSTITUTION,
        advanced=True,
        description="Low: livelier, high: more even. The model eleven_v3 knows 0, 0.5 and 1 alone",
        ge=0,
        le=1,
    )
    similarity_boost: float = setting(
        0.75,
        scope=Scope.INSTITUTION,
        advanced=True,
        description="How closely it keeps to the voice's recordings",
        ge=0,
        le=1,
    )
    style: float = setting(
        0.0,
        scope=Scope.INSTITUTION,
        advanced=True,
        description="How much the voice's own style is exaggerated",
        ge=0,
        le=1,
    )
    use_speaker_boost: bool = setting(
        True,
        scope=Scope.INSTITUTION,
        advanced=True,
        description="Bring the voice closer to its recordings, a little more slowly",
    )
    seed: int = setting(
        0,
        scope=Scope.INSTITUTION,
        advanced=True,
        description="The same seed gives the same speech as far as ElevenLabs can; another one "
        "another take",
        ge=0,
        le=4294967295,
    )
    zero_retention: bool = setting(
        False,
        scope=Scope.INSTITUTION,
        advanced=True,
        description="Have ElevenLabs keep nothing of what is said (enterprise accounts alone)",
    )

    @property
    def secret(self) -> str:
        """The key; raises ConfigError where none is set."""
        if self.api_key is None:
            raise ConfigError(
                "ElevenLabs has no API key here",
                cure="set api_key in hub.toml, under [plugins.elevenlabs], or in the institution's "
                "settings of the plugin",
            )
        return self.api_key.get_secret_value()

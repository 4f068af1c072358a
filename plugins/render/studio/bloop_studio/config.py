"""Settings: what videos are like unless who asks for one says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

from pydantic import Field, field_validator

from bloop_sdk import CallContext, PluginConfig, Scope, setting
from bloop_sdk.providers.render import Theme
from bloop_studio.options import Aspect, Colour, Options, Quality

LARGEST_LOGO = 1_000_000
"""Bytes."""
Said = Annotated[str, Field(min_length=1, max_length=80)]


class StudioConfig(PluginConfig):
    """Defaults of an institution, and how long pieces of videos are kept."""

    quality: Quality = setting(
        "720p", scope=Scope.INSTITUTION, description="The height of the picture"
    )
    aspect: Aspect = setting("16:9", scope=Scope.INSTITUTION, description="Its shape")
    theme: Theme = setting("light", scope=Scope.INSTITUTION, description="Light, dark or contrast")
    primary: Colour | None = setting(
        None, scope=Scope.INSTITUTION, description="Your colour for headings, as #rrggbb"
    )
    accent: Colour | None = setting(
        None, scope=Scope.INSTITUTION, description="Your colour for what is pointed at, as #rrggbb"
    )
    logo: Path | None = setting(
        None,
        description="A picture (PNG, JPEG, SVG) in the corner of scenes, for institutions that"
        " have not set one of their own",
    )
    voice: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="Who speaks, as plugin:voice; empty takes the best that is there",
        max_length=200,
    )
    pace: float = setting(
        1.0, scope=Scope.INSTITUTION, description="How fast the voice speaks", ge=0.5, le=2
    )
    storyboarder: str = setting(
        "",
        scope=Scope.INSTITUTION,
        description="Who writes storyboards: a plugin's id, or `model` for the language model",
        max_length=40,
    )
    lexicon: dict[Said, Said] = setting(
        {}, scope=Scope.INSTITUTION, description="How words are said: nginx = engine x"
    )
    keep_days: int = setting(
        30, description="Pieces that no video has used for so long are removed", ge=1, le=3650
    )

    @field_validator("logo")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("write the whole path of the logo, from /")
        if path is not None and (not path.is_file() or path.stat().st_size > LARGEST_LOGO):
            raise ValueError(f"{path} is no file of at most {LARGEST_LOGO} bytes")
        return path


def config_of(ctx: CallContext) -> StudioConfig:
    """The settings that hold in the caller's institution."""
    return cast("StudioConfig", ctx.config)


def defaults(config: StudioConfig) -> Options:
    """What a video is made with when nobody says otherwise."""
    return Options(
        quality=config.quality,
        aspect=config.aspect,
        theme=config.theme,
        voice=config.voice,
        pace=config.pace,
        storyboarder=config.storyboarder,
    )

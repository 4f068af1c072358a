"""How a video is to be: what people choose, and the picture's size that comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bloop_sdk.providers.render import Look, Theme

Quality = Literal["480p", "720p", "1080p", "1440p"]
Aspect = Literal["16:9", "9:16", "1:1"]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]

_SIDES: dict[str, int] = {"480p": 480, "720p": 720, "1080p": 1080, "1440p": 1440}
_WIDE = {480: 854, 720: 1280, 1080: 1920, 1440: 2560}


class Options(BaseModel):
    """What a video is made with; a voice is written ``plugin:voice``, empty means the best."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quality: Quality = "720p"
    fps: Literal[30, 60] = 30
    aspect: Aspect = "16:9"
    theme: Theme = "light"
    voice: Annotated[str, Field(max_length=200)] = ""
    pace: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    storyboarder: Annotated[str, Field(max_length=40)] = ""

    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        side = _SIDES[self.quality]
        wide = _WIDE[side]
        return {"16:9": (wide, side), "9:16": (side, wide), "1:1": (side, side)}[self.aspect]

    def look(self, primary: str | None, accent: str | None, logo: Path | None) -> Look:
        """The look, with the institution's colours and logo."""
        width, height = self.size()
        return Look(
            width=width,
            height=height,
            fps=self.fps,
            theme=self.theme,
            primary=primary,
            accent=accent,
            logo=logo,
        )

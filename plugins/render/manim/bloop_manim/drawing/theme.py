"""The colours of each theme, and an institution's own among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from bloop_manim.drawing.color import contrast, mix, readable
from bloop_sdk.providers.render import Fault, Look

TEXT_CONTRAST: Final = {"light": 4.5, "dark": 4.5, "contrast": 7.0}
"""Least contrast of text: AA, and AAA in the theme of high contrast (WCAG 2.2, 1.4.3 and 1.4.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """Colours by what they are for; all but ``line``, ``card`` and ``zebra`` are read as text."""

    name: str
    paper: str
    card: str
    zebra: str
    line: str
    ink: str
    muted: str
    primary: str
    accent: str
    good: str
    series: tuple[str, ...]
    syntax: dict[str, str]
    stroke: float = 1.0
    dimmed: float = 0.45

    @property
    def least(self) -> float:
        """The contrast that text needs."""
        return TEXT_CONTRAST[self.name]

    def tint(self, color: str, share: float = 0.12) -> str:
        """A surface in a colour's family."""
        return mix(self.paper, color, 0.0 if self.name == "contrast" else share)

    def on(self, color: str) -> str:
        """What is written on a filled surface of ``color``."""
        return max((self.paper, self.ink, "#ffffff", "#000000"), key=lambda c: contrast(c, color))


_LIGHT = Theme(
    name="light",
    paper="#fcfcfd",
    card="#f3f5f9",
    zebra="#f5f7fa",
    line="#dce1ea",
    ink="#161b26",
    muted="#566074",
    primary="#2f55e0",
    accent="#c2410c",
    good="#0b7a4b",
    series=("#2f55e0", "#c2410c", "#0b7a4b", "#8432d1"),
    syntax={
        "keyword": "#7a2bc4",
        "string": "#0b7046",
        "number": "#b03a07",
        "comment": "#626c80",
        "name": "#1f4fd0",
        "type": "#0a6c80",
        "operator": "#4a5468",
    },
)
_DARK = Theme(
    name="dark",
    paper="#0e131d",
    card="#182030",
    zebra="#141b29",
    line="#2c3850",
    ink="#eef2f9",
    muted="#a2aec4",
    primary="#8fb0ff",
    accent="#ffb169",
    good="#6ddba6",
    series=("#8fb0ff", "#ffb169", "#6ddba6", "#d3a4ff"),
    syntax={
        "keyword": "#d3a4ff",
        "string": "#8fe0b4",
        "number": "#ffb986",
        "comment": "#8d99b1",
        "name": "#93b8ff",
        "type": "#74d6e6",
        "operator": "#b9c4d8",
    },
)
_CONTRAST = Theme(
    name="contrast",
    paper="#000000",
    card="#000000",
    zebra="#1a1a1a",
    line="#ffffff",
    ink="#ffffff",
    muted="#e6e6e6",
    primary="#ffd60a",
    accent="#5ce1ff",
    good="#7dff9b",
    series=("#ffd60a", "#5ce1ff", "#7dff9b", "#ff9de6"),
    syntax={
        "keyword": "#ffd60a",
        "string": "#7dff9b",
        "number": "#ffb3a1",
        "comment": "#d0d0d0",
        "name": "#5ce1ff",
        "type": "#ff9de6",
        "operator": "#ffffff",
    },
    stroke=1.5,
    dimmed=0.62,
)
_THEMES: Final = {theme.name: theme for theme in (_LIGHT, _DARK, _CONTRAST)}


def themed(look: Look) -> tuple[Theme, tuple[Fault, ...]]:
    """The theme with the institution's colours, made readable where they were not."""
    theme = _THEMES[look.theme]
    faults = []
    for role in ("primary", "accent"):
        wanted: str | None = getattr(look, role)
        if not wanted:
            continue
        color = wanted.lower()
        # On cards too, and on the pale tint of itself on which highlighted text stands; that
        # gets darker with it, so the last round is the one that counts.
        for _ in range(3):
            for paper in (theme.paper, theme.card, theme.zebra, theme.tint(color, 0.2)):
                color = readable(color, paper, theme.least)
        series = (color, *theme.series[1:]) if role == "primary" else theme.series
        theme = replace(theme, series=series)
        theme = replace(theme, primary=color) if role == "primary" else replace(theme, accent=color)
        if color != wanted.lower():
            faults.append(
                Fault(
                    code="contrast",
                    target=role,
                    message=f"the {role} colour {wanted} has a contrast of "
                    f"{contrast(wanted, theme.paper):.1f} to 1 on this theme, of "
                    f"{theme.least:g} needed; drawn as {color}",
                    mended=True,
                )
            )
    return theme, tuple(faults)

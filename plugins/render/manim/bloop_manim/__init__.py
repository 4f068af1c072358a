"""Videos' scenes, drawn with manim.

manim takes a second to import: nothing in the hub's process does; :mod:`bloop_manim.worker` does.
"""

from __future__ import annotations

from collections.abc import Sequence

from bloop_sdk import Plugin

__all__ = ["ManimPlugin"]


class ManimPlugin(Plugin):
    """Provides ``renderer``; ends the processes that draw when it is switched off."""

    def notes(self) -> Sequence[str]:
        """With what is encoded, and whether LaTeX is here."""
        from bloop_manim.config import ManimConfig
        from bloop_manim.encoders import Encoders
        from bloop_manim.versions import latex_here

        config = self.ctx.config
        assert isinstance(config, ManimConfig)
        found = latex_here() if config.latex else ""
        unused = "" if config.latex else ", as set"
        latex = f"formulas beyond Typst are set by {found}" if found else f"uses no LaTeX{unused}"
        return [*Encoders(self.ctx.data_dir, config).notes(), latex]

    def stop(self) -> None:
        """End them."""
        from bloop_manim.pool import close_shared

        close_shared()

"""Videos' scenes, drawn with manim.

manim takes a second to import: nothing in the hub's process does; :mod:`bloop_manim.worker` does.
"""

from __future__ import annotations

from bloop_sdk import Plugin

__all__ = ["ManimPlugin"]


class ManimPlugin(Plugin):
    """Provides ``renderer``; ends the processes that draw when it is switched off."""

    def stop(self) -> None:
        """End them."""
        from bloop_manim.pool import close_shared

        close_shared()

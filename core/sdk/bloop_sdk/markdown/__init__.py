"""The Markdown of notes: rendered, and split into its blocks.

Needs the extra ``markdown`` of ``bloop-sdk``.
"""

from __future__ import annotations

from bloop_sdk.markdown.blocks import Block, blocks
from bloop_sdk.markdown.render import Rendered, render, render_titled
from bloop_sdk.markdown.syntax import Links, slug

__all__ = ["Block", "Links", "Rendered", "blocks", "render", "render_titled", "slug"]

"""A fast search index with tantivy."""

from bloop_sdk import Plugin

__all__ = ["TantivyPlugin"]


class TantivyPlugin(Plugin):
    """Provides ``search``."""

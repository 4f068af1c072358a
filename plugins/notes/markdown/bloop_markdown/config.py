"""How much of a folder or a zip is read. Both may come from anybody."""

from __future__ import annotations

from bloop_sdk.archives import MIB, ArchiveBounds
from bloop_sdk.settings import setting


class MarkdownConfig(ArchiveBounds):
    """The bounds of a zip, of which `max_entries` holds for a folder too, and of one file."""

    max_note_bytes: int = setting(
        MIB, ge=1, le=16 * MIB, description="Most bytes of one note; a longer one is left out"
    )
    max_file_bytes: int = setting(
        512 * MIB, ge=1, description="Most bytes of one attachment; a larger one is left out"
    )
    batch_records: int = setting(200, ge=1, le=500, description="Files read and committed together")
    batch_bytes: int = setting(
        2 * MIB, ge=1, description="Bytes of notes after which a batch is ended early"
    )

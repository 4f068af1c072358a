"""How much of an export is read. It may come from anybody."""

from __future__ import annotations

from bloop_sdk.archives import MIB, ArchiveBounds
from bloop_sdk.settings import setting


class EvernoteConfig(ArchiveBounds):
    """The bounds of a zip, and those of one note and one attachment."""

    max_note_bytes: int = setting(
        4 * MIB, ge=1, le=64 * MIB, description="Most bytes of one note's text and of its facts"
    )
    max_file_bytes: int = setting(
        512 * MIB, ge=1, description="Most bytes of one attachment; a larger one is left out"
    )
    batch_records: int = setting(100, ge=1, le=500, description="Notes read and committed together")
    batch_bytes: int = setting(
        2 * MIB, ge=1, description="Bytes of notes after which a batch is ended early"
    )

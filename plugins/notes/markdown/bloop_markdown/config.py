"""How much of a folder or a zip is read. Both may come from anybody."""

from __future__ import annotations

from pathlib import Path

from bloop_sdk.archives import MIB, ArchiveBounds
from bloop_sdk.settings import Scope, setting


class MarkdownConfig(ArchiveBounds):
    """The bounds of a zip, of which `max_entries` holds for a folder too, and of one file.

    A connection reads and writes `folder`, which must lie in one of the `vaults`.
    """

    vaults: tuple[Path, ...] = setting(
        (),
        description="Folders of this server that vaults may lie in; {institution} is its id",
    )
    folder: str = setting(
        "",
        scope=Scope.CONNECTION,
        title="Folder",
        max_length=1000,
        description="Where the vault lies on the server, as /srv/vaults/physics",
    )

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

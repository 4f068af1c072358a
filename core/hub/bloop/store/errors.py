"""What a command or a read can meet; each becomes one problem document in the API."""

from __future__ import annotations

from bloop_sdk import errors as sdk
from bloop_sdk.errors import BloopError

CANNOT_WRITE = frozenset({"store_full", "store_read_only", "store_disk"})
"""Codes of a database or a disk that can be read, and not written."""
TRANSIENT = CANNOT_WRITE | {"store_busy", "store_unavailable"}
"""Codes of the database's own trouble: whoever met it may try again, and is not to blame."""


class StoreError(BloopError):
    """The database refused or is not there."""

    code = "store_error"


class NotFoundError(sdk.NotFoundError):
    """No such row, or none that this institution may see."""


class ConflictError(BloopError):
    """The row is at another version than the caller expected, or already exists."""

    code = "conflict"

    def __init__(
        self, message: str, *, current: int | None = None, cure: str | None = None
    ) -> None:
        super().__init__(message, cure=cure)
        self.current = current


class InvalidError(BloopError):
    """The caller's values make no sense here; ``field`` names the one at fault."""

    code = "invalid"

    def __init__(self, message: str, *, field: str | None = None, cure: str | None = None) -> None:
        super().__init__(message, cure=cure)
        self.field = field


class TenantError(BloopError):
    """Code tried to reach another institution's row: always a defect, never an answer."""

    code = "tenant_violation"


class ForeignTableError(TenantError):
    """A plugin tried to reach a table that is not its own."""

    code = "foreign_table"


class MigrationError(BloopError):
    """Tables could not be brought to their version; they are as they were."""

    code = "migration_failed"

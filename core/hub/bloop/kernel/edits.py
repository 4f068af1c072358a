"""The last edits of ``hub.toml`` that commands, API and pages made, so that they can be undone.

Each is one file with the text before and after; the newest few dozen are kept. What somebody wrote
by hand since is never lost: then the undo is refused.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bloop.kernel import hubfile
from bloop.kernel.hubfile import Edit, Keep
from bloop.store.ids import new_id
from bloop_sdk.errors import ConfigError

KEPT = 48
FOLDER = "edits"


@dataclass(frozen=True, slots=True)
class KeptEdit:
    """An edit: which plugin was switched, when (RFC 3339, UTC), and the text around it."""

    action: str
    plugin: str
    at: str
    before: str
    after: str


class Edits:
    """The kept edits below a hub's ``data_dir``; whoever holds the lock of the file writes here."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    def keeper(self, action: str, plugin: str) -> Keep:
        """What keeps an edit, for :func:`bloop.kernel.hubfile.set_keys`."""

        def keep(before: str, after: str) -> None:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            self._write(KeptEdit(action, plugin, at, before, after))

        return keep

    def undo(self, path: Path) -> tuple[KeptEdit, Edit]:
        """Take the last kept edit back; the one before it is the last then.

        Raises :class:`ConfigError` where there is none, or where the file was edited since, with
        the diff.
        """
        with hubfile.locked(path) as target:
            text = hubfile.read_text(path)
            for file in self._files()[-1:]:
                kept = KeptEdit(**json.loads(file.read_text("utf-8")))
                if kept.before == text:
                    # By hand; or its process died before it had replaced the file.
                    file.unlink()
                    raise ConfigError(
                        f"the last {kept.action} of {kept.plugin} is not in {path} any more",
                        cure="undo again to take back the one before it",
                    )
                if kept.after != text:
                    raise ConfigError(
                        f"{path} was edited after the last {kept.action} of {kept.plugin}:\n"
                        + hubfile.diff(path, kept.after, text).rstrip(),
                        cure="take that back first, or edit the file by hand",
                    )
                hubfile.replace(target, kept.before)
                file.unlink()
                return kept, Edit(path, hubfile.diff(path, text, kept.before))
        raise ConfigError("no edit of hub.toml is left to be undone")

    def _files(self) -> list[Path]:
        """Oldest first: their names sort by time."""
        return sorted(self._folder.glob("*.json"))

    def _write(self, kept: KeptEdit) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f"{new_id()}.json"
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(kept)), "utf-8")
        fresh.replace(file)
        for old in self._files()[:-KEPT]:
            old.unlink()

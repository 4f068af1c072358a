"""What the hub changes in a vault's folders: made, moved and renamed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bloop_markdown.index import parent_of
from bloop_markdown.reader import LEAF
from bloop_markdown.source import is_note
from bloop_markdown.vault import safe_name
from bloop_sdk import FolderWrite, MissingRecordError, UnsupportedError, WriteOp, WriteResult
from bloop_sdk.records import Batch, Kind, Record, Ref, Skipped

if TYPE_CHECKING:
    from bloop_markdown.writing import Writer


@dataclass
class FolderWriter:
    """One write of a folder, with what notes are written by."""

    of: Writer

    def write(self, op: WriteOp) -> WriteResult:
        """Do it; a folder is known by its path, so that one that is moved has another ref."""
        above = self.of.folder(str(op.values["container"]), op.values.get("parent"))
        self.of.order(op.values.get("after"))
        title = str(op.values["title"])
        name = safe_name(title)
        if name != title:
            self.of.lost.append(f"letters of its name: {title[:200]}")
        self.of.bound(f"{above}{name}/")
        if op.kind == FolderWrite.CREATE:
            return self._create(above, name, again=op.again)
        if op.ref is None or op.ref.kind is not Kind.MODULE or op.ref.remote_id.endswith(LEAF):
            raise UnsupportedError(f"{op.ref} is no folder")
        return self._move(op, op.ref, above, name)

    def _create(self, above: str, name: str, *, again: bool) -> WriteResult:
        made = f"{above}{name}/"
        if not (again and made in self.of.reader.source.empty):
            made = self.of.vault.make_folder(above, name)
        return self._answer(made)

    def _move(self, op: WriteOp, ref: Ref, above: str, name: str) -> WriteResult:
        path, target = self.of.reader.path_of(ref), f"{above}{name}/"
        if path is None:
            if op.again and target in self.of.reader.index.remote_ids:
                return self._answer(target)
            raise MissingRecordError(f"{ref} is not in the vault", ref=str(ref))
        if above.startswith(path):
            raise UnsupportedError(f"{path} would lie in itself")
        if path != target:
            for note in self._below(path):
                self.of.bound(f"{target}{note[len(path) :]}")
                if is_note(note):
                    # Who it is does not depend on where it lies from now on.
                    self.of.named(note, self.of.sha(note), op.idempotency_key)
            self.of.vault.move_folder(path, above, name)
        return self._answer(target)

    def _below(self, path: str) -> list[str]:
        return [one for one in self.of.reader.source.entries if one.startswith(path)]

    def _answer(self, path: str) -> WriteResult:
        """The folder and all that is in it, as a read finds it now, and what is gone by that."""
        before, now = self.of.reader, self.of.open_again()
        records: list[Record] = []
        above = parent_of(path)
        new = [one for one in now.index.order if one.startswith(path)]
        while above:
            if above not in before.index.remote_ids:
                new.insert(0, above)
            above = parent_of(above)
        for one in new:
            made = now.make(one)
            if not isinstance(made, Skipped):
                records += made
        gone = [
            before.index.ref(one)
            for one in before.index.order
            if now.path_of(before.index.ref(one)) is None
        ]
        return WriteResult(
            ref=Ref(Kind.MODULE, now.index.remote_ids[path]),
            remote_version=None,
            batch=Batch(records=tuple(records), deleted=tuple(gone)),
            lost=tuple(dict.fromkeys(self.of.lost)),
        )

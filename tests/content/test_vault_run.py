"""Edits of a vault and in the hub in any order, with kills between: none is lost."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from tests.content.test_two_way_run import ACTIONS, BASE, scenario
from tests.content.test_vault import HEAD, VaultPair
from tests.support.database import sqlite_template
from tests.support.desk import Sheet


class Folder:
    """A vault as the run sees a desk: its notes, whoever changes them, and a way to die."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.after = lambda _op: None
        self.saved = 0

    @property
    def sheets(self) -> dict[str, Sheet]:
        notes = sorted(self.root.glob("*.md"))
        return {one.name: Sheet(one.name, one.stem, _body(one.read_text())) for one in notes}

    def change(self, name: str, *, markdown: str) -> None:
        path = self.root / name
        text = path.read_text()
        path.write_text(text.removesuffix(_body(text)) + markdown)
        # Two saves within one tick of the clock are two in life.
        self.saved += 1
        os.utime(path, ns=(self.saved, self.saved))

    def remove(self, name: str) -> None:
        (self.root / name).unlink()


def _body(text: str) -> str:
    return text.split("\n---\n", 1)[1] if text.startswith("---\n") else text


class Pair(VaultPair):
    def provider(self):
        inner, desk = super().provider(), self.desk
        write = inner.write

        async def dying(op, precondition):
            answer = await write(op, precondition)
            desk.after(op)
            return answer

        inner.write = dying
        return inner


def vault_pair(database, blobs, call, command, connection: str, folder: Path) -> Pair:
    root = folder / "Vault"
    root.mkdir()
    (root / "First.md").write_text(HEAD + BASE)
    return Pair(database, blobs, call, command, connection, Folder(root), root)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS)
def test_no_edit_is_ever_lost(run_folder, actions):
    template = sqlite_template(run_folder)
    with tempfile.TemporaryDirectory(dir=run_folder) as folder:
        asyncio.run(scenario(actions, template, Path(folder), vault_pair))

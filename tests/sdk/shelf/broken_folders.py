"""Broken at writing folders."""

import dataclasses

from bloop_sdk import FolderWrite
from tests.sdk.shelf.broken import breaks
from tests.sdk.shelf.fake_desk import FOLDERS, FolderDesk


@breaks("folder_created", subject=FOLDERS)
class MakesAnotherOneEachTime(FolderDesk):
    async def write(self, op, precondition):
        return await super().write(dataclasses.replace(op, again=False), precondition)


@breaks("folder_moved", subject=FOLDERS)
class LeavesItWhereItIs(FolderDesk):
    async def write(self, op, precondition):
        if op.kind == FolderWrite.MOVE:
            op = dataclasses.replace(op, values={**op.values, "parent": None})
        return await super().write(op, precondition)

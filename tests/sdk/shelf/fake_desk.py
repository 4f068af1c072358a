"""The desk of notes as a file that a provider finds: what the kit's rules of notes are tried on."""

import asyncio
import pickle
from collections import defaultdict

from bloop_sdk import Batch, Kind, Ref
from bloop_sdk.testing import Folder
from tests.support.desk import Desk, DeskProvider

KEPT = ("sheets", "files", "trash", "number")


LISTENING = defaultdict(set)
"""Who watches a file."""


def load(path):
    desk = Desk()
    for name, value in pickle.loads(path.read_bytes()).items():
        setattr(desk, name, value)
    return desk


def save(path, desk):
    path.write_bytes(pickle.dumps({name: getattr(desk, name) for name in KEPT}))
    for queue in LISTENING[path]:
        queue.put_nowait(None)


def build(path):
    desk = Desk()
    first = desk.add("First", "one\n\n- two\n- three\n", tags=("red",))
    desk.add("Second", "four\n", parent=first.id)
    desk.add("Third", "five\n")
    save(path, desk)


def edit(path):
    desk = load(path)
    *_, sheet = desk.sheets.values()
    desk.change(sheet.id, markdown=f"{sheet.markdown}more\n")
    save(path, desk)
    return Ref(Kind.NOTE, sheet.id)


def beyond(path):
    sheet = load(path).named("First")
    return Ref(Kind.NOTE, sheet.id), sheet.colours


class FolderDesk(DeskProvider):
    """A desk that every provider of the same file shares."""

    def __init__(self, ctx):
        super().__init__(load(ctx.source))
        self.path = ctx.source

    async def write(self, op, precondition):
        answer = await super().write(op, precondition)
        save(self.path, self.desk)
        return answer

    def can_watch(self):
        return True

    async def watch(self):
        queue = asyncio.Queue()
        LISTENING[self.path].add(queue)
        try:
            before = self._all(load(self.path))
            yield Batch()
            while True:
                await queue.get()
                now = self._all(load(self.path))
                new = tuple(one for ref, one in now.items() if before.get(ref) != one)
                yield Batch(records=new, deleted=tuple(before.keys() - now.keys()))
                before = now
        finally:
            LISTENING[self.path].discard(queue)

    def _all(self, desk):
        provider = DeskProvider(desk)
        return {
            Ref(kind, one.remote_id): one
            for sheet in desk.sheets.values()
            for kind, one in zip((Kind.NOTE, Kind.MODULE), provider.records(sheet), strict=True)
        }


DESK = Folder(build=build, name="desk.bin", edit=edit, beyond=beyond)

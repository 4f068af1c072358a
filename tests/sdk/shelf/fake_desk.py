"""The desk of notes as a file that a provider finds: what the kit's rules of notes are tried on."""

import asyncio
import dataclasses
import pickle
from collections import defaultdict

from bloop_sdk import Batch, FolderWrite, Kind, Node, Ref, WriteResult
from bloop_sdk.testing import Folder
from tests.support.desk import Desk, DeskProvider

KEPT = ("sheets", "files", "trash", "number", "folders")


LISTENING = defaultdict(set)
"""Who watches a file."""


def load(path):
    desk = Desk()
    desk.folders = {}
    for name, value in pickle.loads(path.read_bytes()).items():
        setattr(desk, name, value)
    return desk


def save(path, desk):
    path.write_bytes(pickle.dumps({name: getattr(desk, name) for name in KEPT}))
    for queue in LISTENING[path]:
        queue.put_nowait(None)


def build(path):
    desk = Desk()
    desk.folders = {}
    first = desk.add("First", "one\n\n- two\n- three\n", tags=("red",))
    desk.add("Second", "four\n", parent=first.id)
    desk.add("Third", "five\n")
    save(path, desk)


def build_folders(path):
    desk = Desk()
    desk.folders = {"f1": ("Folder", None), "f2": ("Deep", "f1")}
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

    def spec(self):
        spec = super().spec()
        if not self.desk.folders:
            return spec
        return dataclasses.replace(spec, writes=frozenset(map(str, FolderWrite)))

    async def read(self, partition, state):
        async for batch in super().read(partition, state):
            folders = ()
            if partition.stream == "notes":
                folders = tuple(map(self.folder, sorted(self.desk.folders, key=self.depth)))
            yield dataclasses.replace(batch, records=folders + batch.records)

    def depth(self, name):
        parent = self.desk.folders[name][1]
        return 0 if parent is None else 1 + self.depth(parent)

    def folder(self, name):
        title, parent = self.desk.folders[name]
        return Node(
            remote_id=name,
            container="book",
            parent=parent,
            position=0,
            title=title,
            raw={"title": title},
        )

    def write_folder(self, op):
        name = op.ref.remote_id if op.ref else op.idempotency_key
        if op.ref is None and name in self.desk.folders and not op.again:
            name += "-2"
        self.desk.folders[name] = (op.values["title"], op.values["parent"])
        save(self.path, self.desk)
        batch = Batch(records=(self.folder(name),))
        return WriteResult(ref=Ref(Kind.MODULE, name), remote_version=None, batch=batch)

    async def write(self, op, precondition):
        if op.kind in set(FolderWrite):
            return self.write_folder(op)
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
FOLDERS = Folder(build=build_folders, name="folders.bin")

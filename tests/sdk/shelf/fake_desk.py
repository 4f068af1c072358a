"""The desk of notes as a file that a provider finds: what the kit's rules of notes are tried on."""

import pickle

from bloop_sdk import Kind, Ref
from bloop_sdk.testing import Folder
from tests.support.desk import Desk, DeskProvider

KEPT = ("sheets", "files", "trash", "number")


def load(path):
    desk = Desk()
    for name, value in pickle.loads(path.read_bytes()).items():
        setattr(desk, name, value)
    return desk


def save(path, desk):
    path.write_bytes(pickle.dumps({name: getattr(desk, name) for name in KEPT}))


def build(path):
    desk = Desk()
    first = desk.add("First", "one\n\n- two\n- three\n", tags=("red",))
    desk.add("Second", "four\n", parent=first.id)
    desk.add("Third", "five\n")
    save(path, desk)


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


DESK = Folder(build=build, name="desk.bin", beyond=beyond)

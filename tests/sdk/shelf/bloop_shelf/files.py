"""A folder with a JSON file for each page, read in threads."""

import json

from bloop_sdk import (
    Batch,
    CheckResult,
    Container,
    Cursor,
    Deletes,
    FatalError,
    Kind,
    Opaque,
    Page,
    ProviderSpec,
    Skipped,
    Stream,
    UnsupportedError,
)

COURSE = Container(remote_id="folder", title="Folder", raw={"id": "folder"})


class FileProvider:
    """Reads ``ctx.source``, a file at a time."""

    def __init__(self, ctx):
        self.ctx = ctx

    def spec(self):
        kinds = frozenset({Kind.COURSE, Kind.PAGE, Kind.OPAQUE})
        return ProviderSpec(streams=(Stream(name="all", kinds=kinds, deletes=Deletes.ENUMERATE),))

    async def check(self):
        if not self.ctx.source.is_dir():
            raise FatalError(f"{self.ctx.source} is no folder", cure="name one that is there")
        return CheckResult(account=self.ctx.source.name)

    async def discover(self):
        return [COURSE]

    async def names(self):
        return await self.ctx.run_sync(lambda: sorted(p.name for p in self.ctx.source.iterdir()))

    def record(self, name):
        try:
            item = json.loads((self.ctx.source / name).read_text())
        except FileNotFoundError:
            return Skipped(ref=f"page:{name}", reason="it is gone", code="record_missing")
        except ValueError as err:
            return Skipped(ref=f"page:{name}", reason=f"{name} is no JSON: {err}")
        shared = {"remote_id": name, "container": "folder", "title": name, "raw": item}
        if item["type"] == "page":
            return Page(html=item["body"], **shared)
        return Opaque(remote_kind=item["type"], **shared)

    async def read(self, partition, state):
        yield Batch(records=(COURSE,))
        after = state.value["after"] if state else ""
        for name in await self.names():
            if name > after:
                made = await self.ctx.run_sync(self.record, name)
                yield _batch([made], Cursor({"after": name}))

    async def fetch(self, refs):
        return _batch([await self.ctx.run_sync(self.record, ref.remote_id) for ref in refs])

    async def write(self, op, precondition):
        raise UnsupportedError("a folder is only read")

    def verify_webhook(self, request):
        raise UnsupportedError("a folder sends no webhooks")


def _batch(made, cursor=None):
    return Batch(
        records=tuple(one for one in made if not isinstance(one, Skipped)),
        skipped=tuple(one for one in made if isinstance(one, Skipped)),
        cursor=cursor,
    )

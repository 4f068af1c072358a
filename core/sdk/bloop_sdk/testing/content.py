"""The conformance suite of ``lms`` and ``notes`` providers, as far as it stands.

TestCartridge = content_provider_tests(lambda: CartridgeProvider(FakeContext(...)))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bloop_sdk.errors import UnsupportedError
from bloop_sdk.providers.content import ContentProvider, Precondition, WriteOp
from bloop_sdk.records import CONTAINER_KINDS
from bloop_sdk.testing.reading import Snapshot, raw_hash, read_all, ref_of


class ContentProviderTests:
    """Rules that hold for every content provider."""

    make: Callable[[], ContentProvider]

    async def test_spec_names_each_stream_once(self) -> None:
        names = [stream.name for stream in self.make().spec().streams]
        assert names
        assert len(names) == len(set(names))

    async def test_check_names_the_account(self) -> None:
        assert (await self.make().check()).account

    async def test_discover_lists_containers_that_read_yields(self) -> None:
        found = {container.remote_id for container in await self.make().discover()}
        read = await read_all(self.make())
        roots = {ref.remote_id for ref in read.records if ref.kind in CONTAINER_KINDS}
        assert roots <= found

    async def test_streams_yield_only_the_kinds_they_declare(self) -> None:
        provider = self.make()
        declared = {kind for stream in provider.spec().streams for kind in stream.kinds}
        assert {ref.kind for ref in (await read_all(provider)).records} <= declared

    async def test_second_read_changes_nothing(self) -> None:
        first, second = await read_all(self.make()), await read_all(self.make())
        assert _hashes(first) == _hashes(second)
        assert first.state() == second.state()

    async def test_a_kill_after_any_batch_resumes_to_the_same_state(self) -> None:
        whole = await read_all(self.make())
        for batches in range(1, len(whole.cursors)):
            killed = await read_all(self.make(), stop_after=batches)
            resumed = await read_all(self.make(), into=killed)
            assert resumed.state() == whole.state(), f"killed after batch {batches}"

    async def test_fetch_gives_the_current_state_of_a_record(self) -> None:
        whole = await read_all(self.make())
        contents = [ref for ref in whole.records if ref.kind not in ("course", "module")]
        if not contents:
            return
        fetched = await self.make().fetch(contents[:3])
        assert {ref_of(record) for record in fetched.records} == set(contents[:3])
        for record in fetched.records:
            assert raw_hash(record) == raw_hash(whole.records[ref_of(record)])

    async def test_an_undeclared_write_is_refused(self) -> None:
        op = WriteOp(kind="no-such-write", ref=None, values={}, idempotency_key="k")
        refused: Any = None
        try:
            await self.make().write(op, Precondition(remote_version=None))
        except UnsupportedError as err:
            refused = err
        assert refused is not None


def content_provider_tests(make: Callable[[], ContentProvider]) -> type[ContentProviderTests]:
    """A pytest class that holds the provider which ``make`` gives to the contract.

    ``make`` is called for each run, as the hub does; needs pytest-asyncio in ``auto`` mode.
    """
    return type("ProviderTests", (ContentProviderTests,), {"make": staticmethod(make)})


def _hashes(snapshot: Snapshot) -> dict[str, str]:
    return {str(ref): raw_hash(record) for ref, record in snapshot.records.items()}

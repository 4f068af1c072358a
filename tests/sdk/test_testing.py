"""The kit holds good providers to be good, and finds the faults of bad ones."""

from datetime import datetime

import pytest

from bloop_sdk import (
    Batch,
    CheckResult,
    Container,
    Cursor,
    Deletes,
    Enrolment,
    File,
    Kind,
    MissingRecordError,
    Node,
    Outcome,
    Page,
    Partition,
    Person,
    ProviderSpec,
    Ref,
    Request,
    Skipped,
    Stream,
    UnsupportedError,
)
from bloop_sdk.testing import (
    ContractError,
    FakeContext,
    raw_hash,
    read_all,
    ref_of,
)

COURSE = Container(remote_id="c", title="Waves", raw={"id": "c"})


def page(number, **changes):
    values = {
        "remote_id": f"p{number}",
        "container": "c",
        "title": "t",
        "html": "",
        "raw": {"n": number},
    }
    return Page(**{**values, **changes})


async def some_bytes():
    yield b"ab"
    yield b"c"


class Good:
    """Reads one course, then its pages one by one, then what hangs beside it."""

    def spec(self):
        everything = frozenset(Kind) - {Kind.OUTCOME}
        return ProviderSpec(
            streams=(
                Stream(name="courses", kinds=everything, deletes=Deletes.ENUMERATE),
                Stream(name="content", kinds=everything, partitioned=True),
            )
        )

    async def check(self):
        return CheckResult(account="me")

    async def discover(self):
        return [COURSE]

    def records(self):
        file = File(
            remote_id="f", container="c", title="t", name="n", raw={"f": 1}, chunks=some_bytes
        )
        node = Node(remote_id="n", container="c", position=0, title="Unit", raw={"n": 1})
        leaf = Node(
            remote_id="m",
            container="c",
            parent="n",
            position=0,
            title="Leaf",
            content=Ref(Kind.PAGE, "p1"),
        )
        return [node, leaf, page(1), page(2), file]

    async def read(self, partition, state):
        if partition.stream == "courses":
            yield Batch(records=(COURSE,), skipped=(Skipped(ref="page:x", reason="torn"),))
            return
        assert partition.container == "c"
        start = state.value["at"] if state else 0
        for at, record in enumerate(self.records()):
            if at >= start:
                yield Batch(records=(record,), cursor=Cursor({"at": at + 1}))

    async def fetch(self, refs):
        known = {ref_of(record): record for record in [COURSE, *self.records()]}
        return Batch(records=tuple(known[ref] for ref in refs))

    async def write(self, op, precondition):
        raise UnsupportedError(op.kind)

    def verify_webhook(self, request):
        raise UnsupportedError("no webhooks")


async def test_a_read_knows_kinds_files_and_quarantine():
    snapshot = await read_all(Good())
    assert snapshot.counts() == {"course": 1, "module": 2, "page": 2, "file": 1}
    assert [record.remote_id for record in snapshot.of(Kind.PAGE)] == ["p1", "p2"]
    assert snapshot.skipped == {"page:x": "torn"}
    assert list(snapshot.files.values()) == [
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    ]


async def test_a_tombstone_removes_a_record():
    class Deleting(Good):
        async def read(self, partition, state):
            async for batch in super().read(partition, state):
                yield batch
            if partition.stream == "content":
                yield Batch(deleted=(Ref(Kind.PAGE, "p1"), Ref(Kind.PAGE, "never-there")))

    assert [record.remote_id for record in (await read_all(Deleting())).of(Kind.PAGE)] == ["p2"]


@pytest.mark.parametrize(
    ("records", "rule"),
    [
        ([page(1, remote_id="")], "immutable remote id"),
        ([page(1, raw={})], "raw is empty"),
        ([page(1, raw={"n": object()})], "raw is not JSON"),
        ([page(1, container="elsewhere")], "before its container"),
        (
            [Node(remote_id="n", container="c", parent="later", position=0, title="t")],
            "before its parent 'later'",
        ),
        ([page(n) for n in range(1001)], "at most 1000"),
        ([page(1, updated_at=datetime(2026, 1, 1))], "updated_at has no zone"),  # noqa: DTZ001
        (
            [Enrolment(remote_id="e", container="c", person="nobody", role="learner")],
            "before its person 'nobody'",
        ),
        ([Outcome(remote_id="o", title="O", raw={"o": 1})], "does not declare the kind outcome"),
    ],
)
async def test_a_broken_rule_is_named(records, rule):
    class Bad(Good):
        async def read(self, partition, state):
            if partition.stream == "courses":
                yield Batch(records=(COURSE,))
            else:
                yield Batch(records=tuple(records))

    with pytest.raises(ContractError, match=rule):
        await read_all(Bad())


def test_every_record_has_an_identity():
    assert ref_of(Person(remote_id="u", name="A")) == Ref(Kind.PERSON, "u")
    assert ref_of(Outcome(remote_id="o", title="O")) == Ref(Kind.OUTCOME, "o")
    assert ref_of(Enrolment(remote_id="e", container="c", person="u", role="learner")) == Ref(
        Kind.ENROLMENT, "e"
    )
    with pytest.raises(ContractError):
        ref_of("a string")


def test_the_order_of_keys_in_raw_does_not_matter():
    assert raw_hash(page(1, raw={"a": 1, "b": 2})) == raw_hash(page(1, raw={"b": 2, "a": 1}))


async def test_a_fake_context_stands_in_for_the_hub(tmp_path):
    context = FakeContext(data_dir=tmp_path)
    assert await context.run_sync(len, [1, 2]) == 2
    context.store.set("b", 1)
    context.store.set("a", [2])
    assert context.store.get("a") == [2]
    assert context.store.keys() == ["a", "b"]
    context.store.delete("a")
    assert context.store.get("a") is None
    context.progress(1, 2, "half")
    assert context.reported == [(1, 2, "half")]
    for level in ("debug", "info", "warning", "error"):
        getattr(context.log, level)("said", n=1)
    assert [line[1] for line in context.log.lines] == ["said"] * 4
    with pytest.raises(UnsupportedError, match="no network"):
        await context.http.send(Request(url="https://lms.example"))
    with pytest.raises(UnsupportedError, match="no network"):
        context.http.stream(Request(url="https://lms.example"))
    assert Partition("content") == Partition("content", None)
    assert issubclass(MissingRecordError, Exception)

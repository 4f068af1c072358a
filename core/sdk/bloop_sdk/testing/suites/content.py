"""What holds for every ``lms`` and ``notes`` provider: checking, reading, fetching."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretBytes, SecretStr

from bloop_sdk.errors import AuthError, BloopError, FatalError, MissingRecordError
from bloop_sdk.records import CONTAINER_KINDS, ITEM_KINDS, Container, Kind, Ref
from bloop_sdk.testing.reading import ContractError, raw_hash, ref_of
from bloop_sdk.testing.rules import Suite
from bloop_sdk.testing.suites.case import ContentCase, Rig
from bloop_sdk.testing.system import Folder, System

CONTENT = Suite("`lms` and `notes`", ContentCase)


def hold(holds: object, otherwise: str) -> None:
    """Raise ContractError with ``otherwise`` unless it holds."""
    __tracebackhide__ = True
    if not holds:
        raise ContractError(otherwise)


@CONTENT.rule()
async def specification(case: ContentCase) -> None:
    """The specification names each stream once with its kinds, without I/O, and does not change."""
    rig = case.rig()
    provider = rig.provider()
    spec = provider.spec()
    names = [stream.name for stream in spec.streams]
    hold(names and all(names), "spec() names no stream")
    hold(len(names) == len(set(names)), f"spec() names a stream twice: {', '.join(names)}")
    for stream in spec.streams:
        hold(stream.kinds, f"stream {stream.name} declares no kinds")
    hold(provider.spec() == spec, "spec() gives something else the second time")
    hold(rig.steps.count == 0, "spec() talks to the system; it must not")


@CONTENT.rule()
async def check_with_good_credentials(case: ContentCase) -> None:
    """A good credential passes the check, which names the account and sees nothing missing."""
    result = await case.rig().provider().check()
    hold(result.account, "check() names no account")
    hold(not result.missing, f"check() misses {', '.join(result.missing)} with good settings")


@CONTENT.rule("bad", subject=System)
async def check_with_bad_credentials(case: ContentCase) -> None:
    """A credential that was never valid fails the check with AuthError."""
    await _refused(case, "bad")


@CONTENT.rule("expired", subject=System)
async def check_with_expired_credentials(case: ContentCase) -> None:
    """A credential that has expired fails the check with CredentialExpiredError or AuthError."""
    await _refused(case, "expired")


async def _refused(case: ContentCase, credential: str) -> None:
    provider = case.rig().provider(credential)
    try:
        result = await provider.check()
    except AuthError:
        return
    except Exception as err:
        raise ContractError(
            f"check() with {credential} credentials: {type(err).__name__}: {err}; raise AuthError"
        ) from err
    raise ContractError(f"check() takes {credential} credentials for {result.account!r}")


@CONTENT.rule(subject=Folder)
async def check_without_a_source(case: ContentCase) -> None:
    """A file or folder that is not there fails the check with a FatalError and its cure."""
    rig = case.rig()
    folder: Any = case.subject
    gone = Path(f"{rig.source.path}-gone")
    ctx = rig.context()
    ctx.source = gone
    ctx.config = case.plugin.config(folder.settings_at(gone))
    try:
        await case.make(ctx).check()
    except FatalError as err:
        hold(err.cure, f"check() without a source: {err.message!r} has no cure")
        return
    except Exception as err:
        raise ContractError(
            f"check() without a source: {type(err).__name__}: {err}; raise FatalError with a cure"
        ) from err
    raise ContractError("check() passes although there is no source")


@CONTENT.rule()
async def discovery(case: ContentCase) -> None:
    """What `discover` lists is what `read` yields."""
    rig = await case.whole()
    found = {ref_of(container) for container in await rig.provider().discover()}
    read = {ref for ref in rig.replica.records if ref.kind in CONTAINER_KINDS}
    hold(read, "read() yields no container")
    for ref in sorted(found ^ read):
        who = ("discover()", "read()") if ref in found else ("read()", "discover()")
        raise ContractError(f"{who[0]} gives {ref}, {who[1]} does not")


@CONTENT.rule()
async def records(case: ContentCase) -> None:
    """Records have an immutable id, a raw form in JSON and a declared kind, parents first."""
    rig = await case.whole()
    hold(
        [ref for ref in rig.replica.records if ref.kind not in CONTAINER_KINDS],
        "read() yields containers alone: give the system content",
    )
    for ref, row in rig.replica.rows.items():
        content = getattr(row.record, "content", None)
        if isinstance(content, Ref) and content not in rig.replica.rows:
            hold(
                str(content) in rig.replica.skipped,
                f"node {ref} points at {content}, which is neither read nor skipped",
            )


@CONTENT.rule()
async def second_read(case: ContentCase) -> None:
    """A second read writes nothing and deletes nothing."""
    rig = await case.whole()
    expected = rig.replica.state()
    report = await rig.read("a second read")
    rig.expect(expected, "a second read")
    hold(not report.written, f"a second read writes {report.written} records")
    hold(not report.deleted, f"a second read deletes {report.deleted} records")


@CONTENT.rule()
async def fetching(case: ContentCase) -> None:
    """`fetch` gives the same pages, files and other content as `read`."""
    rig = await case.whole()
    refs = [ref for ref in rig.replica.records if ref.kind in ITEM_KINDS][:20]
    batch = await rig.provider().fetch(refs)
    fetched = {ref_of(record): record for record in batch.records}
    for ref in refs:
        hold(ref in fetched, f"fetch() does not give {ref}, which read() yields")
        same = raw_hash(fetched[ref]) == rig.replica.rows[ref].hash
        hold(same, f"fetch() gives {ref} with another raw form than read()")
    hold(set(fetched) <= set(refs), "fetch() gives more than was asked for")


@CONTENT.rule()
async def fetching_what_is_gone(case: ContentCase) -> None:
    """`fetch` of what does not exist skips it, or raises MissingRecordError."""
    rig = await case.whole()
    known = [ref for ref in rig.replica.records if ref.kind in ITEM_KINDS]
    ref = Ref(known[0].kind if known else Kind.PAGE, "no-such-record-0")
    try:
        batch = await rig.provider().fetch([ref])
    except MissingRecordError:
        return
    except Exception as err:
        raise ContractError(
            f"fetch() of {ref}, which does not exist: {type(err).__name__}: {err}"
        ) from err
    told = ref in batch.deleted or str(ref) in {one.ref for one in batch.skipped}
    hold(told and not batch.records, f"fetch() of {ref}, which does not exist, says nothing of it")


@CONTENT.rule("malform")
async def malformed_record(case: ContentCase) -> None:
    """A malformed record is skipped with its reason, and costs no other record."""
    expected = (await case.whole()).replica.held()
    rig = case.rig()
    ref = str(rig.offer("malform")())
    await rig.read(f"with {ref} malformed")
    hold(ref in rig.replica.skipped, f"{ref} is malformed, and nothing says that it was skipped")
    others(rig, expected, ref, f"with {ref} malformed")


@CONTENT.rule("unknown")
async def unknown_type(case: ContentCase) -> None:
    """A record of an unknown type is kept as Opaque, and costs no other record."""
    expected = (await case.whole()).replica.held()
    rig = case.rig()
    ref = rig.offer("unknown")()
    await rig.read(f"with {ref} of an unknown type")
    hold(ref.kind is Kind.OPAQUE, f"unknown() gives {ref}: give the ref that it is read under")
    hold(ref in rig.replica.records, f"{ref} is of an unknown type, and lost: yield an Opaque")
    others(rig, expected, ref.remote_id, f"with {ref} of an unknown type")


@CONTENT.rule()
async def secrets(case: ContentCase) -> None:
    """No secret of the settings reaches a log line, an error, or a record."""
    rig = await case.whole()
    said: list[tuple[str, object]] = [("check()", await rig.provider().check())]
    if rig.source.has("bad"):
        try:
            await case.rig().provider("bad").check()
        except BloopError as err:
            said.append(("the error of check()", (str(err), repr(err))))
    said += [("a log line", line) for line in case.log.lines]
    said += [
        (f"record {ref}", (row.record, row.record.raw)) for ref, row in rig.replica.rows.items()
    ]
    for credential in rig.source.settings:
        for name, value in rig.config(credential):
            if isinstance(value, SecretStr | SecretBytes):
                secret = value.get_secret_value()
                shown = secret if isinstance(secret, str) else secret.decode("utf-8", "replace")
                for where, what in said:
                    hold(not shown or shown not in repr(what), f"{where} holds the secret {name}")


def others(rig: Rig, expected: dict[str, Any], ref: str, where: str) -> None:
    """Hold that everything but what has to do with ``ref`` is there, unchanged."""
    remote_id = ref.partition(":")[2] or ref
    held = rig.replica.held()
    for name, row in expected.items():
        content = getattr(row[1], "content", None)
        about = name.partition(":")[2] == remote_id
        if not about and not (content is not None and content.remote_id == remote_id):
            hold(name in held, f"{where}, {name} is lost")
            # A container may sum up what is in it.
            same = held[name] == row or isinstance(row[1], Container)
            hold(same, f"{where}, {name} is another")

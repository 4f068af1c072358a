"""Content providers whose system refuses, fails, dawdles or talks nonsense, at any request."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bloop_sdk.errors import (
    AuthError,
    BloopError,
    FatalError,
    RateLimitedError,
    RetriableError,
)
from bloop_sdk.testing.faults import Cut, Fault, Garbled, Hang, Slow, Status
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.suites.case import ContentCase, Rig, converge, ends_well, named
from bloop_sdk.testing.suites.content import CONTENT, hold
from bloop_sdk.testing.system import System

LONG_WAIT = 1800.0
ELSEWHERE = "https://moved.example/"


@CONTENT.rule(subject=System)
async def unauthorised_midway(case: ContentCase) -> None:
    """401 from any request on ends the read with AuthError; new credentials resume it."""
    await _lasting(case, Status(401), AuthError)


@CONTENT.rule("forbid", subject=System)
async def forbidden_record(case: ContentCase) -> None:
    """403 on one record costs that record, or its optional stream, and nothing else."""
    whole = await case.whole()
    rig = case.rig()
    ref = rig.offer("forbid")()
    try:
        await rig.run()
    except Exception as err:
        raise ContractError(
            f"403 on {ref or 'an optional stream'} ends the read: {type(err).__name__}: {err}; "
            "yield a Skipped with the code record_forbidden, or declare the stream optional"
        ) from err
    if ref is not None:
        hold(str(ref) in rig.replica.skipped, f"403 on {ref}, and nothing says that it was skipped")
    else:
        hold(rig.replica.gaps, "403 on an optional stream, and the run has no gap")
    kinds = {
        str(kind)
        for stream in rig.provider().spec().streams
        if stream.name in rig.replica.gaps
        for kind in stream.kinds
    }
    held = rig.replica.held()
    for name, row in whole.replica.held().items():
        content = getattr(row[1], "content", None)
        excused = name == str(ref) or name.partition(":")[0] in kinds
        if not excused and (content is None or content != ref):
            hold(held.get(name) == row, f"403 on {ref or 'an optional stream'}: {name} is lost")


@CONTENT.rule(subject=System)
async def rate_limit_with_retry_after(case: ContentCase) -> None:
    """429 with Retry-After is waited for; where it is long, RateLimitedError keeps how long."""
    whole = await case.whole()
    async for rig, where in _each(case, whole, Status(429, retry_after=2.0), times=1):
        hold(await ends_well(rig, RetriableError, where), f"{where}: the read ends early")
        hold(rig.clock.waited >= 2.0, f"{where}: nobody waited")
        rig.expect(whole.replica.state(), where)
    async for rig, where in _each(case, whole, Status(429, retry_after=LONG_WAIT)):
        try:
            await rig.run()
        except RateLimitedError as err:
            hold(
                (err.retry_after or 0.0) >= LONG_WAIT - rig.clock.waited,
                f"{where}: the error that leaves the method has lost its retry_after",
            )
        except Exception as err:
            raise ContractError(
                f"{where}: {type(err).__name__}: {err}; let RateLimitedError leave the method"
            ) from err
        else:
            rig.expect(whole.replica.state(), f"{where}: the read goes on without an error")
        # Whoever resumes has waited.
        await converge(rig, whole.replica.state(), where)


@CONTENT.rule(subject=System)
async def rate_limit_without_retry_after(case: ContentCase) -> None:
    """429 without Retry-After ends the read with a RetriableError, and it resumes."""
    await _passing(case, Status(429))
    await _lasting(case, Status(429), RetriableError)


@CONTENT.rule(subject=System)
async def server_errors(case: ContentCase) -> None:
    """A 5xx that passes changes nothing; one that stays ends the read with a RetriableError."""
    await _passing(case, Status(502))
    await _lasting(case, Status(503, body=b"<html>Maintenance</html>"), RetriableError)


@CONTENT.rule(subject=System)
async def truncated_bodies(case: ContentCase) -> None:
    """A body that breaks off is never taken for a whole one."""
    await _passing(case, Cut())
    await _lasting(case, Cut(), RetriableError)


@CONTENT.rule(subject=System)
async def moved_host(case: ContentCase) -> None:
    """A redirect to another host is not followed, is named, and is never taken for an answer."""
    moved = Status(301, headers={"location": ELSEWHERE})
    rig = case.rig()
    rig.http.add(moved, times=None)
    try:
        await rig.provider().check()
    except FatalError as err:
        hold(err.cure, f"check() of a system that has moved: {err.message!r} has no cure")
    except Exception as err:
        raise ContractError(
            f"check() of a system that has moved: {type(err).__name__}: {err}; "
            "let FatalError leave the method"
        ) from err
    else:
        raise ContractError("check() passes although the system has moved to another host")
    whole = await case.whole()
    async for rig, where in _each(case, whole, moved):
        ended = await ends_well(rig, FatalError, where)
        led = [one.url for one in rig.http.requests if one.url.startswith(ELSEWHERE)]
        hold(not led, f"{where}, and the other host is asked, which knows nothing of the hub")
        rig.http.clear()
        if not ended:
            await rig.read(f"{where}, then read on")
        # Files that were lost on the way come with the next read.
        await converge(rig, whole.replica.state(), where)


@CONTENT.rule(subject=System)
async def slow_bodies(case: ContentCase) -> None:
    """A body that dribbles in past the deadline, or never comes, ends the read and it resumes."""
    await _passing(case, Slow())
    await _lasting(case, Slow(), RetriableError)
    await _lasting(case, Hang(), RetriableError)


@CONTENT.rule(subject=System)
async def garbled_bodies(case: ContentCase) -> None:
    """A page of HTML, or half a JSON, in place of an answer deletes nothing and breaks nothing."""
    whole = await case.whole()
    for body in (Garbled(), Garbled(None), Garbled(b"{}"), Garbled(b"[]")):
        async for rig, where in _each(case, whole, body, times=1, second=True):
            shown = f"{where} with {_told(body)}"
            before = set(rig.replica.records)
            await ends_well(rig, BloopError, shown)
            if body.body not in {b"{}", b"[]"}:
                # An empty list may be the truth; a page of HTML never is.
                for ref in sorted(before - set(rig.replica.records)):
                    raise ContractError(f"{shown}: {ref} was taken for deleted")
            rig.http.clear()
            await ends_well(rig, BloopError, f"{shown}, then read again")
            wrong = rig.replica.held() != whole.replica.held()
            hold(not wrong, f"{shown}: the next read does not put it right")


def _told(fault: Garbled) -> str:
    return "half of its body" if fault.body is None else repr(fault.body[:12].decode())


async def _each(
    case: ContentCase,
    whole: Rig,
    fault: Fault,
    *,
    times: int | None = None,
    second: bool = False,
) -> AsyncIterator[tuple[Rig, str]]:
    """A fresh rig for each request of an undisturbed read, with a fault planned from there on."""
    count = len(whole.http.requests)
    if second:
        again = await case.whole()
        first = len(again.http.requests)
        await again.run()
        count = len(again.http.requests) - first
    for number in range(1, count + 1):
        rig = await case.whole() if second else case.rig()
        rig.http.add(fault, request=number, times=times)
        yield rig, f"{_name(fault)} at {named(whole, min(number, len(whole.http.requests)))}"


def _name(fault: Fault) -> str:
    return f"{fault.code}" if isinstance(fault, Status) else type(fault).__name__.lower()


async def _passing(case: ContentCase, fault: Fault) -> None:
    """A fault that happens once: the read goes on, or is resumed, to the same state."""
    whole = await case.whole()
    async for rig, where in _each(case, whole, fault, times=1):
        if await ends_well(rig, RetriableError, where):
            rig.expect(whole.replica.state(), f"{where}, once")
        else:
            await converge(rig, whole.replica.state(), f"{where}, once")


async def _lasting(case: ContentCase, fault: Fault, error: type[BloopError]) -> None:
    """A fault that stays: the read must not come to its end as if all were well."""
    whole = await case.whole()
    async for rig, where in _each(case, whole, fault):
        if await ends_well(rig, error, where):
            rig.expect(
                whole.replica.state(),
                f"{where}, and the read comes to its end as if all were well; "
                f"let {error.__name__} leave the method",
            )
        else:
            await converge(rig, whole.replica.state(), where)

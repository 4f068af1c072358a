"""Content providers that are killed, and systems that change while they are read."""

from __future__ import annotations

from typing import Any

from bloop_sdk.errors import BloopError
from bloop_sdk.providers.content import Deletes
from bloop_sdk.testing.clock import wall_clock_off_by
from bloop_sdk.testing.suites.case import ContentCase, Rig, converge, ends_well, was_killed
from bloop_sdk.testing.suites.content import CONTENT, hold, others
from bloop_sdk.testing.system import System

HOUR = 3600.0


@CONTENT.rule()
async def kill_at_any_step(case: ContentCase) -> None:
    """Killed before any request or blocking call, a read resumes to an identical state."""
    whole = await case.whole()
    for step in range(1, whole.steps.count + 1):
        rig = case.rig()
        rig.steps.plan(step, rig.steps.kill)
        await _killed(rig, None)
        await converge(rig, whole.replica.state(), f"killed before step {step}")


@CONTENT.rule()
async def kill_after_any_batch(case: ContentCase) -> None:
    """Killed after any batch, a read resumes to an identical state."""
    whole = await case.whole()
    for batches in range(1, whole.replica.batches + 1):
        rig = case.rig()
        await _killed(rig, batches)
        await converge(rig, whole.replica.state(), f"killed after batch {batches}")


@CONTENT.rule("edit")
async def kill_while_catching_up(case: ContentCase) -> None:
    """Killed at any step of a later read, which brings changes, it resumes to the same state."""
    for step in range(1, await _steps_of_a_later_read(case) + 1):
        rig = await _changed_since(case)
        rig.steps.plan(step, rig.steps.kill)
        await _killed(rig, None)
        await _converge_to_now(rig, f"killed before step {step} of a second read")


async def _steps_of_a_later_read(case: ContentCase) -> int:
    rig = await _changed_since(case)
    before = rig.steps.count
    await rig.read("a second read")
    return rig.steps.count - before


async def _changed_since(case: ContentCase) -> Rig:
    """A rig after a whole read, whose system has changed since in every way that it can."""
    rig = await case.whole()
    for change in ("edit", "delete", "add"):
        if rig.source.has(change):
            rig.source.offers[change]()
    return rig


async def _killed(rig: Rig, stop_after: int | None) -> None:
    try:
        await rig.run(stop_after=stop_after)
    except BaseException as err:
        if not was_killed(err):
            raise
    # Otherwise another order of concurrent requests came to its end without that step.


@CONTENT.rule("edit")
async def change_between_reads(case: ContentCase) -> None:
    """A record that has changed arrives with the next read."""
    await _changed(case, "edit")


@CONTENT.rule("add")
async def addition_between_reads(case: ContentCase) -> None:
    """A record that was added arrives with the next read."""
    await _changed(case, "add")


async def _changed(case: ContentCase, offer: str) -> None:
    rig = await case.whole()
    before = rig.replica.held()
    ref = rig.offer(offer)()
    await rig.read(f"after {offer}()")
    held = rig.replica.held()
    hold(str(ref) in held, f"{offer}() gave {ref}, and the next read did not bring it")
    hold(held[str(ref)] != before.get(str(ref)), f"{ref} was edited, and the next read missed it")
    rig.expect(await _afresh(rig), f"after {offer}(), the second read")


@CONTENT.rule("edit")
async def edit_while_reading(case: ContentCase) -> None:
    """An edit at any step of a read loses nothing, and has arrived after one further read."""
    await _disturbed(case, "edit")


@CONTENT.rule("add")
async def addition_while_reading(case: ContentCase) -> None:
    """An addition at any step of a read loses nothing, and has arrived after one further read."""
    await _disturbed(case, "add")


@CONTENT.rule("delete")
async def deletion_while_reading(case: ContentCase) -> None:
    """A deletion at any step of a read costs no other record, after one further read."""
    await _disturbed(case, "delete")


async def _disturbed(case: ContentCase, offer: str) -> None:
    """Change the system before each step of a first read, then read once more."""
    steps = (await case.whole()).steps.count
    for step in range(1, steps + 1):
        rig = case.rig()
        rig.steps.plan(step, rig.offer(offer))
        where = f"{offer}() before step {step}"
        # What is half old and half new may well be refused; it has to be put right by the next.
        await ends_well(rig, BloopError, where)
        await _converge_to_now(rig, where)


async def _converge_to_now(rig: Rig, where: str) -> None:
    """Read once more: the hub has to hold what a first read of the system as it is would give."""
    await rig.read(f"{where}, then read again")
    rig.expect(await _afresh(rig), f"{where}, then read again")


async def _afresh(rig: Rig) -> dict[str, Any]:
    """What a hub that knew nothing would now read, and what this one may keep as missing."""
    other = Rig(rig.case, rig.source)
    await other.read("a first read of the system as it is now")
    expected = other.replica.state()
    silent = _never_told(rig)
    for name, row in rig.replica.held().items():
        kind = name.partition(":")[0]
        if name not in expected and (row[0] == "missing" or kind in silent):
            expected[name] = row
    for ref, why in rig.replica.skipped.items():
        if ref not in other.replica.held():
            expected[f"quarantine {ref}"] = why  # It was met when it was half gone.
    return expected


def _never_told(rig: Rig) -> set[str]:
    """Kinds of which no stream tells what is gone."""
    streams = rig.provider().spec().streams
    every = {str(kind) for stream in streams for kind in stream.kinds}
    told = {
        str(kind)
        for stream in streams
        if stream.deletes is not Deletes.NONE
        for kind in stream.kinds
    }
    return every - told


@CONTENT.rule("delete", "restore")
async def delete_and_restore(case: ContentCase) -> None:
    """A deleted record goes with the next read, alone, and comes back when it is restored."""
    rig = await case.whole()
    before = rig.replica.state()
    ref = rig.offer("delete")()
    hold(str(ref) in before, f"delete() gave {ref}, which read() never yielded")
    await rig.read(f"after {ref} was deleted")
    stays = str(ref.kind) in _never_told(rig)
    hold(
        stays or ref not in rig.replica.records,
        f"{ref} was deleted, and the next read left it there",
    )
    rig.expect(await _afresh(rig), f"after {ref} was deleted")
    rig.offer("restore")()
    await rig.read(f"after {ref} was restored")
    rig.expect(before, f"after {ref} was restored")


@CONTENT.rule("unshare", "share", subject=System)
async def unshare_and_share(case: ContentCase) -> None:
    """What may be seen no more costs nothing else, is not shown, and comes back with the right."""
    rig = await case.whole()
    before, held = rig.replica.state(), rig.replica.held()
    ref = rig.offer("unshare")()
    where = f"after {ref or 'a stream'} was unshared"
    await rig.read(where)
    if ref is None:
        hold(rig.replica.gaps, f"{where}, the run has no gap")
        rig.expect(before, where)
    else:
        hold(str(ref) in before, f"unshare() gave {ref}, which read() never yielded")
        hold(
            ref not in rig.replica.records,
            f"{where}, it is still shown: yield a Skipped with the code record_forbidden or "
            "record_unshared",
        )
        others(rig, held, str(ref), where)
    rig.offer("share")()
    await rig.read(f"{where}, and shared again")
    rig.expect(before, f"{where}, and shared again")


@CONTENT.rule("edit")
async def clock_that_jumps(case: ContentCase) -> None:
    """A change is not missed although this machine's clock was an hour ahead, or behind, before."""
    for seconds in (HOUR, -HOUR):
        rig = case.rig()
        with wall_clock_off_by(seconds, case.plugin.package):
            await rig.read("a first read")
        ref = rig.offer("edit")()
        await rig.read("a second read")
        ahead = "ahead" if seconds > 0 else "behind"
        rig.expect(await _afresh(rig), f"{ref} was edited after the clock was an hour {ahead}")

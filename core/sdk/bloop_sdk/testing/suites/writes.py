"""Content providers that write, and hear of changes by webhooks."""

from __future__ import annotations

import dataclasses
from typing import Any

from bloop_sdk.errors import AuthError, PreconditionFailedError, UnsupportedError
from bloop_sdk.providers.content import (
    FolderWrite,
    NoteWrite,
    Precondition,
    WebhookRequest,
    WriteOp,
)
from bloop_sdk.testing.reading import ContractError
from bloop_sdk.testing.suites.case import ContentCase, Rig
from bloop_sdk.testing.suites.content import CONTENT, hold


@CONTENT.rule()
async def undeclared_writes(case: ContentCase) -> None:
    """A write that the specification does not declare raises UnsupportedError."""
    op = WriteOp(kind="no-such-write", ref=None, values={}, idempotency_key="k")
    try:
        await case.rig().provider().write(op, Precondition(remote_version=None))
    except UnsupportedError:
        return
    except Exception as err:
        raise ContractError(f"write({op.kind!r}): {type(err).__name__}: {err}") from err
    raise ContractError(f"write({op.kind!r}), which spec() does not declare, is accepted")


@CONTENT.rule()
async def writes_with_a_precondition(case: ContentCase) -> None:
    """A write changes what is at the expected version, and nothing that is at a newer one."""
    for kind in _kinds(case):
        rig = await case.whole()
        before = rig.replica.state()
        op: WriteOp = rig.offer("write")(kind)
        version = await _version(rig, op)
        await rig.provider().write(op, version)
        first = (await rig.seen()).state()
        hold(first != before, f"write({kind}) had no effect that read() shows")
        if op.ref is None:
            continue
        late: WriteOp = rig.offer("write")(kind)
        late = dataclasses.replace(late, ref=op.ref)
        try:
            await rig.provider().write(late, version)
        except PreconditionFailedError:
            hold(
                (await rig.seen()).state() == first, f"write({kind}) failed, and changed something"
            )
        except Exception as err:
            raise ContractError(
                f"write({kind}) on a newer version: {type(err).__name__}: {err}; "
                "raise PreconditionFailedError"
            ) from err
        else:
            raise ContractError(f"write({kind}) overwrites a version newer than its precondition")


@CONTENT.rule()
async def writes_with_an_idempotency_key(case: ContentCase) -> None:
    """The same write twice, as after an answer that was lost, has one effect."""
    for kind in _kinds(case):
        rig = await case.whole()
        op: WriteOp = rig.offer("write")(kind)
        version = await _version(rig, op)
        await rig.provider().write(op, version)
        first = (await rig.seen()).state()
        try:
            await rig.provider().write(op, version)
        except PreconditionFailedError:
            hold(op.ref is not None, f"write({kind}) fails where it was done already")
        hold(
            (await rig.seen()).state() == first,
            f"write({kind}) with the same idempotency key has a second effect",
        )


@CONTENT.rule()
async def webhooks(case: ContentCase) -> None:
    """A webhook with a bad signature raises AuthError; where none is declared, UnsupportedError."""
    rig = case.rig()
    provider = rig.provider()
    if not provider.spec().webhooks:
        request = WebhookRequest(headers={}, body=b"", received_at=0.0)
        _raises(provider.verify_webhook, request, UnsupportedError, "which spec() does not declare")
        return
    good: WebhookRequest = rig.offer("webhook")()
    hold(provider.verify_webhook(good), "verify_webhook() takes no hint from a good webhook")
    bad = dataclasses.replace(good, body=good.body + b" ")
    _raises(provider.verify_webhook, bad, AuthError, "whose body was changed")
    unsigned = dataclasses.replace(good, headers={})
    _raises(provider.verify_webhook, unsigned, AuthError, "without its headers")


def _raises(function: Any, request: WebhookRequest, error: type[Exception], which: str) -> None:
    try:
        function(request)
    except error:
        return
    except Exception as err:
        raise ContractError(
            f"a webhook {which}: {type(err).__name__}: {err}; raise {error.__name__}"
        ) from err
    raise ContractError(f"a webhook {which}, is accepted")


def _kinds(case: ContentCase) -> list[str]:
    """What is written beside notes, of which :mod:`bloop_sdk.testing.suites.notes` is."""
    others = {*map(str, NoteWrite), *map(str, FolderWrite)}
    return sorted(case.rig().provider().spec().writes - others)


async def _version(rig: Rig, op: WriteOp) -> Precondition:
    """The version that the other side holds now."""
    if op.ref is None:
        return Precondition(remote_version=None)
    (record,) = (await rig.provider().fetch([op.ref])).records
    hold(record.remote_version, f"{op.ref} can be written, but has no remote_version")
    return Precondition(remote_version=record.remote_version)

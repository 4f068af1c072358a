"""Broken at writing and at webhooks."""

import dataclasses
import itertools

from bloop_shelf.courses import CourseProvider
from bloop_shelf.journal import JournalProvider

from bloop_sdk import (
    Hint,
    Kind,
    Precondition,
    Ref,
    UnsupportedError,
    WriteResult,
)
from tests.sdk.shelf.broken import JOURNAL, breaks


@breaks("undeclared_writes")
class WritesAnything(CourseProvider):
    async def write(self, op, precondition):
        return WriteResult(ref=op.ref, remote_version=None)


@breaks("undeclared_writes")
class WritesByName(CourseProvider):
    async def write(self, op, precondition):
        return await {"page.update": super().write}[op.kind](op, precondition)


@breaks("writes_with_a_precondition")
class OverwritesAnything(CourseProvider):
    async def write(self, op, precondition):
        if op.ref is None:
            return await super().write(op, precondition)
        (record,) = (await self.fetch([op.ref])).records
        return await super().write(op, Precondition(remote_version=record.remote_version))


@breaks("writes_with_a_precondition")
class OnlySaysThatItWrites(CourseProvider):
    async def write(self, op, precondition):
        if op.kind not in self.writes:
            raise UnsupportedError(op.kind)
        return WriteResult(ref=op.ref or Ref(Kind.PAGE, "new"), remote_version="2")


@breaks("writes_with_an_idempotency_key")
class WritesTwice(CourseProvider):
    keys = itertools.count()

    async def write(self, op, precondition):
        other = dataclasses.replace(op, idempotency_key=f"again-{next(self.keys)}")
        return await super().write(other, precondition)


@breaks("webhooks")
class BelievesEveryWebhook(CourseProvider):
    def verify_webhook(self, request):
        return [Hint(ref=None, event_id="1")]


@breaks("webhooks", subject=JOURNAL)
class TakesWebhooksThatItDoesNotDeclare(JournalProvider):
    def verify_webhook(self, request):
        return []

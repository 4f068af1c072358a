"""Broken where the system refuses, fails, dawdles or talks nonsense."""

import dataclasses

from bloop_shelf.courses import CourseProvider

from bloop_sdk import (
    BloopError,
    DeadlineError,
    FatalError,
    MalformedRecordError,
    Request,
    RetriableError,
    UnavailableError,
)
from bloop_sdk.testing import System, reply
from tests.sdk.shelf.broken import breaks
from tests.sdk.shelf.fake_shelf import GOOD, FakeShelf


def quiet(*errors):
    """A provider that takes these errors for the end of a list."""

    class Quiet(CourseProvider):
        async def get(self, path, **params):
            try:
                return await super().get(path, **params)
            except errors:
                return {"items": [], "next": None, "id": "u", "name": "Ada"}

    return Quiet


breaks("unauthorised_midway", "rate_limit_with_retry_after", "rate_limit_without_retry_after")(
    quiet(BloopError)
)
breaks("server_errors", "truncated_bodies", "slow_bodies", "garbled_bodies")(quiet(BloopError))
breaks("rate_limit_without_retry_after")(quiet(RetriableError))
breaks("slow_bodies")(quiet(DeadlineError))
breaks("truncated_bodies", "server_errors")(quiet(UnavailableError))


def says(made, *errors):
    """A provider that turns these errors into another one."""

    class Saying(CourseProvider):
        async def get(self, path, **params):
            try:
                return await super().get(path, **params)
            except errors as err:
                raise made from err

    return Saying


breaks("unauthorised_midway")(says(RuntimeError("401?"), BloopError))
breaks("rate_limit_with_retry_after")(says(RetriableError("later"), RetriableError))
breaks("rate_limit_without_retry_after", "server_errors")(says(FatalError("no"), RetriableError))
breaks("truncated_bodies", "slow_bodies")(says(KeyError("items"), RetriableError))


@breaks("truncated_bodies", "slow_bodies")
class KeepsHalfAFile(CourseProvider):
    async def bytes(self, item):
        try:
            async for chunk in super().bytes(item):
                yield chunk
        except RetriableError:
            return


@breaks("forbidden_record")
class LetsOneRefusalEndTheRun(CourseProvider):
    async def bytes(self, item):
        request = Request(url=f"{self.ctx.config.base_url}/files/{item}", headers=self.headers())
        async for chunk in self.ctx.http.stream(request):
            yield chunk


@breaks("forbidden_record")
class HidesARefusal(CourseProvider):
    async def bytes(self, item):
        try:
            async for chunk in super().bytes(item):
                yield chunk
        except BloopError:
            return


class ForbiddenPeople(FakeShelf):
    async def answer(self, request):
        answer = await super().answer(request)
        if "people" in request.url and self.forbidden:
            return reply({}, status=403)
        return answer

    def forbid(self):
        self.forbidden.add("people")


@breaks("forbidden_record", subject=System(make=ForbiddenPeople, good=GOOD))
class NeedsThePeople(CourseProvider):
    def spec(self):
        spec = super().spec()
        streams = [*spec.streams[:2], dataclasses.replace(spec.streams[2], optional=False)]
        return dataclasses.replace(spec, streams=tuple(streams))


class ClosedItem(FakeShelf):
    """Shows of what it shares no more that it is there."""

    def unshare(self):
        return self.malform()

    def share(self):
        self.item("i30")["title"] = "Item i30"


@breaks("unshare_and_share", subject=System(make=ClosedItem, good=GOOD))
class TellsNoReason(CourseProvider):
    """Skips it as malformed, so that it is shown on."""


breaks("moved_host")(quiet(FatalError))
breaks("moved_host")(says(RuntimeError("301?"), FatalError))


@breaks("garbled_bodies")
class BelievesAnything(CourseProvider):
    """Takes what it cannot read for an empty list."""

    async def get(self, path, **params):
        try:
            return await super().get(path, **params)
        except MalformedRecordError:
            return {"items": [], "next": None, "id": "u", "name": "Ada"}


class QuietInTheMiddle(CourseProvider):
    """Takes any error for the end of the list, but only where it is under way."""

    async def get(self, path, **params):
        try:
            return await super().get(path, **params)
        except BloopError:
            if "after=" not in path:
                raise
            return {"items": [], "next": None}


breaks(
    "unauthorised_midway",
    "rate_limit_with_retry_after",
    "rate_limit_without_retry_after",
    "server_errors",
    "truncated_bodies",
    "slow_bodies",
    "garbled_bodies",
)(QuietInTheMiddle)

"""Consumers that hand the log on to a stream outside: in batches, under a lease, in its order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

from bloop.events.deliveries import Batch, Deliveries
from bloop.events.handlers import Consumer, HandlerError, call_async
from bloop.events.means import Means, tell_failure
from bloop.events.parking import Failure
from bloop.events.positions import Partition
from bloop.events.reader import Logged
from bloop.kernel.faults import PluginFailedError, describe
from bloop.telemetry.context import log_context
from bloop_sdk import BloopError, SkippableError
from bloop_sdk.providers.services import SinkProvider

CLOSE_SECONDS = 5.0


class Sinks(Deliveries):
    """Hands events to a :class:`bloop_sdk.providers.services.SinkProvider`.

    Only an event that the sink refuses by name stands beside the log afterwards. Whatever else it
    raises holds the position where it is: an outage must not park events by the thousand.
    """

    def __init__(
        self,
        consumer: Consumer,
        partition: Partition,
        provider: SinkProvider,
        means: Means,
        stopping: Callable[[], bool],
    ) -> None:
        super().__init__(consumer, partition, provider.publish, means, stopping)
        self._provider = provider

    async def close(self) -> None:
        """Have the sink let go of what it holds."""
        with contextlib.suppress(HandlerError):
            await call_async(self._provider.close, CLOSE_SECONDS)

    async def _deliver_all(
        self, events: Sequence[Logged], held: set[tuple[str, str]], batch: Batch
    ) -> None:
        batch.behind |= {logged.seq for logged in events if logged.subject in held}
        left = [logged for logged in events if logged.seq not in batch.behind]
        end = time.monotonic() + self._means.timing.delivery
        while left and not self._stopping() and (seconds := end - time.monotonic()) > 0:
            refusal = await self._publish(left, seconds)
            if refusal is None:
                batch.taken |= {logged.seq for logged in left}
                return
            refused, batch.failed[refused.seq] = refusal
            later = (one for one in left if one.seq > refused.seq)
            batch.behind |= {one.seq for one in later if one.subject == refused.subject}
            left = [one for one in left if one is not refused and one.seq not in batch.behind]

    async def _deliver(self, logged: Logged, *, probing: bool) -> Failure | None:
        del probing  # The position is what waits here, not a breaker.
        refusal = await self._publish([logged], self._means.timing.delivery)
        return refusal[1] if refusal else None

    async def _publish(
        self, events: Sequence[Logged], seconds: float
    ) -> tuple[Logged, Failure] | None:
        """Hand events over together; gives the one that the sink refuses, and why.

        Raises the contract's errors, and PluginFailedError for anything else.
        """
        plugin_id = self._consumer.plugin_id
        told = [logged.event for logged in events]
        try:
            with self._means.keep(plugin_id), log_context(plugin=plugin_id):
                await call_async(lambda: self._handler(told), seconds)
        except HandlerError as err:
            if (refused := _refused(err.error, events)) is not None:
                return refused, tell_failure(self._consumer, refused, err, self._package)
            if isinstance(err.error, BloopError):
                raise err.error from None
            raise PluginFailedError(
                f"plugin {plugin_id}: publish: {describe(err.error)}",
                cure="nothing is lost: the events wait until the plugin is mended or updated",
            ) from err
        return None


def _refused(error: BaseException, events: Sequence[Logged]) -> Logged | None:
    """The event that a sink says it can never take."""
    if not isinstance(error, SkippableError):
        return None
    return next((one for one in events if error.ref == f"event:{one.event.id}"), None)

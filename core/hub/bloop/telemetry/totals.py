"""What a process has counted for Prometheus, summed up for who keeps a few numbers of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from operator import add, sub

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.samples import Sample

from bloop.telemetry.metrics import REQUEST_SECONDS, Metrics

NO_TIMES = (0,) * (len(REQUEST_SECONDS) + 1)


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts: requests, those answered with 5xx, and jobs that failed for good.

    ``times`` are requests by how long they took: one number for each bound of ``REQUEST_SECONDS``,
    not cumulative, and one for what took longer than the last.
    """

    requests: int = 0
    errors: int = 0
    jobs_failed: int = 0
    times: tuple[int, ...] = NO_TIMES

    def __sub__(self, before: Totals) -> Totals:
        """What came since ``before``."""
        return Totals(
            self.requests - before.requests,
            self.errors - before.errors,
            self.jobs_failed - before.jobs_failed,
            tuple(map(sub, self.times, before.times)),
        )


def totals(
    metrics: Metrics, *, probes: Collection[str] = (), streams: Collection[str] = ()
) -> Totals:
    """All that was counted since the process began.

    ``probes`` are routes that are left out, ``streams`` those whose time says nothing.
    """
    requests = errors = failed = 0
    for sample in _samples(metrics.requests):
        if sample.name.endswith("_total") and sample.labels["route"] not in probes:
            requests += int(sample.value)
            errors += int(sample.value) if sample.labels["status"] >= "500" else 0
    for sample in _samples(metrics.jobs_finished):
        if sample.name.endswith("_total") and sample.labels["outcome"] == "failed":
            failed += int(sample.value)
    return Totals(requests, errors, failed, _times(metrics, {*probes, *streams}))


def _samples(metric: MetricWrapperBase) -> list[Sample]:
    return [sample for family in metric.collect() for sample in family.samples]


def _times(metrics: Metrics, apart: Collection[str]) -> tuple[int, ...]:
    """Requests by their time; the buckets of Prometheus count what is below as well."""
    found = list(NO_TIMES)
    place = below = 0
    for sample in _samples(metrics.request_seconds):
        if not sample.name.endswith("_bucket"):
            place = below = 0  # The buckets of a route follow one another.
        elif sample.labels["route"] not in apart:
            found[place] += int(sample.value) - below
            place, below = place + 1, int(sample.value)
    return tuple(found)


def merged(one: Iterable[int], other: Iterable[int]) -> list[int]:
    """Two lists of :attr:`Totals.times` in one."""
    return list(map(add, one, other))


def quantile(times: Iterable[int], share: float) -> float | None:
    """The seconds within which a share (0 to 1) of requests were answered; None without any.

    Within a bound they count as evenly spread; of those beyond the last one that bound is told.
    """
    counts = list(times)
    wanted, seen, low = sum(counts) * share, 0, 0.0
    if not any(counts):
        return None
    for count, bound in zip(counts, REQUEST_SECONDS, strict=False):
        if count and seen + count >= wanted:
            return low + (bound - low) * (wanted - seen) / count
        seen, low = seen + count, bound
    return low

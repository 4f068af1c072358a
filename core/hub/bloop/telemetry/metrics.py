"""Prometheus metrics of the hub, each named ``bloop_*`` and described where it is made.

``python -m bloop.telemetry.metrics`` prints docs/operations/metrics.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

from bloop.telemetry.logs import get_logger

CONTENT_TYPE = CONTENT_TYPE_LATEST
M = TypeVar("M", bound=MetricWrapperBase)

_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
REQUEST_SECONDS = (*_FAST, 5.0, 10.0)
"""The bounds in seconds that requests are sorted by, for how long they took."""
_SLOW = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600)


class Metrics:
    """All metrics of one process, in a registry of their own.

    Labels hold ids of plugins, routes and the like, never ids of people, items or requests:
    each combination is a time series.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._refreshers: dict[str, Callable[[], None]] = {}
        self._requests()
        self._plugins()
        self._work()
        self._database()
        self.scrape_errors = self._add(
            Counter,
            "bloop_scrape_errors_total",
            "Values that could not be brought up to date for /metrics.",
            "source",
        )
        ProcessCollector(namespace="bloop", registry=self.registry)

    def _add(
        self,
        kind: type[M],
        name: str,
        help_: str,
        *labels: str,
        buckets: Sequence[float] | None = None,
    ) -> M:
        more = {"buckets": buckets} if buckets else {}
        return kind(name, help_, labels, registry=self.registry, **more)  # type: ignore[arg-type]

    def _requests(self) -> None:
        self.requests = self._add(
            Counter,
            "bloop_http_requests_total",
            "Requests answered, by route template and status.",
            *("method", "route", "status"),
        )
        self.request_seconds = self._add(
            Histogram,
            "bloop_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            "route",
            buckets=REQUEST_SECONDS,
        )
        self.requests_running = self._add(
            Gauge, "bloop_http_requests_running", "Requests being answered now."
        )
        self.outbound_requests = self._add(
            Counter,
            "bloop_outbound_requests_total",
            "Requests of plugins to systems outside, each try counted; status 0: no answer.",
            *("plugin", "host", "status"),
        )
        self.outbound_seconds = self._add(
            Histogram,
            "bloop_outbound_request_seconds",
            "Time of one try of a request to a system outside.",
            *("plugin", "host"),
            buckets=_SLOW,
        )
        self.outbound_bytes = self._add(
            Counter,
            "bloop_outbound_bytes_total",
            "Bytes read from systems outside, after decompression.",
            *("plugin", "host"),
        )

    def _plugins(self) -> None:
        self.plugin_state = self._add(
            Gauge,
            "bloop_plugin_state",
            "1 for the state that a plugin is in, in this process.",
            *("plugin", "state"),
        )
        self.plugin_import_seconds = self._add(
            Gauge, "bloop_plugin_import_seconds", "Time that a plugin's import took.", "plugin"
        )
        self.connections = self._add(
            Gauge,
            "bloop_connections",
            "Connections of institutions, by plugin and state.",
            *("plugin", "state"),
        )
        self.hook_outcomes = self._add(
            Counter,
            "bloop_hook_outcomes_total",
            "Calls of hooks by their outcome: ok, failed, or skipped by an open breaker.",
            *("plugin", "hook", "outcome"),
        )
        self.panels = self._add(
            Counter,
            "bloop_panels_total",
            "Panels of plugins by their outcome: ok, failed (left out), or skipped by a breaker.",
            *("plugin", "slot", "outcome"),
        )
        self.breaker_state = self._add(
            Gauge,
            "bloop_breaker_state",
            "0 closed, 1 half open, 2 open; the worst of its connections.",
            *("plugin", "operation"),
        )
        self.breaker_openings = self._add(
            Counter,
            "bloop_breaker_openings_total",
            "How often a breaker has opened.",
            *("plugin", "operation"),
        )

    def _work(self) -> None:
        self.jobs = self._add(
            Gauge, "bloop_jobs", "Jobs in the ledger that are not over.", "queue", "state"
        )
        self.job_wait_seconds = self._add(
            Gauge, "bloop_job_wait_seconds", "Age of the job that has waited longest.", "queue"
        )
        self.jobs_finished = self._add(
            Counter,
            "bloop_jobs_finished_total",
            "Jobs that ended here: succeeded, failed, retried, put_off or cancelled.",
            *("kind", "outcome"),
        )
        self.job_seconds = self._add(
            Histogram, "bloop_job_seconds", "Time of one run of a job.", "kind", buckets=_LONG
        )
        self.events_consumed = self._add(
            Counter,
            "bloop_events_consumed_total",
            "Events by consumer: ok, failed (one try), parked (the last try), or passed over, where"
            " an institution has switched the plugin off.",
            *("consumer", "outcome"),
        )
        self.event_lag = self._add(
            Gauge, "bloop_event_lag", "Events that a consumer has not looked at yet.", "consumer"
        )
        self.event_lag_seconds = self._add(
            Gauge, "bloop_event_lag_seconds", "Age of the oldest of them.", "consumer"
        )
        self.events_parked = self._add(
            Gauge,
            "bloop_events_parked",
            "Events that wait beside the log: retrying, parked, or behind an earlier one.",
            *("consumer", "state"),
        )
        self.webhook_tries = self._add(
            Counter,
            "bloop_webhook_tries_total",
            "Tries to send an event to a webhook, by outcome: ok or failed.",
            "outcome",
        )
        self.sync_runs = self._add(
            Counter,
            "bloop_sync_runs_total",
            "Runs of imports and synchronisations, by their outcome.",
            *("plugin", "outcome"),
        )
        self.sync_records = self._add(
            Counter,
            "bloop_sync_records_total",
            "Records by what became of them: written, unchanged, quarantined or deleted.",
            *("plugin", "outcome"),
        )

    def _database(self) -> None:
        self.db_seconds = self._add(
            Histogram,
            "bloop_db_seconds",
            "Time of one read, or of one unit of work with its commit.",
            "kind",
            buckets=_FAST,
        )
        self.db_errors = self._add(
            Counter,
            "bloop_db_errors_total",
            "Reads and units of work that failed, by kind of error.",
            *("kind", "error"),
        )
        self.db_connections = self._add(
            Gauge, "bloop_db_connections", "Connections to the database: idle or busy.", "state"
        )

        self.cache_reads = self._add(
            Counter,
            "bloop_cache_reads_total",
            "Reads of cached values: hit (kept here), shared (found in Redis), load, or waited for"
            " one of these.",
            *("kind", "outcome"),
        )
        self.cache_bytes = self._add(
            Gauge, "bloop_cache_bytes", "Size of the cached values that this process keeps."
        )

    def before_scrape(self, source: str, refresh: Callable[[], None]) -> None:
        """Have ``refresh`` set gauges right before they are read; the last of a source counts."""
        self._refreshers[source] = refresh

    def render(self) -> bytes:
        """The page of /metrics, with :data:`CONTENT_TYPE`. A failing refresh costs its values."""
        for source, refresh in list(self._refreshers.items()):
            try:
                refresh()
            except Exception as err:  # noqa: BLE001 - one source must not blind all the others
                self.scrape_errors.labels(source).inc()
                get_logger(__name__).warning("metrics not refreshed", source=source, exc_info=err)
        return generate_latest(self.registry)

    def described(self) -> list[tuple[str, str, tuple[str, ...], str]]:
        """Name, kind, labels and meaning of each metric, in the order of their groups."""
        found = []
        for metric in vars(self).values():
            if isinstance(metric, MetricWrapperBase):
                (family,) = metric.describe()
                suffix = "_total" if family.type == "counter" else ""
                labels = tuple(metric._labelnames)  # noqa: SLF001 - nowhere else to be had
                found.append((family.name + suffix, family.type, labels, family.documentation))
        return found


@functools.cache
def metrics() -> Metrics:
    """The metrics of this process."""
    return Metrics()


def page() -> str:
    """docs/operations/metrics.md."""
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {meaning} |"
        for name, kind, labels, meaning in Metrics().described()
    ]
    return "\n".join(
        [
            "# Metrics",
            "",
            "<!-- Made by `python -m bloop.telemetry.metrics`; change the descriptions there. -->",
            "",
            "The hub answers Prometheus at `/metrics`. Times are in seconds, sizes in bytes.",
            "Labels name plugins, routes and kinds of work, never people or single items.",
            "Each process tells of itself: with several, scrape each one.",
            "",
            "| metric | kind | labels | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
            "`bloop_process_*` are the process's own figures: CPU time, memory, open files.",
            "",
        ]
    )


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - what it is for

import re
from pathlib import Path

import prometheus_client
from prometheus_client.parser import text_string_to_metric_families

from bloop.telemetry.metrics import Metrics, metrics, page

ROOT = Path(__file__).resolve().parents[2]


def _values(made):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(made.render().decode())
        for sample in family.samples
    }


def test_what_is_counted_is_rendered():
    made = Metrics()
    made.requests.labels("GET", "/api/v1/items/{id}", "200").inc()
    made.plugin_state.labels("canvas", "ready").set(1)
    made.sync_records.labels("canvas", "written").inc(12)
    values = _values(made)
    assert values["bloop_http_requests_total", "/api/v1/items/{id}", "200", "GET"] == 1
    assert values["bloop_plugin_state", "canvas", "ready"] == 1
    assert values["bloop_sync_records_total", "canvas", "written"] == 12


def test_every_metric_is_ours_described_and_outside_of_the_global_registry():
    made = Metrics()
    for family in text_string_to_metric_families(made.render().decode()):
        assert family.name.startswith("bloop_")
        assert family.documentation
    everywhere = prometheus_client.generate_latest(prometheus_client.REGISTRY).decode()
    assert "bloop_" not in everywhere
    assert metrics() is metrics()


def test_gauges_are_brought_up_to_date_when_they_are_read():
    made = Metrics()
    depth = iter([7, 3])
    made.before_scrape("jobs", lambda: made.jobs.labels("default", "queued").set(next(depth)))
    assert _values(made)["bloop_jobs", "default", "queued"] == 7
    assert _values(made)["bloop_jobs", "default", "queued"] == 3


def test_a_refresh_that_fails_costs_its_values_alone():
    made = Metrics()
    made.before_scrape("broken", lambda: 1 / 0)
    made.before_scrape("good", lambda: made.db_connections.labels("busy").set(2))
    values = _values(made)
    assert values["bloop_db_connections", "busy"] == 2
    assert values["bloop_scrape_errors_total", "broken"] == 1


def test_the_page_of_the_documentation_is_what_the_metrics_say():
    text = (ROOT / "docs" / "operations" / "metrics.md").read_text("utf-8")
    assert text == page(), "stale: python -m bloop.telemetry.metrics > docs/operations/metrics.md"
    named = set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))
    assert {name for name, *_ in Metrics().described()} == named
    assert len(named) > 20

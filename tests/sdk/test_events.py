"""The envelope in which events leave the hub."""

from datetime import UTC, datetime, timedelta, timezone

from bloop_sdk import Event, Trace
from bloop_sdk.events import cloud_event

INSTITUTION = "019a21c4-0000-7000-8000-000000000001"
TRACE = Trace("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def event(**changed):
    values = {
        "id": "019a21c4-0000-7000-8000-000000000002",
        "topic": "content.item.updated",
        "institution": INSTITUTION,
        "aggregate": "item:019a",
        "sequence": 3,
        "actor": "user:019b",
        "occurred_at": datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC),
        "payload": {"id": "019a"},
        "version": 2,
        "trace": TRACE,
    }
    return Event(**(values | changed))


def test_an_event_becomes_a_cloud_event():
    assert cloud_event(event()) == {
        "specversion": "1.0",
        "id": "019a21c4-0000-7000-8000-000000000002",
        "source": f"urn:uuid:{INSTITUTION}",
        "type": "content.item.updated",
        "subject": "item:019a",
        "time": "2026-01-31T12:00:00.000005Z",
        "datacontenttype": "application/json",
        "dataschema": "bloop:event:content.item.updated:2",
        "institution": INSTITUTION,
        "sequence": "00000000000000000003",
        "actor": "user:019b",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"id": "019a"},
    }


def test_sequences_are_in_order_as_texts():
    texts = [cloud_event(event(sequence=n))["sequence"] for n in (1, 9, 10, 100, 2**63 - 1)]
    assert texts == sorted(texts)


def test_attribute_names_are_those_that_the_specification_allows():
    for name in cloud_event(event()):
        assert name.isascii()
        assert name.isalnum()
        assert name == name.lower()
        assert len(name) <= 20


def test_a_time_of_another_zone_is_told_in_utc():
    at = datetime(2026, 1, 31, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    assert cloud_event(event(occurred_at=at))["time"] == "2026-01-31T12:00:00.000000Z"


def test_an_event_of_no_trace_has_no_traceparent():
    assert "traceparent" not in cloud_event(event(trace=None))

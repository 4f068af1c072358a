"""Events as records: topic, key, envelope and headers; and those that can be none."""

from __future__ import annotations

import json

import pytest

from bloop_kafka.records import OVERHEAD_BYTES, record_of, topic_of, wanted
from bloop_sdk import MalformedRecordError
from bloop_sdk.events import cloud_event

LIMIT = 1_000_000


def size_of(record):
    parts = [record.key, record.value, *(part for pair in record.headers for part in pair)]
    return sum(len(part) for part in parts)


def test_a_family_of_events_is_a_topic():
    assert topic_of("bloop", "content.item.created") == "bloop.content"
    assert topic_of("bloop", "content.item.deleted") == "bloop.content"
    assert topic_of("school.hub", "bookmarks.kept") == "school.hub.bookmarks"


def test_the_key_is_the_aggregate_in_its_institution(make_event):
    event = make_event(aggregate="item:7")
    assert record_of(event, "bloop", LIMIT).key == f"{event.institution}/item:7".encode()


def test_the_value_is_the_envelope_and_headers_repeat_it_without_its_data(make_event):
    event = make_event(title="Wellen\nund Töne")
    record = record_of(event, "bloop", LIMIT)
    assert json.loads(record.value) == cloud_event(event)
    headers = dict(record.headers)
    assert headers.pop("content-type") == b"application/cloudevents+json; charset=UTF-8"
    told = {name.removeprefix("ce_"): text.decode() for name, text in headers.items()}
    assert told == {name: text for name, text in cloud_event(event).items() if name != "data"}
    assert all(name.startswith("ce_") for name in headers)


@pytest.mark.parametrize(
    "payload", [{"x": float("nan")}, {"x": {1, 2}}, {"x": "\ud800"}], ids=["nan", "set", "utf"]
)
def test_what_is_no_json_is_refused_by_its_id(make_event, payload):
    event = make_event(**payload)
    with pytest.raises(MalformedRecordError, match="is no JSON") as caught:
        record_of(event, "bloop", LIMIT)
    assert caught.value.ref == f"event:{event.id}"


def test_an_event_that_is_too_large_is_refused_by_its_id_and_one_byte_less_is_not(make_event):
    event = make_event(text="x" * 20_000)
    limit = size_of(record_of(event, "bloop", LIMIT)) + OVERHEAD_BYTES
    assert record_of(event, "bloop", limit)
    with pytest.raises(MalformedRecordError, match="max_message_bytes is") as caught:
        record_of(event, "bloop", limit - 1)
    assert caught.value.ref == f"event:{event.id}"


def test_events_are_chosen_by_their_type_or_what_it_begins_with():
    assert wanted("content.item.created", ["user.logged_in", "content.*"])
    assert wanted("user.logged_in", ["user.logged_in"])
    assert not wanted("user.logged_in_again", ["user.logged_in", "content.*"])
    assert wanted("anything.at.all", ["*"])

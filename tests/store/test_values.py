"""A plugin's values are its own, in each institution."""

import threading

import pytest

from bloop.store.errors import InvalidError
from bloop.store.values import MAX_VALUE_BYTES, PluginValues


def test_values_come_back_as_they_were_set(database, call):
    store = PluginValues(database, call, "p")
    for value in ({"a": [1, None, "ü"]}, "text", 0, False, [], 1.5):
        store.set("key", value)
        assert store.get("key") == value
    assert store.get("unknown") is None


def test_values_are_kept_apart(database, call, other_call):
    stores = [
        PluginValues(database, each, plugin) for each in (call, other_call) for plugin in ("p", "q")
    ]
    for number, store in enumerate(stores):
        store.set("key", number)
    assert [store.get("key") for store in stores] == [0, 1, 2, 3]
    stores[0].delete("key")
    stores[0].delete("unknown")
    assert [store.get("key") for store in stores] == [None, 1, 2, 3]


def test_keys_are_found_by_their_prefix(database, call):
    store = PluginValues(database, call, "p")
    for key in ("b", "a_1", "ax1", "a_2"):
        store.set(key, 1)
    assert store.keys() == ["a_1", "a_2", "ax1", "b"]
    assert store.keys("a_") == ["a_1", "a_2"]


def test_one_key_can_be_set_by_many_at_once(database, call):
    store = PluginValues(database, call, "p")
    failed = []

    def write(number):
        try:
            store.set("key", number)
        except Exception as err:  # noqa: BLE001 - shown below
            failed.append(err)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert store.get("key") in range(8)


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("k", {1, 2}, "not JSON"),
        ("k", "x" * MAX_VALUE_BYTES, "65538 bytes; at most 65536"),
        ("", 1, "1 to 200 characters"),
        ("k" * 201, 1, "1 to 200 characters"),
    ],
)
def test_what_cannot_be_kept_is_refused(database, call, key, value, fault):
    store = PluginValues(database, call, "p")
    with pytest.raises(InvalidError, match=fault):
        store.set(key, value)
    assert store.keys() == []

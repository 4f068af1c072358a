import tomllib

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from bloop.kernel.toml_spans import scan

DOCUMENT = '''\
# a comment with [brackets] and key = "value"
title = "x # no comment"
a.'b c'."d\\"e" = 1

[http]   # behind a header
port = 8080
hosts = [
  "a",  # ] not the end
  { name = "b", deep = [1, 2] },
]
text = """
[no.header]
no = "key" ""\\"""""
raw = \'\'\'it's [x] \'\'\'
when = 1979-05-27 07:32:00
[[plugin]]
id = "one"
[plugin.sub]
x = 1
[[plugin]]
id = 'two'
[plugin.sub]
x = 2
'''


def _lines(text):
    return {entry.path: entry.line for entry in scan(text)}


def test_every_key_is_found_on_its_line():
    assert _lines(DOCUMENT) == {
        ("title",): 2,
        ("a", "b c", 'd"e'): 3,
        ("http",): 5,
        ("http", "port"): 6,
        ("http", "hosts"): 7,
        ("http", "hosts", 0): 8,
        ("http", "hosts", 1): 9,
        ("http", "hosts", 1, "name"): 9,
        ("http", "hosts", 1, "deep"): 9,
        ("http", "hosts", 1, "deep", 0): 9,
        ("http", "hosts", 1, "deep", 1): 9,
        ("http", "text"): 11,
        ("http", "raw"): 14,
        ("http", "when"): 15,
        ("plugin", 0): 16,
        ("plugin", 0, "id"): 17,
        ("plugin", 0, "sub"): 18,
        ("plugin", 0, "sub", "x"): 19,
        ("plugin", 1): 20,
        ("plugin", 1, "id"): 21,
        ("plugin", 1, "sub"): 22,
        ("plugin", 1, "sub", "x"): 23,
    }


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_span_of_a_value_is_the_value(newline):
    text = DOCUMENT.replace("\n", newline)
    whole = tomllib.loads(text)
    pairs = [entry for entry in scan(text) if not entry.header]
    assert len(pairs) == 17
    for entry in pairs:
        value = whole
        for key in entry.path:
            value = value[key]
        assert tomllib.loads(f"v = {text[entry.value : entry.end]}") == {"v": value}


def test_an_empty_document_has_no_entries():
    assert scan("") == []
    assert scan("  # nothing\n\n") == []


def test_what_is_no_toml_is_told_instead_of_scanned():
    with pytest.raises(ValueError, match="not TOML at offset 0"):
        scan("= 1")


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=6)
VALUES = st.recursive(
    st.none().map(lambda _: True) | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


def _paths(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        if isinstance(part, dict | list):
            yield from _paths(part, (*path, key))
        else:
            yield (*path, key)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_tomlkit_writes_is_found_whole(data):
    text = tomlkit.dumps(data)
    found = {entry.path for entry in scan(text)}
    implied = {path[:length] for path in found for length in range(1, len(path))}
    assert found | implied == set(_paths(tomllib.loads(text)))

"""What a browser's form holds."""

from __future__ import annotations

import json

import pytest

from bloop_sdk import HostileInputError, MalformedRecordError, read_object
from bloop_sdk.web import MOST_FIELDS, parse_form


def test_a_repeated_name_has_its_last_value_and_all_of_them():
    form = parse_form(b"tag=a&tag=&name=B%C3%A4r+1")
    assert (form["tag"], form.all("tag"), form["name"], form["none"]) == (
        "",
        ["a", ""],
        "Bär 1",
        "",
    )


def test_no_text_holds_a_nul_or_half_of_a_pair():
    assert parse_form(b"a=x%00y")["a"] == "x\ufffdy"
    parse_form(b"a=%ED%A0%80")["a"].encode()


def test_a_form_of_too_many_fields_is_refused():
    parse_form(b"&".join([b"a=1"] * MOST_FIELDS))
    with pytest.raises(HostileInputError, match="fields"):
        parse_form(b"&".join([b"a=1"] * (MOST_FIELDS + 1)))


class Body:
    """A request of which only the body counts."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def json(self):
        return json.loads(self.text)


async def test_a_body_is_a_json_object_or_refused():
    assert await read_object(Body('{"to": 2}')) == {"to": 2}
    for text in ("", "[1]", "2", '"a"', "null", "{"):
        with pytest.raises(MalformedRecordError, match="JSON object"):
            await read_object(Body(text))

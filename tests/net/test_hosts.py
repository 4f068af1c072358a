"""Which hosts a setting opens to its plugin."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, HttpUrl, SecretStr

from bloop_sdk._http.urls import hosts_within


class Door(BaseModel):
    address: HttpUrl | str
    others: tuple[str, ...] = ()
    number: int = 7


@pytest.mark.parametrize(
    ("setting", "hosts"),
    [
        ("https://A.example/path", ["a.example"]),
        ("http://[::1]:80/", ["::1"]),
        (HttpUrl("https://a.example"), ["a.example"]),
        (["https://a.example", "https://b.example"], ["a.example", "b.example"]),
        ({"x": "https://a.example", "y": {"z": ["https://b.example"]}}, ["a.example", "b.example"]),
        (
            {"x": Door(address="https://a.example", others=("https://b.example",))},
            ["a.example", "b.example"],
        ),
        ("a.example", []),
        ("https://*", []),
        (["https://*.example", "https://?.example"], []),
        ("https://[", []),
        (SecretStr("https://a.example"), []),
        (None, []),
        ("", []),
        (7, []),
    ],
    ids=str,
)
def test_it_opens_the_hosts_of_its_urls(setting, hosts):
    assert list(hosts_within(setting)) == hosts

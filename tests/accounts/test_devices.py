"""A client's address is what the last trusted proxy says, never what the client says."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from bloop.accounts.devices import address_of

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", ["unknown"], None),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["2001:DB8::1"], "2001:db8::1"),
        ("fd00::1", ["::ffff:198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_address_behind_proxies(client, forwarded, address):
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    assert address_of({"client": (client, 1), "headers": headers}, PROXIES) == address


def test_a_request_over_a_socket_file_has_no_address():
    assert address_of({"client": None, "headers": []}, PROXIES) is None

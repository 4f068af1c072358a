import ipaddress

import pytest
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from bloop.net.guard import Guard, is_public
from bloop_sdk import Request
from bloop_sdk._http.urls import AddressRefusedError, same_host
from tests.net.conftest import status


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.9", "192.0.2.1"),
        *("192.168.1.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "168.63.129.16", "192.88.99.1"),
        *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "fe80::1", "fec0::1"),
        *("fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "2001::1", "2002:7f00:1::"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "3fff::1", "5f00::1"),
    ],
)
def test_an_address_that_is_nobodys_on_the_internet_is_refused(address):
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefusedError, match="internal address"):
        Guard().check_url(f"https://{host}:8443/x")


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_an_address_on_the_internet_is_reached(address):
    assert is_public(ipaddress.ip_address(address))


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address):
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        nat64 = address in ipaddress.ip_network("64:ff9b::/96") if address.version == 6 else False
        assert nat64 or not is_public(address)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://example.org/", "starts with 'ftp'"),
        ("file:///etc/passwd", "starts with 'file'"),
        ("//example.org/", "starts with ''"),
        ("https:///path", "not with http"),
        ("https://u:s3cr3t@example.org/", "user name or password"),
        ("https://example.org@127.0.0.1/", "user name or password"),
        ("https://example.org\\@127.0.0.1/", "backslashes"),
        ("https://example.org/a b", "spaces"),
        ("https://example.org/\r\nX: y", "control"),
        ("https://exa\tmple.org/", "control"),
        ("https://[::1/", "malformed"),
        ("https://example.org:99999/?token=s3cr3t", "malformed"),
        ("https://[fe80::1%25eth0]/", "internal address"),
    ],
)
def test_what_is_no_plain_address_is_refused_and_not_repeated(url, problem):
    with pytest.raises(AddressRefusedError, match=problem) as caught:
        Guard().check_url(url)
    assert "s3cr3t" not in str(caught.value)


def test_what_the_operator_allows_is_reached():
    guard = Guard(["LMS.campus.example.", "10.20.0.0/16", "127.0.0.1", "[::1]"])
    guard.check_url("http://10.20.3.4/")
    guard.check_url("http://127.0.0.1:8080/")
    guard.check_url("http://[::1]/")
    guard.check_address("lms.campus.example", ipaddress.ip_address("192.168.0.5"))
    for host, address in (("other.example", "192.168.0.5"), ("x.example", "127.0.0.2")):
        with pytest.raises(
            AddressRefusedError, match=f'add "{host}" to allow in .net. of hub.toml'
        ):
            guard.check_address(host, ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("/b?page=2", True),
        ("https://h.example/b", True),
        ("https://H.example:443/b", True),
        ("//h.example/b", True),
        ("https://h.example.evil.example/b", False),
        ("https://evil.example/h.example", False),
        ("https://h.example:8443/b", False),
        ("http://h.example/b", False),
        ("https://h.example@evil.example/", False),
        ("https://[bad/", False),
        ("javascript:alert(1)", False),
    ],
)
def test_a_next_link_has_to_stay_on_its_host(url, same):
    assert same_host(url, "https://h.example/a") is same


def test_an_upgrade_to_https_is_the_same_host():
    assert same_host("https://h.example/", "http://h.example/")
    assert not same_host("https://h.example/", "http://h.example:8080/")


class Names(AbstractResolver):
    """Answers each question with the next set of addresses, as a rebinding name server does."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host, port=0, family=0):
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": 2, "proto": 6, "flags": 0}
            for address in addresses
        ]

    async def close(self):
        pass


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["93.184.216.34", "169.254.169.254"]])
async def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(answer, server, connect):
    client = connect(resolver=Names(answer), allow=())
    with pytest.raises(AddressRefusedError, match=r"lms\.example leads to"):
        await client.send(Request(url=f"http://lms.example:{server.port}/"))
    assert server.seen == []


async def test_the_address_that_was_checked_is_the_one_that_is_reached(server, connect):
    # The first answer is fine, each later one is not: nobody asks a second time in between.
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    client = connect(resolver=names, allow=("127.0.0.1/32",))
    for _ in range(3):
        response = await client.send(Request(url=f"http://lms.example:{server.port}/"))
        assert response.text == "ok"
    assert names.asked == 1


async def test_a_name_that_turns_inside_later_is_refused_then(server, connect):
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    client = connect(resolver=names, allow=("127.0.0.1/32",))
    await client.send(Request(url=f"http://lms.example:{server.port}/"))
    client._transport._session.connector.clear_dns_cache()
    server.say(status(200, "bye", Connection="close"))
    await client.send(Request(url=f"http://lms.example:{server.port}/"))
    with pytest.raises(AddressRefusedError):
        await client.send(Request(url=f"http://lms.example:{server.port}/"))


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1", "localhost"])
async def test_another_spelling_of_an_internal_address_is_refused(host, connect, server):
    with pytest.raises(AddressRefusedError, match=r"internal address|is no URL"):
        await connect(allow=()).send(Request(url=f"http://{host}:{server.port}/"))
    assert server.seen == []


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "http://169.254.169.254/latest/meta-data",
        "https://evil.example/",
        "file:///etc/passwd",
        "http://[bad/",
    ],
)
async def test_a_redirect_elsewhere_is_refused(target, server, connect):
    server.say(status(302, Location=target))
    with pytest.raises(AddressRefusedError):
        await connect().send(Request(url=f"{server.url}/a", headers={"Authorization": "s3cr3t"}))
    assert len(server.seen) == 1


async def test_a_plugin_reaches_only_its_own_hosts(server, connect):
    client = connect(hosts=frozenset({"*.example.edu", "127.0.0.1"}))
    assert (await client.send(Request(url=f"{server.url}/"))).status == 200
    for url in ("https://example.edu.evil.example/", "https://evil.example/"):
        with pytest.raises(AddressRefusedError, match="none of this plugin's hosts"):
            await client.send(Request(url=url))


@pytest.mark.parametrize(
    "url", ["http://[::1/?token=s3cr3t", "http://h:99999/?token=s3cr3t", "ftp://h/?token=s3cr3t"]
)
async def test_a_client_refuses_a_malformed_url_without_repeating_it(url, connect):
    with pytest.raises(AddressRefusedError) as caught:
        await connect().send(Request(url=url))
    assert "s3cr3t" not in str(caught.value)


async def test_letters_of_a_hosts_name_may_be_large(server, connect):
    client = connect(allow=("localhost",))
    assert (await client.send(Request(url=f"HTTP://LocalHost:{server.port}/"))).text == "ok"

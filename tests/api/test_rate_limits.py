"""Who asks too often is told to wait, and nobody else is."""

from __future__ import annotations

import httpx
import pytest

from bloop.api.app import create_app
from bloop.hub import Hub
from bloop_sdk.testing.distributions import CODE, write_plugin
from tests.support.hub import log_in

CLIENT, OTHER = ("203.0.113.7", 1), ("203.0.113.8", 1)
CONTAINERS = "/api/v1/containers"
RATES = """
[access]
guests = "read"

[rates]
reads = 3
writes = 2
logins = 4
payments = 1
calls = 2
address_factor = 2
"""


@pytest.fixture
def hub_toml(tmp_path):
    """Counting asks no database, so SQLite is enough."""
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\nname = "Here"\n')
    return path


@pytest.fixture
async def open_app(hub_toml):
    """Give an app of a hub with these rates, and perhaps a Redis."""
    opened = []

    async def make(redis_url=None):
        redis = f'\n[redis]\nurl = "{redis_url}"\n' if redis_url else ""
        hub_toml.write_text(hub_toml.read_text() + RATES + redis)
        hub = Hub.open(hub_toml, "api")
        opened.append(hub)
        await hub.start()
        await hub.loaded()
        return hub, create_app(hub)

    yield make
    for hub in opened:
        await hub.stop()


async def ask(app, method="GET", path=CONTAINERS, *, client=CLIENT, token=None, **options):
    headers = options.pop("headers", {})
    if token:
        headers["authorization"] = f"Bearer {token}"
    transport = httpx.ASGITransport(app, client=client)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        return await http.request(method, path, headers=headers, **options)


async def statuses(number, *args, **options):
    return [(await ask(*args, **options)).status_code for _ in range(number)]


async def test_calls_of_other_systems_are_counted_by_themselves(open_app):
    _, app = await open_app()
    call = {"method": "POST", "path": "/in/nowhere/commerce/hooks/stripe"}
    assert await statuses(3, app, **call) == [404, 404, 429]
    assert await statuses(6, app) == [200] * 6


async def test_one_read_too_many_is_answered_with_when_to_come_again(open_app):
    _, app = await open_app()
    assert await statuses(6, app) == [200] * 6
    refused = await ask(app)
    assert refused.status_code == 429
    assert refused.json()["code"] == "too_many_requests"
    assert refused.headers["retry-after"] == "10"
    assert "cure" in refused.json()
    assert (await ask(app, client=OTHER)).status_code == 200


async def test_a_person_is_counted_beside_their_address(open_app):
    hub, app = await open_app()
    ann, bob = (log_in(hub, "educator", hub.institution).token for _ in range(2))
    assert await statuses(4, app, token=ann) == [200, 200, 200, 429]
    assert await statuses(1, app, token=ann, client=OTHER) == [429]
    # Of the address's six, the refused one has taken none.
    assert await statuses(3, app, token=bob) == [200, 200, 200]
    assert await statuses(1, app) == [429]


async def test_reads_and_changes_are_counted_apart(open_app):
    hub, app = await open_app()
    token = log_in(hub, "educator", hub.institution).token
    body = {"title": "Waves"}
    assert await statuses(3, app, "POST", token=token, json=body) == [201, 201, 429]
    assert await statuses(1, app, token=token) == [200]


async def test_tries_to_log_in_are_counted_by_address_before_they_are_tried(open_app):
    _, app = await open_app()
    got = await statuses(6, app, path="/start?token=nothing")
    assert got == [403] * 4 + [429] * 2
    assert await statuses(1, app) == [200]


async def test_neighbours_in_one_ipv6_network_are_one(open_app):
    _, app = await open_app()
    for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3"):
        assert await statuses(2, app, client=(host, 1)) == [200, 200]
    assert await statuses(1, app, client=("2001:db8::4", 1)) == [429]
    assert await statuses(1, app, client=("2001:db8:0:1::1", 1)) == [200]


async def test_an_ipv4_address_is_the_same_in_ipv6(open_app):
    _, app = await open_app()
    await statuses(6, app, client=("::ffff:203.0.113.7", 1))
    assert (await ask(app)).status_code == 429


async def test_this_machine_is_not_counted_but_what_its_proxy_brings_is(open_app):
    _, app = await open_app()
    here = ("127.0.0.1", 1)
    assert await statuses(12, app, client=here) == [200] * 12
    brought = {"x-forwarded-for": "198.51.100.9"}
    assert await statuses(6, app, client=here, headers=brought) == [200] * 6
    assert await statuses(1, app, client=here, headers=brought) == [429]


async def test_health_is_counted_like_every_read(open_app):
    _, app = await open_app()
    assert await statuses(7, app, path="/healthz") == [200] * 6 + [429]


async def test_two_processes_count_logins_together_in_redis(open_app, empty_redis_url, tmp_path):
    _, one = await open_app(empty_redis_url)
    hub = Hub.open(tmp_path / "hub.toml", "api")
    two = create_app(hub)
    path = "/start?token=nothing"
    assert await statuses(2, one, path=path) == [403, 403]
    assert await statuses(3, two, path=path) == [403, 403, 429]
    assert await statuses(1, one, path=path) == [429]
    await hub.database.close()


@pytest.mark.parametrize(
    ("redis", "expected"),
    [(None, [200, 200, 429]), ("redis://127.0.0.1:1/0", [503, 503, 503])],
    ids=["counted", "without its redis"],
)
async def test_payments_are_counted_apart_and_closed(open_app, site, hub_toml, redis, expected):
    route = {"path": "/pay", "handler": "bloop_shop.views:pay", "action": "content:read"}
    views = "async def pay(request, ctx):\n    return {}\n"
    write_plugin(
        site,
        "shop",
        code=CODE,
        files={"views.py": views},
        manifest={"contributes": {"routes": [route | {"methods": ["POST"], "rate": "payment"}]}},
    )
    with hub_toml.open("a") as file:
        file.write("\n[plugins.shop]\nenabled = true\n")
    _, app = await open_app(redis)
    assert await statuses(3, app, "POST", "/x/shop/pay") == expected


async def test_without_its_redis_nobody_logs_in_and_everything_else_goes_on(open_app):
    hub, app = await open_app("redis://127.0.0.1:1/0")
    refused = await ask(app, path="/start?token=nothing")
    assert (refused.status_code, refused.json()["code"]) == (503, "rates_unavailable")
    assert refused.headers["retry-after"] == "5"
    token = log_in(hub, "educator", hub.institution).token
    assert await statuses(3, app, "POST", token=token, json={"title": "x"}) == [201, 201, 429]
    assert (await ask(app)).status_code == 200


async def test_an_operator_sees_the_limits_their_origin_and_who_met_them(open_app, hub_toml):
    hub, app = await open_app()
    ann, op = (log_in(hub, role, hub.institution).token for role in ("educator", "operator"))
    await statuses(5, app, token=ann)
    await statuses(8, app, client=OTHER)
    answer = await ask(app, path="/api/v1/limits", token=op, client=("127.0.0.1", 1))
    assert answer.status_code == 200, answer.text
    found = {one["key"]: (one["value"], one["origin"]) for one in answer.json()["items"]}
    assert found["rates.reads"][0] == 3
    assert str(hub_toml) in found["rates.reads"][1]
    assert found["rates.uploads"][1] == "default"
    met = answer.json()["met"]
    assert [(one["kind"], one["times"]) for one in met] == [("read", 2), ("read", 2)]
    assert met[0]["who"] == OTHER[0], "who was not logged in is an address, the last first"
    assert met[1]["who"].startswith("user:")
    assert (await ask(app, path="/api/v1/limits", token=ann)).status_code in {403, 429}

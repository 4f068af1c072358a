"""Offers in a broker: few, never twice, harmless when they get lost, and without passwords."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
import traceback

import pytest
import redis

from bloop.jobs.broker import Broker, BrokerError, ping
from bloop.jobs.offers import Offers
from bloop.kernel.config import load
from bloop_sdk import ConfigError
from tests.support.ports import find_free_port

PASSWORD = "hunter2hunter2"


def wait(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def client(empty_redis_url):
    with redis.Redis.from_url(empty_redis_url) as made:
        yield made


def test_where_an_offer_lies_no_other_is_added(empty_redis_url, client):
    broker = Broker(empty_redis_url)
    for _ in range(3):
        broker.offer(["sync", "render", ""])
    assert [client.llen(name) for name in ("bloop.sync", "bloop.render", "bloop")] == [1, 1, 1]
    client.lpop("bloop.sync")
    broker.offer(["sync", "render"])
    assert (client.llen("bloop.sync"), broker.waiting(["sync", "render", ""])) == (1, 3)
    broker.close()


def test_an_offer_names_a_queue_and_carries_no_job(empty_redis_url, client):
    broker = Broker(empty_redis_url)
    broker.offer(["sync"])
    broker.close()
    import base64
    import json

    message = json.loads(client.lindex("bloop.sync", 0))
    assert message["headers"]["task"] == "bloop.run"
    assert json.loads(base64.b64decode(message["body"]))[:2] == [["sync"], {}]


def test_what_is_said_while_another_offer_is_on_its_way_goes_together(
    empty_redis_url, client, monkeypatch
):
    sent = []
    real = Broker.offer
    monkeypatch.setattr(
        Broker, "offer", lambda self, names: (sent.append(names), real(self, names))
    )
    offers = Offers(empty_redis_url)
    for number in range(500):
        offers.say("sync", f"q{number % 3}")
    offers.start()
    wait(lambda: client.llen("bloop.q2"))
    offers.stop()
    assert sent[0] == {"sync", "q0", "q1", "q2"}
    assert client.llen("bloop.sync") == 1


def test_a_broker_that_is_away_is_told_once_and_keeps_nobody_waiting(monkeypatch):
    port = find_free_port()
    offers = Offers(f"redis://:{PASSWORD}@127.0.0.1:{port}/0")
    told, tries = [], []
    monkeypatch.setattr(offers._log, "warning", lambda *what, **more: told.append((what, more)))
    real = Broker.offer
    monkeypatch.setattr(
        Broker, "offer", lambda self, names: (tries.append(names), real(self, names))
    )
    offers.start()
    for count in (1, 2):
        offers.say("sync")
        wait(lambda count=count: len(tries) == count)
    offers.stop()
    ((_, more),) = told
    assert f"127.0.0.1:{port}" in more["reason"] and more["cure"]
    assert PASSWORD not in str(told)


@pytest.mark.parametrize("scheme", ["redis://:", "amqp://somebody:"])
def test_a_password_is_in_no_error(scheme):
    port = find_free_port()
    with pytest.raises(BrokerError) as caught:
        ping(f"{scheme}{PASSWORD}@127.0.0.1:{port}")
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value.cure)
    assert f"127.0.0.1:{port}" in told
    assert PASSWORD not in told


def test_a_wrong_password_is_no_reason_to_show_it(empty_redis_url, client):
    client.config_set("requirepass", "right")
    try:
        with pytest.raises(BrokerError) as caught:
            ping(empty_redis_url.replace("redis://", f"redis://:{PASSWORD}@"))
    finally:
        client.config_set("requirepass", "")
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/x", "redis://:hun/ter2@h:6379/0", "redis://:hunter2@", "hunter2"]
)
def test_an_address_that_is_none_is_refused_without_being_shown(tmp_path, url):
    path = tmp_path / "hub.toml"
    path.write_text('[jobs]\ncarrier = "celery"\nbroker_url = { env = "BROKER" }\n')
    with pytest.raises(ConfigError) as caught:
        load(path, {"BROKER": url})
    told = "".join(traceback.format_exception(caught.value))
    assert "[jobs] broker_url: must be like redis://HOST" in told
    assert not any(part in str(caught.value) for part in ("hun", "ter2"))


def test_celery_without_a_broker_is_refused_with_what_to_write(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text('[jobs]\ncarrier = "celery"\n')
    with pytest.raises(ConfigError, match=r"hub.toml:2: \[jobs\] carrier: celery needs broker_url"):
        load(path, {})


def test_a_hub_that_carries_its_jobs_itself_imports_no_celery(tmp_path):
    code = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        import bloop.api.app, bloop.cli.main, bloop.ops.serve, bloop.ops.work
        from bloop.hub import Hub
        from bloop.ops.health import report

        async def main():
            hub = Hub.open(Path(sys.argv[1]), "api")
            await hub.start()
            await hub.loaded()
            lines = {line.name: line for line in await report(hub)}
            assert lines["broker"].ok, lines
            await hub.stop()

        asyncio.run(main())
        found = {"celery", "kombu", "billiard", "amqp"} & set(sys.modules)
        assert not found, found
    """)
    path = tmp_path / "hub.toml"
    path.write_text('[hub]\ndata_dir = "state"\n')
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)

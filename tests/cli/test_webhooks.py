from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest


@pytest.fixture
def hub_folder(hub_folder):
    """A hub that may reach this machine."""
    with (hub_folder / "hub.toml").open("a") as file:
        file.write('\n[net]\nallow = ["127.0.0.1"]\n')
    return hub_folder


@pytest.fixture
def outside():
    """The URL of a receiver that answers what ``statuses`` begins with, or 204."""
    statuses = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(statuses.pop(0) if statuses else 204)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", statuses
    server.shutdown()
    server.server_close()


def test_one_is_added_tested_rotated_and_removed(hub_folder, bloop, outside):
    url, statuses = outside
    assert bloop("webhooks", "list").out == "No events are sent anywhere.\n"
    made = bloop("webhooks", "add", url, "--name", "CRM", "--topic", "content.*", "--json").json
    assert made["secret"].startswith("whsec_")
    listed = bloop("webhooks", "list").out
    assert made["id"] in listed and "content.*" in listed and "active" in listed
    assert made["secret"] not in listed

    assert bloop("webhooks", "test", made["id"]).out == "It arrived: 204.\n"
    statuses.append(500)
    failed = bloop("webhooks", "test", made["id"], "--json")
    assert (failed.code, failed.json["status"], failed.json["delivered"]) == (1, 500, False)
    assert "it answered 500" in bloop("webhooks", "deliveries", made["id"]).out
    (one,) = bloop("webhooks", "deliveries", made["id"], "--state", "failed", "--json").json[
        "items"
    ]

    assert bloop("webhooks", "disable", made["id"]).out == "It is disabled.\n"
    refused = bloop("webhooks", "redeliver", made["id"], "--delivery", one["id"])
    assert refused.code == 1 and "switched off by hand" in refused.err
    assert bloop("webhooks", "enable", made["id"]).code == 0
    since = ("--failed-since", "2026-01-01")
    assert (
        bloop("webhooks", "redeliver", made["id"], *since).out == "A running hub sends 1 again.\n"
    )
    assert bloop("webhooks", "redeliver", made["id"], "--delivery", one["id"], "--json").json == {
        "deliveries": 1
    }
    assert bloop("webhooks", "redeliver", made["id"]).code == 2

    new = bloop("webhooks", "rotate", made["id"], "--json").json["secret"]
    assert new.startswith("whsec_") and new != made["secret"]
    assert bloop("webhooks", "remove", made["id"]).out == "It is gone.\n"
    assert bloop("webhooks", "list", "--json").json == {"items": []}
    assert bloop("webhooks", "remove", made["id"]).code == 1


def test_an_internal_address_is_refused_with_what_to_do(hub_folder, bloop):
    said = bloop("webhooks", "add", "http://10.0.0.1/", "--name", "Inside")
    assert said.code == 1 and "an internal address" in said.err and "allow in [net]" in said.err

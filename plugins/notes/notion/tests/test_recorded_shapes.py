"""What others recorded of Notion goes through the reader; the fake answers in the same shapes."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

import pytest
import yaml

from bloop_notion import notes
from bloop_notion.content import of_blocks
from bloop_notion.fields import in_trash
from bloop_notion.listing import Listing
from bloop_notion.model import Making
from bloop_sdk import Request
from bloop_sdk.testing import arrived
from plugins.notes.notion.tests.fake_notion import FakeNotion
from plugins.notes.notion.tests.fake_workspace import block, ident

PLACE = notes.Place("space", None)
ADDRESS = "https://api.notion.com/v1"


@pytest.fixture(scope="module")
def recorded(shared_data):
    """Every exchange: method, path, what was sent, status, answer."""
    found = []
    for path in sorted((shared_data / "notion-cassettes").glob("*.yaml")):
        for one in yaml.safe_load(path.read_text())["interactions"]:
            sent, answer = one["request"], one["response"]
            where = re.sub(r"[0-9a-f-]{32,36}", "ID", urlsplit(sent["uri"]).path)
            body = json.loads(sent["body"]) if sent["body"].startswith("{") else None
            said = json.loads(answer["body"]["string"])
            found.append((sent["method"], where, body, answer["status"]["code"], said))
    assert len(found) > 30
    return found


def objects(recorded, kind):
    """All objects of a kind, alone or in lists."""
    for *_, said in recorded:
        for one in [said, *(said.get("results") or [])]:
            if one.get("object") == kind:
                yield one


def test_every_recorded_object_becomes_records(recorded):
    made = 0
    for page in objects(recorded, "page"):
        said = of_blocks([], Making(page["id"]))
        note = notes.note(page, said, PLACE, {})
        assert note.title.startswith("Test ")
        assert note.updated_at
        assert note.lost == ()
        assert notes.node(page, PLACE).content == note.ref
        made += 1
    for source in objects(recorded, "data_source"):
        assert notes.node(source, PLACE).title.startswith("Test Data Source")
        listing = Listing()
        listing.take(source, {})
        assert bool(listing.entries) is not in_trash(source)
        made += 1
    for one in objects(recorded, "block"):
        said = of_blocks([{**one, "has_children": False}], Making("p"))
        assert said.markdown
        assert said.making.losses == {}
        made += 1
    for user in objects(recorded, "user"):
        if user["type"] == "bot":
            assert notes.container(user).title == "notion-sdk-py"
            made += 1
    assert made > 40


def shape(found, depth=0):
    """Names and types of what an answer holds; what differs by content is left open."""
    if isinstance(found, dict) and depth < 4:
        return {name: shape(value, depth + 1) for name, value in found.items()}
    if isinstance(found, list):
        return [shape(found[0], depth + 1)] if found else []
    return type(found).__name__


def differences(mine, theirs, where=""):
    """Where the fake's answer lacks a field or has one of another type."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        lacking = [f"{where}.{name} is lacking" for name in theirs.keys() - mine.keys()]
        both = mine.keys() & theirs.keys()
        inner = [
            one for name in both for one in differences(mine[name], theirs[name], f"{where}.{name}")
        ]
        return lacking + inner
    if isinstance(mine, list) and isinstance(theirs, list):
        return differences(mine[0], theirs[0], f"{where}[]") if mine and theirs else []
    same = mine == theirs or "NoneType" in (mine, theirs)
    return [] if same else [f"{where} is {mine} and not {theirs}"]


OPEN = re.compile(r"\.(properties|icon|parent)\b.*")
BY_TYPE = {".paragraph is lacking", ".child_database is lacking", ".results[].person is lacking"}
"""Objects of several types were recorded, and the fake's first one is of another."""


def asked(notion, method, path, body=None):
    """What the fake answers."""
    headers = {"Authorization": "Bearer good", "Notion-Version": "2025-09-03"}
    request = Request(url=f"{ADDRESS}{path}", method=method, headers=headers, json_body=body)
    return notion.respond(arrived(request)).json()


def test_the_fake_answers_in_the_recorded_shapes(recorded):
    notion = FakeNotion()
    top = notion.page("Top", block("paragraph", "p"))
    source = notion.source("Tasks", parent=top)
    notion.page("Row", parent=source)
    (own,) = [one for one in notion.blocks[top]["children"] if one != ident("database Tasks")]
    title = {"title": {"title": [{"type": "text", "text": {"content": "T"}}]}}
    parent = {"type": "page_id", "page_id": top}
    child = {"type": "paragraph", "paragraph": {"rich_text": []}}
    answers = {
        ("GET", "/v1/users/me"): asked(notion, "GET", "/users/me"),
        ("GET", "/v1/users"): asked(notion, "GET", "/users"),
        ("POST", "/v1/search"): asked(notion, "POST", "/search", {}),
        ("GET", "/v1/pages/ID"): asked(notion, "GET", f"/pages/{top}"),
        ("GET", "/v1/pages/ID/markdown"): asked(notion, "GET", f"/pages/{top}/markdown"),
        ("GET", "/v1/blocks/ID"): asked(notion, "GET", f"/blocks/{own}"),
        ("GET", "/v1/blocks/ID/children"): asked(notion, "GET", f"/blocks/{top}/children"),
        ("GET", "/v1/data_sources/ID"): asked(notion, "GET", f"/data_sources/{source}"),
        ("POST", "/v1/data_sources/ID/query"): asked(
            notion, "POST", f"/data_sources/{source}/query", {}
        ),
        ("GET", "/v1/databases/ID"): asked(notion, "GET", f"/databases/{ident('database Tasks')}"),
        ("POST", "/v1/pages"): asked(
            notion, "POST", "/pages", {"parent": parent, "properties": title}
        ),
        ("PATCH", "/v1/pages/ID"): asked(notion, "PATCH", f"/pages/{top}", {"properties": title}),
        ("PATCH", "/v1/blocks/ID/children"): asked(
            notion, "PATCH", f"/blocks/{top}/children", {"children": [child]}
        ),
        ("DELETE", "/v1/blocks/ID"): asked(notion, "DELETE", f"/blocks/{ident('page Row')}"),
        ("GET", "/v1/invalid"): asked(notion, "GET", "/invalid"),
    }
    met = set()
    for method, path, _, status, said in recorded:
        mine = answers.get((method, path))
        if mine is None or (status != 200 and path != "/v1/invalid"):
            continue
        met.add((method, path))
        wrong = [
            one
            for one in differences(shape(mine), shape(said))
            if not OPEN.match(one) and one not in BY_TYPE
        ]
        assert wrong == [], (method, path)
    assert met == set(answers)


def test_every_address_that_is_asked_for_is_in_the_description(shared_data, recorded):
    del recorded
    paths = json.loads((shared_data / "openapi" / "notion.json").read_text())["paths"]
    known = {re.sub(r"\{[^}]*\}", "ID", path): set(told) for path, told in paths.items()}
    used = {
        "GET": ["/users/me", "/users", "/pages/ID", "/pages/ID/markdown", "/blocks/ID",
                "/blocks/ID/children", "/data_sources/ID", "/databases/ID",
                "/pages/ID/properties/ID"],
        "POST": ["/search", "/data_sources/ID/query", "/pages", "/pages/ID/move"],
        "PATCH": ["/pages/ID", "/blocks/ID", "/blocks/ID/children"],
        "DELETE": ["/blocks/ID"],
    }  # fmt: skip
    for method, asked_for in used.items():
        for path in asked_for:
            assert method.lower() in known[f"/v1{path}"], (method, path)

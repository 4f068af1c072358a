"""Whatever is sent, an operation answers with what it declares, and never with a defect."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bloop.accounts.service import issue_link, use_link
from bloop.accounts.sessions import system_call
from bloop.api.app import create_app
from bloop.hub import Hub

# What tests/api/test_openapi.py holds the routes to; to make it takes longer than to collect all.
DOCUMENT = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_bytes())
OPERATIONS = [
    (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
OUTSIDE = {404, 405, 421}
"""What is answered before an operation has been found: a fuzzed path may lead elsewhere."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def of_schema(schema: dict) -> st.SearchStrategy:
    """Values that fit a schema, most of the time."""
    if "$ref" in schema:
        return of_schema(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([of_schema(part) for part in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        known = {name: of_schema(part) for name, part in schema["properties"].items()}
        needed = {name: known.pop(name) for name in schema.get("required", ())}
        return st.fixed_dictionaries(needed, optional=known)
    if kind == "array":
        return st.lists(of_schema(schema["items"]) if "items" in schema else anything, max_size=3)
    return {
        "string": texts | st.just("2026-01-31T08:00:00Z"),
        "integer": st.integers(-5, 300) | st.integers(),
        "number": st.floats() | st.integers(0, 100),
        "boolean": st.booleans(),
        "null": st.none(),
    }.get(kind, anything)


@st.composite
def requests(draw, ids):
    method, template, operation = draw(st.sampled_from(OPERATIONS))
    path, query, headers = template, {}, {}
    for parameter in operation.get("parameters", ()):
        value = draw(of_schema(parameter["schema"]))
        if parameter["in"] == "path":
            value = draw(st.sampled_from(ids * 3) | st.sampled_from(ids) | texts.filter(bool))
            path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
        elif parameter["in"] == "query":
            if draw(st.booleans()):
                query[parameter["name"]] = str(value)
        else:
            tags = ['"v1"', '"v2"', "*", 'W/"v1"', "nonsense", ""]
            headers[parameter["name"]] = draw(st.sampled_from(tags))
    body = None
    if "requestBody" in operation:
        (schema,) = [part["schema"] for part in operation["requestBody"]["content"].values()]
        body = draw(st.one_of(of_schema(schema), of_schema(schema), anything))
    return method, path, query, headers, body, operation


@contextlib.contextmanager
def served_course(folder, text=""):
    """The app of a hub on SQLite, a token of its operator, and ids that exist there."""
    path = folder / "hub.toml"
    path.write_text(text)
    hub = Hub.open(path, "api")
    hub.tables.prepare()
    hub.load_plugins()
    with hub.database.unit(system_call(hub.institution)) as unit:
        token = use_link(unit, issue_link(unit)).token
    app = create_app(hub)
    ids = asyncio.run(course(app, token))
    yield app, token, [*ids, hub.institution]
    hub.database.close_now()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    with served_course(tmp_path_factory.mktemp("fuzz")) as made:
        yield made


async def sent(app, token, method, path, **options) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    headers = {"authorization": f"Bearer {token}", **options.pop("headers", {})}
    url = "http://127.0.0.1"
    async with httpx.AsyncClient(transport=transport, base_url=url, headers=headers) as client:
        return await client.request(method, path, **options)


async def course(app, token) -> list[str]:
    """A course with two items; their ids."""
    made = await sent(app, token, "POST", "/api/v1/containers", json={"title": "Waves"})
    ids = [made.json()["id"]]
    for title in ("Sound", "Light"):
        body = {"kind": "page", "title": title, "html": "<p>x"}
        item = await sent(app, token, "POST", f"/api/v1/containers/{ids[0]}/items", json=body)
        ids.append(item.json()["id"])
    return ids


def _is_live(operation):
    """Whether an answer goes on for as long as somebody listens."""
    return "text/event-stream" in operation["responses"].get("200", {}).get("content", {})


@settings(
    max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(data=st.data())
def test_every_answer_is_a_declared_one(prepared, data):
    app, token, ids = prepared
    method, path, query, headers, body, operation = data.draw(requests(ids))
    if path == "/api/v1/session" or _is_live(operation):
        return
    options = {"params": query, "headers": headers}
    if body is not None:
        headers["content-type"] = "application/json"
        options["content"] = json.dumps(body)
    answer = asyncio.run(sent(app, token, method, path, **options))
    assert answer.status_code != 500, answer.text
    declared = {int(status) for status in operation["responses"]}
    assert answer.status_code in declared | OUTSIDE, (method, path, answer.text)
    if answer.status_code >= 400:
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["code"] and problem["trace_id"]

"""The site in memory and what the plugin reads, against Blackboard's own OpenAPI document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from fake_blackboard import SITE, FakeBlackboard
from jsonschema import Draft4Validator
from pydantic.alias_generators import to_camel

from bloop_blackboard import wire
from bloop_sdk import Authorization, Kind, Ref, Request, Response
from bloop_sdk.testing import Replica, arrived

OUTSIDE = ("/bbcswebdav/",)
"""Paths of the site that are not the API's."""

ELSEWHERE = {
    # "Data types for contentHandler" in the developers' documentation.
    ("ContentHandler", name)
    for name in (
        "url",
        "isBbPage",
        "discussionId",
        "assessmentId",
        "gradeColumnId",
        "customParameters",
        "targetId",
        "targetType",
        "file",
    )
}
"""Fields that are documented, but not in this document."""

SCHEMAS = {
    wire.Course: "CourseV2",
    wire.Term: "Term",
    wire.Role: "CourseRole",
    wire.User: "User",
    wire.Membership: "CourseMembership",
    wire.Group: "GroupV2",
    wire.GroupMembership: "GroupMembership",
    wire.Item: "Content",
    wire.Handler: "ContentHandler",
    wire.Attachment: "FileAttachment",
    wire.Column: "GradeColumnV2",
    wire.AskedQuestion: "Question",
    wire.Forum: "Discussion",
    wire.Grade: "GradeV2",
    wire.Attempt: "AttemptV2",
    wire.Announcement: "CourseAnnouncement",
    wire.CalendarItem: "CalendarItem",
    wire.Reviewed: "AggregateReviewStatus",
}


class _Loader(yaml.CSafeLoader):  # type: ignore[name-defined]
    """Without YAML 1.1's own idea of Yes and No, which are words here."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's name for it
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:bool"]
        for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


@cache
def document(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_bytes(), _Loader)


@pytest.fixture(scope="module")
def openapi(shared_data) -> OpenAPI:
    return OpenAPI(document(shared_data / "openapi" / "blackboard-learn.yaml"))


class OpenAPI:
    """The document, as far as requests and answers are checked against it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas = document["components"]["schemas"]
        # Its words: "Custom course roles may also be referenced by their IDs."
        self.schemas["CourseMembership"]["properties"]["courseRoleId"].pop("enum", None)
        self.document = document
        self.paths = {
            re.compile(re.sub(r"\{\w+\}", "[^/]+", path)): (path, verbs)
            for path, verbs in document["paths"].items()
        }

    def operation(self, method: str, path: str) -> dict[str, Any]:
        found = [pair for pattern, pair in self.paths.items() if pattern.fullmatch(path)]
        # Of /users/{id} and /users/me the one without a place to fill in.
        found.sort(key=lambda pair: pair[0].count("{"))
        assert found, f"{path} is no path of the API"
        assert method.lower() in found[0][1], f"{method} {path} is not in the API"
        return found[0][1][method.lower()]

    def faults(self, request: Request, response: Response) -> Iterator[str]:
        """What is wrong with a request and its answer."""
        path = urlsplit(request.url).path
        operation = self.operation(request.method, path)
        known = {one["name"] for one in operation.get("parameters", ())}
        for name in parse_qs(urlsplit(request.url).query):
            if name not in known:
                yield f"{path} has no parameter {name}"
        told = {str(status): answer for status, answer in operation["responses"].items()}
        if response.status == 200 and "200" in told:
            content = told["200"].get("content", {})
            if "application/json" in content:
                schema = content["application/json"]["schema"]
                yield from self.differences(schema, response.json(), path)
        elif response.status in {302, 403, 404} and str(response.status) not in told:
            yield f"{path} does not answer {response.status}"

    def differences(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        whole = {**schema, "components": self.document["components"]}
        # Dates and formats are told by the types alone.
        for error in Draft4Validator(whole).iter_errors(value):
            yield f"{where}: {error.json_path}: {error.message[:200]}"
        yield from self.unknown(schema, value, where)

    def unknown(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        """Fields of an answer that no schema has."""
        schema, name = self.resolved(schema)
        if isinstance(value, list) and "items" in schema:
            for one in value:
                yield from self.unknown(schema["items"], one, where)
        elif isinstance(value, dict) and "properties" in schema:
            for key, part in value.items():
                if key in schema["properties"]:
                    yield from self.unknown(schema["properties"][key], part, f"{where}.{key}")
                elif (name, key) not in ELSEWHERE:
                    yield f"{where}: {name} has no field {key}"

    def resolved(self, schema: dict[str, Any]) -> tuple[dict[str, Any], str]:
        name = schema.get("$ref", "").rpartition("/")[2]
        return (self.schemas[name], name) if name else (schema, "an object")


class Checked:
    """The site, each answer of which is compared with the document."""

    def __init__(self, site: FakeBlackboard, openapi: OpenAPI) -> None:
        self.site = site
        self.openapi = openapi
        self.wrong: list[str] = []
        self.seen: set[str] = set()

    async def answer(self, request: Request) -> Response:
        response = await self.site.answer(request)
        path = urlsplit(request.url).path
        if not path.startswith(OUTSIDE):
            self.seen.add(path)
            self.wrong += self.openapi.faults(request, response)
        return response


async def test_every_request_and_answer_is_one_of_the_documents(openapi, site, context):
    from bloop_blackboard.provider import BlackboardProvider
    from bloop_sdk.testing import FakeTransport, http_client

    checked = Checked(site, openapi)
    ctx = context()
    ctx.http = http_client(FakeTransport(checked))
    replica = Replica()
    await replica.run(BlackboardProvider(ctx))
    provider = BlackboardProvider(ctx)
    await provider.check()
    await provider.fetch([Ref(Kind.COURSE, "_5_1"), Ref(Kind.PERSON, "_71_1")])
    await provider.fetch([Ref(Kind.DISCUSSION, "_5_1/announcement/_31_1")])
    await provider.fetch([Ref(Kind.SUBMISSION, "_5_1/_61_1/_71_1")])
    for rows in (site.announcements, site.calendar, site.discussions, site.columns):
        rows.pop()
    site.contents.remove(site.row("_27_1"))
    await replica.run(BlackboardProvider(ctx))
    site.version = (3100, 0)
    await replica.run(BlackboardProvider(ctx))
    assert not checked.wrong
    assert {"children", "questions", "attachments", "attempts"} <= {
        path.rpartition("/")[2] for path in checked.seen
    }


async def test_the_check_finds_what_is_not_in_the_document(openapi):
    site = FakeBlackboard()
    checked = Checked(site, openapi)
    site.courses[0]["organization"] = "no"
    site.courses[0]["shoeSize"] = 43
    ask = f"{SITE}/learn/api/public/v3/courses?colour=red"
    await checked.answer(arrived(Request(url=ask, headers={"Authorization": "Bearer token-0"})))
    text = "\n".join(checked.wrong)
    assert "no parameter colour" in text
    assert "CourseV2 has no field shoeSize" in text
    assert "'no' is not of type 'boolean'" in text


@pytest.mark.parametrize("model", SCHEMAS, ids=lambda model: model.__name__)
def test_what_is_read_is_in_the_document_with_its_type(openapi, model):
    _compare(openapi, model, {"$ref": SCHEMAS[model]}, SCHEMAS[model])


def _compare(openapi, model, schema, where) -> None:
    schema, name = openapi.resolved(schema)
    for attribute, info in model.model_fields.items():
        field = to_camel(attribute)
        if (name or where, field) in ELSEWHERE:
            continue
        assert field in schema["properties"], f"{where} has no {field}"
        _compare_type(openapi, info.annotation, schema["properties"][field], f"{where}.{field}")


def _compare_type(openapi, annotation, schema, where) -> None:
    parts = [annotation, *getattr(annotation, "__args__", ())]
    nested = [one for one in parts if isinstance(one, type) and issubclass(one, wire.Wire)]
    if nested:
        _compare(openapi, nested[0], schema.get("items", schema), where)
        return
    schema, _ = openapi.resolved(schema)
    kinds = {"string": "str", "integer": "int", "boolean": "bool", "number": "float"}
    kind = "datetime" if schema.get("format") == "date-time" else kinds[schema["type"]]
    assert kind in str(annotation).lower(), f"{where} is read as {annotation}, and is {kind}"


async def test_a_login_goes_to_the_address_of_the_document(openapi, connect):
    url = connect().authorize_url(
        Authorization(redirect_uri="https://hub.example/back", state="s", verifier="v" * 43)
    )
    known = {one["name"] for one in openapi.operation("GET", urlsplit(url).path)["parameters"]}
    assert set(parse_qs(urlsplit(url).query)) <= known

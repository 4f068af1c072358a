"""Topics: what is said is declared, everywhere in the hub."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import select

import bloop
from bloop.accounts.actions import ACTIONS
from bloop.hub.catalogue import catalogue, described, personal_fields
from bloop.store.models import OutboxEvent
from bloop.store.topics import DOMAINS, Payload, Topic, UndeclaredTopicError, declare
from bloop_sdk.events import TOPICS_OF_FAMILIES

HUB = Path(bloop.__file__).parent
NAMES = {topic.name for topic in catalogue()}


def appended():
    """Where the hub's own code appends to an outbox: file, line, and what it gives as topic."""
    for file in sorted(HUB.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"append", "extend"}
                and isinstance(node.func.value, ast.Attribute)
                and node.func.value.attr == "outbox"
            ):
                yield file, node


def possible(file, node):
    """The topics that an expression can be; its names stand for any word."""
    if isinstance(node, ast.Constant):
        return {node.value}
    if isinstance(node, ast.JoinedStr):
        pattern = "".join(
            re.escape(part.value) if isinstance(part, ast.Constant) else r"[a-z_]+"
            for part in node.values
        )
        return {name for name in NAMES if re.fullmatch(pattern, name)}
    texts = set()
    for other in ast.walk(ast.parse(file.read_text())):
        if isinstance(other, ast.Assign) and ast.unparse(other.targets[0]) == node.id:
            texts |= {
                one.value
                for one in ast.walk(other.value)
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            }
    return texts or imported(file, node.id)


def imported(file, name):
    """What a name is that the file has from another one."""
    parts = file.relative_to(HUB.parent).with_suffix("").parts
    found = getattr(importlib.import_module(".".join(parts)), name, None)
    return {found} if isinstance(found, str) else set()


def test_every_topic_that_the_hub_appends_is_declared_and_every_declared_one_appended():
    said = set()
    for file, call in appended():
        if file.parts[-2:] == ("hub", "units.py"):
            continue  # What plugins say: their own topics.
        topics = possible(file, call.args[0])
        assert topics, f"{file}:{call.lineno}: can't tell which topics these are"
        said |= topics
    # The others are said by plugins of a family.
    assert said == NAMES - {name for names in TOPICS_OF_FAMILIES.values() for name in names}


def test_what_is_undeclared_or_holds_something_else_can_not_be_said(database, call):
    with database.unit(call) as unit:
        with pytest.raises(UndeclaredTopicError, match="declare it"):
            unit.outbox.append("content.item.eaten", "item:i", {})
        for payload in ({}, {"id": "u", "name": "Somebody"}, {"id": 7}):
            with pytest.raises(ValueError, match="LoggedIn") as caught:
                unit.outbox.append("user.logged_in", "user:u", payload)
            assert "Somebody" not in str(caught.value)
        unit.outbox.append("user.logged_in", "user:u", {"id": "u"})
        unit.outbox.append("bookmarks.added", "bookmark:b", {"whatever": 1})
    with database.unit(call) as unit:
        assert len(unit.session.scalars(select(OutboxEvent)).all()) == 2


def test_an_event_keeps_the_version_that_it_was_said_in(database, call, monkeypatch):
    class Eaten(Payload):
        by: Literal["cat"]

    known: dict[str, Topic] = {}
    monkeypatch.setattr("bloop.store.topics.TOPICS", known)
    declare(
        Topic(
            name="content.item.eaten",
            when="it was eaten",
            aggregate="item",
            payload=Eaten,
            action="content:read",
            example={"by": "cat"},
            version=3,
        )
    )
    with database.unit(call) as unit:
        unit.outbox.append("content.item.eaten", "item:i", {"by": "cat"})
    with database.unit(call) as unit:
        assert unit.session.scalar(select(OutboxEvent.version)) == 3


@pytest.mark.parametrize("topic", catalogue(), ids=lambda topic: topic.name)
def test_a_declaration_is_whole(topic):
    topic.payload.model_validate(topic.example)
    assert topic.action in ACTIONS
    assert topic.when and not topic.when.endswith(".")
    assert topic.name.partition(".")[0] in DOMAINS
    assert described(topic)["schema"]["additionalProperties"] is False


def test_a_topic_is_declared_once_and_by_a_domain():
    (first, *_) = catalogue()
    with pytest.raises(ValueError, match="twice"):
        declare(first)


def test_personal_fields_are_those_that_are_marked():
    by_name = {topic.name: topic for topic in catalogue()}
    assert list(personal_fields(by_name["user.logged_in"].payload)) == ["id"]
    assert list(personal_fields(by_name["content.person.created"].payload)) == ["id"]
    assert list(personal_fields(by_name["content.item.created"].payload)) == []

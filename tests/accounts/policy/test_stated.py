"""Every route and every command states its action; whatever does not is refused."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import bloop
from bloop.accounts.actions import ACTIONS, ForbiddenError
from bloop.api.app import API, PAGES, routes_of
from bloop.content import service
from bloop.content.models import Container
from bloop.hub import Hub
from bloop.store.commands import UnstatedActionError, action_of, command
from bloop.store.database import Database, in_unit
from bloop.store.unit import UnitOfWork
from bloop_sdk import PrincipalKind, Role
from tests.support.database import make_call

ROOT = Path(bloop.__file__).parent
DOMAINS = ("accounts", "content", "graph", "learning", "webhooks")
FACES = ("api", "web", "content", "accounts", "graph", "learning")

INTERNAL = {
    # Parts of commands, of the hub's own start and of whoever is not logged in yet.
    "bloop.accounts.service.end_links",
    "bloop.accounts.service.ensure_institution",
    "bloop.accounts.service.start_session",
    "bloop.accounts.identities.service.complete",
    "bloop.accounts.kept.service.look",
    "bloop.accounts.login.service.log_in",
    "bloop.accounts.people.service.add_user",
    "bloop.accounts.tokens.service.end_families",
    "bloop.accounts.tokens.service.grant",
    "bloop.accounts.tokens.service.refresh",
    "bloop.content.enrolling.service.admit",
    "bloop.content.enrolling.service.dismiss",
    "bloop.content.notes.service.expect_text",
    "bloop.content.notes.service.note",
    "bloop.content.notes.service.put_text",
    # Find whom the command line names, before a command.
    "bloop.accounts.mfa.service.people_named",
    "bloop.accounts.privacy.service.find_person",
    # Messages are written by commands, and brought by the hub.
    "bloop.accounts.messages.service.failed",
    "bloop.accounts.messages.service.opened",
    "bloop.accounts.messages.service.queue",
    "bloop.accounts.messages.service.sent",
    "bloop.content.service.check_publish",
    # Finds or makes a concept for commands and plugins, which are asked for `graph:write`.
    "bloop.graph.service.concept_called",
    # What follows from an answer is written in the unit of whoever told it, or by the hub.
    "bloop.learning.mastery.service.count",
    "bloop.learning.mastery.service.follow",
    "bloop.learning.mastery.service.hold",
    "bloop.learning.mastery.service.parameters_of",
    "bloop.learning.mastery.service.renew",
    "bloop.learning.mastery.service.restore",
    "bloop.learning.progress.service.attempted",
    "bloop.learning.progress.service.begun",
    "bloop.learning.quizzes.service.close_over",
    "bloop.learning.quizzes.service.insert_new",
    "bloop.learning.quizzes.service.keep_version",
    "bloop.learning.quizzes.service.tally",
    "bloop.learning.quizzes.service.user_of",
    "bloop.learning.quizzes.service.version_of",
    "bloop.learning.reviews.service.add_model",
    "bloop.learning.reviews.service.follow",
    "bloop.learning.reviews.service.model_of",
    "bloop.learning.reviews.service.renew",
    "bloop.learning.statements.service.find_user",
    "bloop.learning.training.service.in_use",
}
"""Functions of services that are no entries: they are called by commands or by the hub itself."""

ASKED_BY_THE_HUB = {
    ("bloop.accounts.mfa.login_routes", "login.log_in_by_passkey"),
    ("bloop.accounts.mfa.login_routes", "login.passkey_options"),
    ("bloop.accounts.mfa.login_routes", "login.take_login_challenge"),
    ("bloop.accounts.sessions", "_see"),
    ("bloop.accounts.people.join_routes", "joining.accept"),
    ("bloop.accounts.tokens.bearers", "keys.note_use"),
    ("bloop.accounts.tokens.routes", "service.refresh"),
}
"""Asked for in calls of the hub itself: for who is not logged in yet, or beside a request.

For anybody else they are refused, as :func:`bloop.store.commands.check_stated` says.
"""


def test_every_route_states_an_action_that_there_is():
    routes = routes_of((*API, *PAGES))
    assert len(routes) > 100
    assert [route.path for route in routes if route.action not in ACTIONS] == []


def modules():
    for domain in DOMAINS:
        package = importlib.import_module(f"bloop.{domain}")
        for found in pkgutil.walk_packages(package.__path__, f"bloop.{domain}."):
            if found.name.endswith(".service"):
                yield importlib.import_module(found.name)


def entries():
    """The public functions of services that take a unit of work first."""
    for module in modules():
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__module__ != module.__name__:
                continue
            first = next(iter(inspect.signature(function).parameters.values()), None)
            if first is not None and "UnitOfWork" in str(first.annotation):
                yield f"{module.__name__}.{name}", function


def test_every_entry_of_a_service_states_an_action_that_there_is():
    found = dict(entries())
    assert set(found) >= INTERNAL
    unstated = {name for name, function in found.items() if action_of(function) is None}
    assert unstated == INTERNAL, "mark it with bloop.store.commands.command"
    stated = {action_of(function) for function in found.values()} - {None}
    assert stated <= set(ACTIONS)


def calls():
    """Each call that a face passes to in_unit or run, with the module it stands in."""
    for face in FACES:
        for path in (ROOT / face).rglob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            name = ".".join(("bloop", *path.relative_to(ROOT).with_suffix("").parts))
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and (found := _command(node)) is not None:
                    yield name.removesuffix(".__init__"), found


def _command(node):
    names = [getattr(argument, "id", None) for argument in node.args]
    if "in_unit" in names:  # database.run(in_unit, database, call, command, ...)
        return node.args[names.index("in_unit") + 3]
    if getattr(node.func, "id", None) == "run" and names[:1] == ["request"]:
        return node.args[1]
    return None


def test_whatever_a_face_asks_for_states_an_action():
    checked, unstated = 0, set()
    for name, node in calls():
        text = ast.unparse(node)
        try:
            found = eval(text, vars(importlib.import_module(name)))
        except NameError:
            continue  # A parameter or a variable: refused when it is asked for.
        checked += 1
        if action_of(found) is None:
            unstated.add((name, text))
    assert unstated == ASKED_BY_THE_HUB
    assert checked > 20


def test_no_face_opens_a_unit_for_somebody_by_itself():
    """What it did there would state nothing."""
    found = [
        str(path.relative_to(ROOT))
        for face in ("api", "web")
        for path in (ROOT / face).rglob("*.py")
        if ".unit(" in path.read_text("utf-8")
    ]
    assert found == ["api/idempotency.py"]  # That a request was answered is no action of its own.


def unmarked(unit: UnitOfWork) -> str:
    return unit.institution


@command("plugins:toggle")
def marked(unit: UnitOfWork) -> str | None:
    return unit.action


@command("content:write")
def outer(unit: UnitOfWork) -> str | None:
    return marked(unit)


@pytest.fixture
def hub(hub_toml):
    hub = Hub.open(hub_toml, "cli")
    yield hub
    hub.database.close_now()


def test_a_command_without_an_action_is_refused_and_named(hub):
    with pytest.raises(UnstatedActionError, match="unmarked states no action"):
        in_unit(hub.database, make_call(), unmarked)
    system = make_call(role=Role.OPERATOR, kind=PrincipalKind.SYSTEM)
    assert in_unit(hub.database, system, unmarked) == system.institution


def test_a_command_is_for_those_who_may_do_its_action(hub):
    assert in_unit(hub.database, make_call(role=Role.OPERATOR), marked) == "plugins:toggle"
    with pytest.raises(ForbiddenError, match="may not plugins:toggle"):
        in_unit(hub.database, make_call(role=Role.ADMIN), marked)


def test_what_a_command_calls_is_part_of_it(hub):
    assert in_unit(hub.database, make_call(role=Role.EDUCATOR), outer) == "content:write"


async def test_the_judge_is_asked_when_a_command_begins_and_about_each_row(database_urls):
    asked = []

    def judge(unit, action, row=None):
        asked.append((unit.call.principal.id, action, row and row.title))
        if row is not None and row.title == "Closed":
            raise ForbiddenError("closed")

    database = Database(*database_urls, judge=judge)
    made = {}
    for title in ("Open", "Closed"):
        row = in_unit(database, make_call(), service.create_container, title=title, kind="course")
        made[title] = row.id
    change = service.update_container
    in_unit(database, make_call(), change, made["Open"], None, {"title": "Wide open"})
    with pytest.raises(ForbiddenError, match="closed"):
        in_unit(database, make_call(), change, made["Closed"], None, {"title": "Burst open"})
    with database.unit(make_call()) as unit:
        assert unit.get(Container, made["Closed"]).title == "Closed"  # No command, no question.
    await database.close()
    assert asked == [
        *[("somebody", "content:write", None)] * 3,
        ("somebody", "content:write", "Open"),
        ("somebody", "content:write", None),
        ("somebody", "content:write", "Closed"),
    ]

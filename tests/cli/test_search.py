"""``bloop search``: whatever is no command of it is a query."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import delete

from bloop.accounts.sessions import system_call
from bloop.cli.main import cli
from bloop.content import service
from bloop.content.search import index
from bloop.content.search.described import describe
from bloop.content.search.models import SearchDocument
from bloop.hub import Hub
from bloop.store.models import EVERY_INSTITUTION

pytestmark = pytest.mark.parametrize("database_urls", ["sqlite"], indirect=True)


@pytest.fixture
def bloop(hub_toml):
    hub = Hub.open(hub_toml, "cli")
    from bloop.accounts.service import ensure_institution

    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        home = ensure_institution(unit, name="Here").id
    with hub.database.unit(system_call(home)) as unit:
        course = service.create_container(unit, title="Plants")
        made = service.create_item(unit, course.id, kind="page", title="A [bold] leaf")
        describe(unit, made.id, "studio", "Here is a stem.", moments=[(0, 133.4)])
        index.refresh(unit, [course.id, made.id])
    hub.database.close_now()

    def run(*arguments):
        return CliRunner().invoke(cli, ["--config", str(hub_toml), *arguments])

    return run


def test_it_finds_drafts_and_says_what_it_took_a_word_for(bloop):
    found = bloop("search", "bold", "leaf")
    assert found.exit_code == 0, found.output
    assert "A [bold] leaf" in found.output
    assert "found for plants" in bloop("search", "plonts").output
    assert bloop("search", "xylophone").output == "Nothing was found for xylophone.\n"
    assert "in the video, 2:13: Here is a stem." in bloop("search", "stem").output
    body = json.loads(bloop("search", "leaf", "--json", "--kind", "page").output)
    assert [one["title"] for one in body["items"]] == ["A [bold] leaf"]


def test_how_far_the_indexes_are_and_a_rebuild_that_is_asked_for_once(bloop):
    (line,) = json.loads(bloop("search", "status", "--json").output)["items"]
    assert line["index"] == "database"
    jobs = {json.loads(bloop("search", "rebuild", "--json").output)["job"] for _ in range(2)}
    assert len(jobs) == 1


def test_where_nothing_is_found_it_says_that_the_index_is_behind(bloop, hub_toml):
    hub = Hub.open(hub_toml, "cli")
    with hub.database.unit(system_call(EVERY_INSTITUTION)) as unit:
        unit.session.execute(delete(SearchDocument))
    hub.database.close_now()
    assert "a hub that runs (bloop up)" in bloop("search", "leaf").output

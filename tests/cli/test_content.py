from __future__ import annotations

import pytest

from bloop.cli.output import plain
from tests.cli.conftest import write_cartridge


@pytest.fixture
def course(hub_folder, bloop, small):
    """The id of an imported course."""
    return bloop("import", small, "--json").json["containers"][0]


def test_the_list_names_each_course(course, bloop):
    (only,) = bloop("content", "list", "--json").json["items"]
    assert (only["id"], only["title"], only["state"]) == (course, "Small course", "active")
    assert course in bloop("content", "list").out


@pytest.mark.parametrize("name", ["id", "prefix", "title"])
def test_a_course_is_found_by_id_unique_beginning_or_exact_title(course, bloop, name):
    called = {"id": course, "prefix": course[:9], "title": "Small course"}[name]
    (only,) = bloop("content", "tree", called, "--json").json["items"]
    assert only["id"] == course
    (module,) = only["nodes"]
    assert [page["title"] for page in module["children"]] == ["First", "Second"]


def test_a_title_of_two_courses_asks_for_an_id(course, bloop, tmp_path):
    bloop("import", write_cartridge(tmp_path / "twin.imscc", identifier="twin"))
    said = bloop("content", "tree", "Small course")
    assert said.code == 1
    assert course in said.err and "give one of these ids" in said.err


def test_the_tree_for_people_holds_whole_ids_in_a_pipe(course, bloop):
    (only,) = bloop("content", "tree", "--json").json["items"]
    item = only["nodes"][0]["children"][0]["item"]
    assert f"First page {item}" in bloop("content", "tree").out


def test_an_item_shows_its_text_and_its_data(course, bloop):
    (only,) = bloop("content", "tree", "--json").json["items"]
    item = only["nodes"][0]["children"][0]["item"]
    assert bloop("content", "show", item, "--json").json["html"] == "<p>First.</p>"
    assert "First." in bloop("content", "show", item).out


@pytest.mark.parametrize(
    "call", ["content tree ?", "content show ?", "content undo ?", "export ? -o x"]
)
def test_what_is_not_there_is_a_failure(course, bloop, call):
    said = bloop(*call.split())
    assert said.code == 1
    assert said.err.startswith("✗ ")


def test_only_the_newest_run_is_undone_and_only_once(course, bloop, small):
    run = bloop("import", small, "--json").json["run"]
    assert bloop("content", "undo", run, "--json").json["state"] == "undone"
    assert bloop("content", "undo", run).code == 1


def test_an_empty_hub_says_what_to_do(hub_folder, bloop):
    for arguments in (["content", "list"], ["content", "tree"]):
        assert "bloop import course.imscc" in bloop(*arguments).out


def test_titles_cannot_paint_the_terminal():
    assert plain("\x1b[31mred\x1b[0m [bold]not[/]") == r"[31mred[0m \[bold]not\[/]"


def test_a_hostile_title_is_printed_as_text(hub_folder, bloop, tmp_path):
    path = write_cartridge(tmp_path / "hostile.imscc", title="[red]x[/] [/nothing]")
    assert bloop("import", path).code == 0
    assert "[red]x[/] [/nothing]" in bloop("content", "list").out
    assert "[red]x[/] [/nothing]" in bloop("content", "tree").out

"""``bloop content``: which courses there are, what is in them, and taking an import back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bloop.cli.enrolments import audience, end_enrolment, enrol, link, people
from bloop.cli.output import (
    asynchronous,
    console,
    hub_call,
    json_option,
    open_hub,
    plain,
    print_json,
    print_table,
    state,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.tree import Tree

    from bloop.hub import Hub
    from bloop_sdk import Call

PAGE = 500


@click.group()
def content() -> None:
    """Look at courses and what is in them."""


def complete_course(ctx: click.Context, _param: click.Parameter, text: str) -> list[CompletionItem]:
    """Ids and titles of courses for the shell; nothing where the hub can't be opened."""
    from click.shell_completion import CompletionItem

    from bloop.hub import Hub

    try:
        hub = Hub.open(ctx.find_root().params.get("config_path"), kind="cli")
        try:
            found = all_courses(hub, hub_call(hub))
        finally:
            hub.database.close_now()
    except Exception:  # noqa: BLE001 - a shell wants no message between two keys
        return []
    by_id = [CompletionItem(one["id"], help=one["title"]) for one in found]
    by_title = [CompletionItem(one["title"]) for one in found]
    return [item for item in by_id + by_title if item.value.startswith(text)]


course_argument = click.argument("course", required=False, shell_complete=complete_course)


@content.command("list")
@json_option
@asynchronous
async def list_courses(*, as_json: bool) -> None:
    """List all courses and notebooks, newest last."""
    async with open_hub() as hub:
        found = all_courses(hub, hub_call(hub))
    if as_json:
        print_json({"items": found})
    elif not found:
        click.echo("There is no course yet. Try: bloop import course.imscc")
    else:
        print_table(
            ("id", "title", "kind", "state"),
            [(one["id"], plain(one["title"]), one["kind"], _standing(one)) for one in found],
        )


@content.command()
@course_argument
@json_option
@asynchronous
async def tree(course: str | None, *, as_json: bool) -> None:
    """Show the outline of COURSE, or of every course.

    COURSE is an id, the beginning of one, or an exact title.
    """
    async with open_hub() as hub:
        call = hub_call(hub)
        courses = [find_course(hub, call, course)] if course else all_courses(hub, call)
        items = [{**one, "nodes": _nodes(hub, call, one["id"])} for one in courses]
    if as_json:
        print_json({"items": items})
        return
    for one in items:
        _print_tree(one)
    if not items:
        click.echo("There is no course yet. Try: bloop import course.imscc")


@content.command()
@click.argument("item")
@json_option
@asynchronous
async def show(item: str, *, as_json: bool) -> None:
    """Show ITEM, a page, quiz or whatever it is, by its id or the beginning of that."""
    async with open_hub() as hub:
        found = _item(hub, hub_call(hub), item)
    if as_json:
        print_json(found)
    else:
        _print_item(found)


@content.command()
@click.argument("run")
@json_option
@asynchronous
async def undo(run: str, *, as_json: bool) -> None:
    """Take back all that an import wrote; RUN is the id that its report ends with.

    What it added is removed, what it changed becomes what it was. Only a course's newest import
    can be taken back.
    """
    from bloop.content.history import undo_run
    from bloop.store.database import in_unit

    async with open_hub() as hub:
        call = hub_call(hub)
        done = await hub.database.run(in_unit, hub.database, call, undo_run, run)
        report = {"run": done.id, "connection": done.connection_id, "state": done.state}
    if as_json:
        print_json(report)
    else:
        click.echo("Taken back. The next import of the same file reads all of it again.")


def find_course(hub: Hub, call: Call, name: str) -> dict[str, Any]:
    """The course with this id, unique beginning of one, or exact title.

    Raises NotFoundError or, where several fit, InvalidError.
    """
    from bloop.store.errors import InvalidError, NotFoundError

    found = all_courses(hub, call)
    for fits in (
        [one for one in found if one["id"] == name],
        [one for one in found if one["title"] == name],
        [one for one in found if name and one["id"].startswith(name)],
    ):
        if len(fits) == 1:
            return fits[0]
        if fits:
            ids = ", ".join(one["id"] for one in fits[:5])
            raise InvalidError(
                f"{len(fits)} courses fit {name!r}: {ids}", cure="give one of these ids"
            )
    raise NotFoundError(f"no course {name!r}", cure="`bloop content list` shows them all")


def all_courses(hub: Hub, call: Call) -> list[dict[str, Any]]:
    """Every course and notebook, the oldest first."""
    from bloop.content.queries import CONTAINERS
    from bloop.store.statements import to_dicts

    found: list[dict[str, Any]] = []
    while True:
        after = found[-1]["id"] if found else ""
        rows = hub.database.read_now(CONTAINERS, call, after=after, limit=PAGE)
        found += to_dicts(CONTAINERS, rows)
        if len(rows) < PAGE:
            return found


def _nodes(hub: Hub, call: Call, container: str) -> list[dict[str, Any]]:
    from bloop.content.queries import TREE
    from bloop.content.tree import nested
    from bloop.store.statements import to_dicts

    rows = to_dicts(TREE, hub.database.read_now(TREE, call, container=container))
    for row in rows:
        row["title"] = row["title"] or row["item_title"] or ""
    return nested(rows)


def _item(hub: Hub, call: Call, name: str) -> dict[str, Any]:
    """One item by its id or a unique beginning of it; raises NotFoundError or InvalidError."""
    from sqlalchemy import select

    from bloop.content.models import Item
    from bloop.content.queries import ITEM
    from bloop.store.errors import InvalidError, NotFoundError

    with hub.database.unit(call) as unit:
        ids = unit.session.scalars(
            select(Item.id)
            .where(
                Item.institution_id == call.institution, Item.id.startswith(name, autoescape=True)
            )
            .order_by(Item.id)
            .limit(6)
        ).all()
    if len(ids) > 1:
        raise InvalidError(
            f"several items begin with {name!r}: {', '.join(ids[:5])}", cure="give more of the id"
        )
    rows = hub.database.read_now(ITEM, call, id=ids[0]) if ids else ()
    if not rows:
        raise NotFoundError(f"no item {name!r}", cure="`bloop content tree --json` shows their ids")
    return ITEM.as_dict(rows[0])


def _standing(one: dict[str, Any]) -> str:
    """The state, and whether learners see it."""
    draft = "" if one["published"] else " [dim]draft[/]"
    return state(one["state"]) + draft


def _print_tree(course: dict[str, Any]) -> None:
    from rich.tree import Tree

    root = Tree(f"[bold]{plain(course['title'])}[/] [dim]{course['id']}[/]", guide_style="dim")
    _grow(root, course["nodes"])
    console().print(root, soft_wrap=False)  # Long titles fold, so that no id is cut off.


def _grow(branch: Tree, nodes: list[dict[str, Any]]) -> None:
    for node in nodes:
        kind = f" [dim]{node['kind']} {node['item'] or 'not read'}[/]" if node["kind"] else ""
        marks = [node["state"]] if node["state"] != "active" else []
        marks += [] if node["published"] and node["item_published"] is not False else ["draft"]
        words = f" [yellow]{', '.join(marks)}[/]" if marks else ""
        _grow(branch.add(f"{plain(node['title'])}{kind}{words}"), node["children"])


def _print_item(item: dict[str, Any]) -> None:
    import orjson

    from bloop.content.texts import markdown_of_html

    data = orjson.loads(orjson.dumps(item["data"]))
    out = console()
    out.print(f"[bold]{plain(item['title'])}[/]")
    out.print(f"[dim]{item['kind']}[/] {_standing(item)} [dim]{item['id']}[/]")
    facts = {
        name: value
        for name, value in data.items()
        if isinstance(value, str | int | float) and value not in {"", None}
    }
    for name, value in facts.items():
        out.print(f"  [dim]{plain(name)}[/] {plain(str(value))}")
    text = markdown_of_html(item["html"] or "")
    if text:
        out.print()
        out.print("\n".join(plain(line) for line in text.splitlines()))
    for number, question in enumerate(data.get("questions", ()), start=1):
        out.print()
        out.print(f"{number}. {plain(_one_line(question['html']))} [dim]{question['kind']}[/]")
        for choice in question.get("choices", ()):
            mark = "[green]✓[/]" if (choice.get("weight") or 0) > 0 else "·"
            out.print(f"   {mark} {plain(_one_line(choice['html']))}")


def _one_line(html: str) -> str:
    from bloop.content.texts import text_of_html

    return " ".join(text_of_html(html).split())


for _command in (people, enrol, end_enrolment, audience, link):
    content.add_command(_command)

"""Forums, glossaries and books: what is in them takes requests of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from bloop_moodle.activities import Making, definition_list, dicts
from bloop_moodle.files import Files, address_of
from bloop_moodle.ledger import Made
from bloop_moodle.values import (
    body,
    flag,
    identifier,
    inner_json,
    integer,
    listed,
    moment,
    name,
    without,
)
from bloop_sdk.errors import SkippableError
from bloop_sdk.records import Discussion, JSONObject, Kind, Node, Page, Record, Ref, Skipped

PAGE = 100
_CREATED_FIRST = 4
"""``SORTORDER_CREATED_ASC``: what is added comes last, and moves nothing to another page."""
_ROUNDS = 3

_OF_THE_READER = (
    "userpictureurl",
    "usermodifiedpictureurl",
    "numunread",
    "mailed",
    "mailnow",
    "starred",
    "canreply",
    "canlock",
    "canfavourite",
    "subscribed",
)


async def forum(making: Making) -> Made:
    """``mod_forum``: the forum and its discussions, in which announcements are the news forum's."""
    files, instance = making.files, making.instance
    text = making.text(files, "intro", "introfiles")
    news = instance.get("type") == "news"
    common = making.common("istracked", "unreadpostscount", "numdiscussions")
    made = Made([Discussion(**common, html=text, announcement=news, lost=files.unknown(text))])
    for found in await _discussions(making):
        one = _discussion(making, found, files, announcement=news)
        if isinstance(one, Skipped):
            made.skipped.append(one)
        else:
            made.records.append(one)
    made.records[:0] = files.records.values()
    return made


async def _discussions(making: Making) -> list[JSONObject]:
    """All discussions. What is deleted meanwhile moves others to a page that was read already."""
    function = "mod_forum_get_forum_discussions"
    await making.moodle.need(function, "reading discussions")

    async def page(number: int) -> list[JSONObject]:
        answer = await making.moodle.call(
            function,
            forumid=making.module.instance,
            sortorder=_CREATED_FIRST,
            page=number,
            perpage=PAGE,
        )
        # What this account may not see counts for the page's length all the same.
        hidden = [
            {"discussion": one.get("itemid"), "hidden": True}
            for one in dicts(answer.get("warnings"))
            if one.get("item") == "post"
        ]
        return listed(answer, "discussions", function) + hidden

    found = await whole(page, lambda one: identifier(one.get("discussion")), PAGE)
    return [one for one in found if not one.get("hidden")]


async def whole(
    page: Callable[[int], Any], key: Callable[[JSONObject], Any], size: int
) -> list[JSONObject]:
    """All pages of a list; where there are several, read until two readings agree."""
    before: list[Any] | None = None
    found: dict[Any, JSONObject] = {}
    for _ in range(_ROUNDS):
        found, number = {}, 0
        while True:
            some = await page(number)
            new = {key(one): one for one in some if key(one) not in found}
            found |= new
            number += 1
            if len(some) < size or not new:
                break
        if number == 1 or list(found) == before:
            break
        before = list(found)
    return list(found.values())


def _discussion(
    making: Making, found: JSONObject, files: Files, *, announcement: bool
) -> Discussion | Skipped:
    number = identifier(found.get("discussion"))
    remote_id = f"{making.module.cmid}-d{number}"
    if number is None or not isinstance(found.get("message"), str):
        return Skipped(
            ref=str(Ref(Kind.DISCUSSION, remote_id)),
            reason="the discussion has no text",
            raw=without(found, *_OF_THE_READER),
        )
    for entry in dicts(found.get("messageinlinefiles")):
        files.add(entry)
    attached = [files.add(entry) for entry in dicts(found.get("attachments"))]
    text = files.linked(body(found.get("message")))
    replies = integer(found.get("numreplies"))
    hidden = _hidden(making, found)
    published = making.module.published and hidden is None
    return Discussion(
        remote_id=remote_id,
        container=making.course,
        title=name(found.get("subject") or found.get("name"), "Discussion"),
        html=text,
        attachments=tuple(file.ref for file in attached if file is not None),
        announcement=announcement,
        posted_at=moment(found.get("timestart")) or moment(found.get("created")),
        published=published,
        raw={
            **without(found, *_OF_THE_READER, "messageinlinefiles"),
            "published": published,
        },
        url=f"{making.moodle.base}/mod/forum/discuss.php?d={number}",
        remote_version=str(found.get("timemodified") or "") or None,
        created_at=moment(found.get("created")),
        updated_at=moment(found.get("timemodified")),
        lost=(*files.unknown(text), *filter(None, ("its replies" if replies else None, hidden))),
    )


def _hidden(making: Making, found: JSONObject) -> str | None:
    """Why Moodle does not show a discussion to all learners; it does to who teaches."""
    starts, ends = moment(found.get("timestart")), moment(found.get("timeend"))
    now = datetime.now(UTC)
    if (starts is not None and now < starts) or (ends is not None and ends <= now):
        return "that learners see it at another time"
    if making.module.separate and identifier(found.get("groupid")) is not None:
        return "that it is for one group"
    return None


async def glossary(making: Making) -> Made:
    """``mod_glossary``: one page of its terms, in the order of the alphabet."""
    files = making.files
    text = making.text(files, "intro", "introfiles")
    function = "mod_glossary_get_entries_by_letter"
    lost: tuple[str, ...] = ()
    entries: list[JSONObject] = []
    if await making.moodle.has(function):

        async def page(number: int) -> list[JSONObject]:
            # By letter, as a glossary may have its other orders switched off.
            arguments: JSONObject = {"id": making.module.instance, "letter": "ALL"}
            arguments |= {"from": number * PAGE, "limit": PAGE}
            answer = await making.moodle.call(function, **arguments)
            return listed(answer, "entries", function)

        entries = await whole(page, lambda one: identifier(one.get("id")), PAGE)
    else:
        lost = (f"its entries: {function} is not in the token's service",)
    entries.sort(key=lambda one: (name(one.get("concept"), "").casefold(), str(one.get("id"))))
    text += definition_list([_entry(one, files) for one in entries])
    kept = [without(one, "userpictureurl", "canedit", "candelete") for one in entries]
    common = making.common()
    common["raw"]["entries"] = kept
    record = Page(**common, html=text, lost=(*lost, *files.unknown(text)))
    return Made([*files.records.values(), record])


def _entry(entry: JSONObject, files: Files) -> tuple[str, str]:
    for inline in dicts(entry.get("definitioninlinefiles")):
        files.add(inline)
    text = files.linked(body(entry.get("definition")))
    return name(entry.get("concept"), "Entry"), text + files.attached(
        dicts(entry.get("attachments"))
    )


async def book(making: Making) -> Made:
    """``mod_book``: its chapters, in their order, as pages below its place.

    ``extra`` is the module's ``contents``: the table of contents, and each chapter's files.
    """
    module = making.module
    entries = dicts(module.entry.get("contents"))
    made = Made(list(_introduction(making)))
    toc = next((one for one in entries if one.get("filename") == "structure"), {})
    chapters = list(_chapters(inner_json(toc.get("content")), module.node_id, module.node_id))
    if not chapters and any(str(one.get("filepath")) != "/" for one in entries):
        reason = "the table of contents cannot be read"
        made.skipped.append(Skipped(ref=f"{Kind.MODULE}:{module.node_id}", reason=reason))
    for chapter in chapters:
        await _chapter(making, entries, chapter, made)
    return made


def _introduction(making: Making) -> Iterator[Record]:
    files, module = making.files, making.module
    text = making.text(files, "intro", "introfiles")
    if not text.strip():
        return
    yield from files.records.values()
    record = Page(**making.common(), html=text, lost=files.unknown(text))
    yield record
    yield Node(
        remote_id=f"{module.node_id}-intro",
        container=making.course,
        parent=module.node_id,
        position=0,
        title=record.title,
        content=record.ref,
        published=module.published,
        raw=record.raw,
    )


def _chapters(items: Any, book: str, parent: str) -> Iterator[JSONObject]:
    """The chapters of a table of contents, each after the one that it is below."""
    for position, item in enumerate(dicts(items), start=1):
        number = identifier(str(item.get("href") or "").partition("/")[0])
        if number is None:
            # Of a chapter that is hidden, Moodle lists what is below it.
            yield from _chapters(item.get("subitems"), book, parent)
            continue
        own = f"{book}-c{number}"
        yield {
            "id": number,
            "title": name(item.get("title"), f"Chapter {number}"),
            "hidden": flag(item.get("hidden")),
            "parent": parent,
            "node": own,
            "position": position,
        }
        yield from _chapters(item.get("subitems"), book, own)


async def _chapter(
    making: Making, entries: list[JSONObject], chapter: JSONObject, made: Made
) -> None:
    module, number = making.module, chapter["id"]
    files = making.files
    own = [one for one in entries if str(one.get("filepath") or "").startswith(f"/{number}/")]
    text = next((one for one in own if one.get("filename") == "index.html"), None)
    for entry in own:
        if entry is not text:
            # Moodle puts the chapter's number before the folder; links in the text don't.
            folder = str(entry["filepath"]).removeprefix(f"/{number}")
            files.add({**entry, "filepath": folder or "/"})
    address = address_of(text.get("fileurl")) if text is not None else None
    published = module.published and not chapter["hidden"]
    raw = {**chapter, "entry": text, "published": published}
    remote_id = f"{module.cmid}-c{number}"
    node = Node(
        remote_id=chapter["node"],
        container=making.course,
        parent=chapter["parent"],
        position=chapter["position"],
        title=chapter["title"],
        content=Ref(Kind.PAGE, remote_id),
        published=published,
        raw=raw,
    )
    if address is None or text is None:
        made.records.append(node)
        reason = "Moodle lists the chapter, and gives no address of its text"
        made.skipped.append(Skipped(ref=str(node.content), reason=reason, raw=raw))
        return
    try:
        html = files.linked(await making.moodle.text(address.path, chapter["title"]), number)
    except SkippableError as err:
        made.records.append(node)
        made.skipped.append(Skipped(ref=str(node.content), reason=str(err), code=err.code))
        return
    made.records += [
        *files.records.values(),
        Page(
            remote_id=remote_id,
            container=making.course,
            title=chapter["title"],
            html=html,
            published=published,
            raw={**raw, "html": html},
            updated_at=moment(text.get("timemodified")),
            lost=files.unknown(html),
        ),
        node,
    ]

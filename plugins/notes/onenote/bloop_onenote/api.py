"""What is asked of OneNote: its notebooks in one request, pages by sections, contents, resources.

https://learn.microsoft.com/graph/onenote-get-content; where the service was seen to do otherwise,
it stands beside what is done about it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from bloop_onenote.graph.client import Graph, GraphError, rows
from bloop_sdk import FatalError, MalformedRecordError, Request, Response, UnavailableError
from bloop_sdk.records import JSONObject

ROOT = "me/onenote"
PAGE = 100
"""Entries that a list of pages has at most: more is refused (20129)."""
_TRIES = 3
_NAMED = "$select=id,displayName"
# Two levels are what the service expands: a third, and $levels=max, were seen to answer 400.
_INNER = f"sections({_NAMED}),sectionGroups({_NAMED})"
TREE = f"sections({_NAMED}),sectionGroups({_NAMED};$expand={_INNER})"
_OF_PAGES = "id,title,createdDateTime,lastModifiedDateTime,level,order,links"
_TOO_MUCH = {
    "10008": "more than 5,000 notebooks, sections and section groups",
    "10013": "more than 20,000 items",
    "10016": "more unique permissions than 50,000",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page's HTML, its ink (InkML, empty for none), and when the service answered."""

    html: str
    inkml: bytes
    at: datetime | None


class OneNote:
    """The notebooks of whoever has logged in."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def me(self) -> JSONObject:
        """Who has logged in."""
        return await self._graph.get("me", {"$select": "id,displayName,userPrincipalName"})

    async def notebooks(self) -> list[JSONObject]:
        """All notebooks with what is in them, but for groups deeper than two."""
        params: dict[str, str | int] = {
            "$select": "id,displayName,createdDateTime,links",
            "$expand": TREE,
            "$top": PAGE,
            "$orderby": "createdDateTime",
        }
        return await self._listed(f"{ROOT}/notebooks", params)

    async def group(self, id_: str) -> JSONObject:
        """A section group with what is in it, two levels deep."""
        params = {"$select": "id,displayName", "$expand": TREE}
        return await self._graph.get(f"{ROOT}/sectionGroups/{_id(id_)}", params)

    async def pages(self, section: str) -> list[JSONObject]:
        """The pages of a section, from the first that was made to the last."""
        params = {"$select": _OF_PAGES, "pagelevel": "true", "$orderby": "createdDateTime"}
        return await self._listed(f"{ROOT}/sections/{_id(section)}/pages", params)

    async def newest(self, section: str, title: str | None = None) -> list[JSONObject]:
        """The newest pages of a section; with a title, as far as lists know it already."""
        params: dict[str, str | int] = {
            "$select": "id,title,createdDateTime",
            "$orderby": "createdDateTime desc",
            "$top": 5,
        }
        if title is not None:
            escaped = title.replace("'", "''")
            params["$filter"] = f"title eq '{escaped}'"
        where = f"{ROOT}/sections/{_id(section)}/pages"
        return rows(await self._graph.get(where, params), where)

    async def page(self, id_: str) -> JSONObject:
        """What a list tells of a page, and where it is."""
        params = {
            "$select": _OF_PAGES,
            "$expand": "parentSection($select=id),parentNotebook($select=id)",
            "pagelevel": "true",
        }
        return await self._graph.get(f"{ROOT}/pages/{_id(id_)}", params)

    async def content(self, id_: str) -> Page:
        """A page's content with generated ids and ink."""
        response = await self._graph.send(
            Request(
                url=self._graph.url(f"{ROOT}/pages/{_id(id_)}/content"),
                params={"includeIDs": "true", "includeinkML": "true"},
                headers={"Accept": "text/html, multipart/mixed"},
            )
        )
        html, inkml = _parts(response)
        return Page(html, inkml, _date(response.headers.get("date")))

    def resource(self, id_: str) -> AsyncIterator[bytes]:
        """The bytes of an image or a file."""
        return self._graph.stream(f"{ROOT}/resources/{_id(id_)}/$value")

    # -- changing

    async def create(self, section: str, html: str) -> JSONObject:
        """A new page of a section; its HTML is a whole document."""
        boundary = "bloop-presentation"
        while boundary in html:
            boundary += "-"
        body = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="Presentation"\r\n'
            f"Content-Type: text/html\r\n\r\n{html}\r\n--{boundary}--\r\n"
        )
        found = await self._graph.send(
            Request(
                method="POST",
                url=self._graph.url(f"{ROOT}/sections/{_id(section)}/pages"),
                headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
                body=body.encode(),
                once=True,
            )
        )
        answer: JSONObject = found.json()
        return answer

    async def patch(self, id_: str, commands: list[JSONObject]) -> None:
        """Change a page; the commands take effect together or not at all."""
        await self._graph.send(
            Request(
                method="PATCH",
                url=self._graph.url(f"{ROOT}/pages/{_id(id_)}/content"),
                json_body=commands,
                once=True,
            )
        )

    async def delete(self, id_: str) -> None:
        """Delete a page; raises MissingRecordError where it is gone."""
        await self._graph.send(
            Request(method="DELETE", url=self._graph.url(f"{ROOT}/pages/{_id(id_)}"))
        )

    async def _listed(self, where: str, params: dict[str, Any]) -> list[JSONObject]:
        """A whole list, by ``$skip``: read again where something left it meanwhile.

        What leaves a list while it is read moves others over the border between two answers; they
        would be missed, and taken for deleted.
        """
        for _ in range(_TRIES):
            found, count = await self._once(where, params)
            if len(found) >= count:
                return list(found.values())
        raise UnavailableError(f"{where} changes all the time", cure="it is tried again later")

    async def _once(self, where: str, params: dict[str, Any]) -> tuple[dict[str, JSONObject], int]:
        found: dict[str, JSONObject] = {}
        count, skip = 0, 0
        while True:
            asked = params | {"$top": PAGE, "$skip": skip, "$count": "true"}
            try:
                answer = await self._graph.get(where, asked)
            except GraphError as err:
                raise _told(err) from err
            some = rows(answer, where)
            told = answer.get("@odata.count")
            count = max(count, told if isinstance(told, int) else 0)
            found |= {identified(one, where): one for one in some}
            skip += len(some)
            # A service that gives fewer than were asked for says where it goes on.
            if not some or (len(some) < PAGE and "@odata.nextLink" not in answer):
                return found, count


def identified(found: JSONObject, where: str) -> str:
    """The id of an entity; raises UnavailableError for what has none."""
    name = found.get("id")
    if not isinstance(name, str) or not name:
        raise UnavailableError(f"{where} answered something without an id")
    return name


def _told(err: GraphError) -> Exception:
    if err.number not in _TOO_MUCH:
        return err
    return FatalError(
        f"{err.message}: the account's OneDrive holds {_TOO_MUCH[err.number]}, and OneNote lists "
        "nothing of it",
        cure="move notebooks that nobody needs elsewhere",
        code="too_much",
    )


def _id(id_: str) -> str:
    return quote(id_, safe="!-")


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def _parts(response: Response) -> tuple[str, bytes]:
    """HTML and InkML of an answer, which has parts where there may be ink."""
    kind = response.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/"):
        return response.text, b""
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    whole = BytesParser(policy=HTTP).parsebytes(head + response.body)
    if whole.defects or not whole.is_multipart():
        raise MalformedRecordError("OneNote's answer breaks off between its parts")
    html, inkml = "", b""
    for part in whole.get_payload():
        assert isinstance(part, Message)
        content = part.get_payload(decode=True)
        found = content if isinstance(content, bytes) else b""
        if part.get_content_type() == "text/html":
            html = found.decode("utf-8", "replace")
        elif "inkml" in part.get_content_type():
            inkml = found
    return html, inkml

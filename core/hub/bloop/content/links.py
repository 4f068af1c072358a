"""``bloop:`` links of stored HTML, turned into addresses of this hub when it is read.

A link names its target by kind and remote id, so that it may be stored before its target is.
``/files/CONTAINER/ID`` and ``/lessons/CONTAINER/KIND/ID`` look it up when it is followed.
"""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from bloop.content.sanitise import ID_PREFIX

_IN_JSON = re.compile(rb'(?<==\\")bloop:([a-z]{1,20}):([^\s"\'<>\\]{1,2000})')
_TO_FILE = re.compile(r'(?<==")(/(?:files/[^/"<>]+|lessons/[^/"<>]+/file)/[^"<>]{1,4000})(?=")')
_IN_HTML = re.compile(r'(?<==")bloop:([a-z]{1,20}):([^\s"\'<>\\]{1,2000})')


def resolve_json(body: bytes, container: str) -> bytes:
    """A JSON answer with the links of its HTML resolved; found in the text, without parsing it."""
    if b"bloop:" not in body:
        return body
    return _IN_JSON.sub(
        lambda match: _address(container, match[1].decode(), match[2].decode()).encode(), body
    )


def resolve_html(html: str, container: str) -> str:
    """Sanitised HTML with its links resolved."""
    if "bloop:" not in html:
        return html
    return _IN_HTML.sub(lambda match: _address(container, match[1], match[2]), html)


def file_addresses(html: str) -> Iterator[tuple[str, str, str]]:
    """The files of this hub that resolved HTML shows or links to: address, container, remote id.

    The address is the attribute's value; the same one may come again.
    """
    for match in _TO_FILE.finditer(html):
        address = entities.unescape(match[1])
        path = address.partition("#")[0].split("/")
        kept = path[2:] if path[1] == "files" else [path[2], *path[4:]]
        yield address, kept[0], unquote("/".join(kept[1:]))


def names_file(html: str, data: Mapping[str, Any], remote_id: str) -> bool:
    """Whether an item shows, links to or has attached a file: by its stored HTML and its data."""
    texts = [html]
    for question in data.get("questions", ()):
        texts += [question["html"], *(one["html"] for one in question.get("choices", ()))]
    for text in texts:
        for match in _IN_HTML.finditer(text):
            named = unquote(match[2].partition("#")[0].replace("&amp;", "&"))
            if match[1] == "file" and named == remote_id:
                return True
    attached = (
        one["remote_id"] if isinstance(one, Mapping) else str(one)
        for one in data.get("attachments", ())
    )
    return remote_id in attached


def _address(container: str, kind: str, rest: str) -> str:
    remote_id, mark, anchor = rest.partition("#")
    name = quote(unquote(remote_id.replace("&amp;", "&")), safe="/~")
    if kind == "file":
        return f"/files/{container}/{name}{mark}{quote(unquote(anchor), safe='-_.~=&')}"
    # The sanitiser has put its prefix before the names of what is linked to.
    anchor = ID_PREFIX + unquote(anchor).removeprefix(ID_PREFIX) if anchor else ""
    return f"/lessons/{container}/{kind}/{name}{mark}{quote(anchor, safe='-_.~^')}"

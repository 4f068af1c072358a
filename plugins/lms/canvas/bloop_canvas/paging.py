"""Lists of Canvas: pages joined by opaque links, and when several may be asked for at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bloop_sdk.records import JSONObject

T = TypeVar("T")

AT_ONCE = 9
"""Pages that are asked for beside each other; it bounds what is held of a list."""

_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s;,]+))*)")
_REL = re.compile(r";\s*rel\s*=\s*\"?([\w -]+)\"?", re.IGNORECASE)
_NUMBER = re.compile(r"(?<=[?&]page=)[0-9]{1,9}(?=&|$)")


def links_of(header: str) -> dict[str, str]:
    """URLs of a Link header by relation (RFC 8288)."""
    found: dict[str, str] = {}
    for match in _LINK.finditer(header):
        for relation in _REL.findall(match[2]):
            for name in relation.split():
                found.setdefault(name.lower(), match[1])
    return found


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: ``hash`` is of its body, ``moment`` the server's clock, as it says it."""

    items: Sequence[JSONObject]
    next: str | None = None
    last: str | None = None
    moment: str | None = None
    hash: str = ""


def ahead(page: Page) -> list[str]:
    """The links of the pages that follow, as many as are asked for at once; none if not sure.

    Links are opaque, so one is not made up on trust: where ``next`` and ``last`` differ in the
    number of a page alone, those between are guessed, and :meth:`Api.follow` believes an answer
    only where the one before it has led there by its own link.
    """
    if page.next is None or page.last is None:
        return []
    found = [_NUMBER.findall(url) for url in (page.next, page.last)]
    if [len(one) for one in found] != [1, 1]:
        return []
    first, last = int(found[0][0]), int(found[1][0])
    if first > last or _NUMBER.sub(str(last), page.next) != page.last:
        return []
    numbers = range(first, min(last, first + AT_ONCE - 1) + 1)
    return [_NUMBER.sub(str(number), page.next) for number in numbers]


async def together(calls: Sequence[Awaitable[T]]) -> list[T]:
    """Await all at once, in their order; the first error ends the others and is raised itself."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        await end_all(tasks)
        raise


async def end_all(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel what nobody waits for any more, and see it end."""
    ended = list(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


def groups(items: Sequence[T], size: int = AT_ONCE) -> list[Sequence[T]]:
    """A sequence in parts."""
    return [items[start : start + size] for start in range(0, len(items), size)]

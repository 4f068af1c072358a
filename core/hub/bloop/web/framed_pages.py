"""What people wrote elsewhere, as documents with an origin of their own.

A page of the hub shows each in a frame (``docs/decisions/0024-frames.md``). Whatever the HTML is,
nothing but :data:`SCRIPT` runs in it, no cookie is sent from it, and it moves no other window.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bloop.accounts import tickets
from bloop.accounts.access import Router, call_of, holder_of
from bloop.accounts.service import token_hash
from bloop.content.file_routes import show_content
from bloop.store.types import utcnow
from bloop.web import assets, lessons, reading
from bloop.web.prose import Prose, Sign, estimate, players
from bloop.web.render import locale_of, rendered, translations_of
from bloop_sdk.bidi import direction_of

router = Router(tags=["pages"])

SANDBOX = "allow-scripts allow-popups allow-popups-to-escape-sandbox"
"""What a frame may: run the one script that its policy names, and open links in windows of their
own, which are as free as any. It has no ``allow-same-origin``, without which none of this helps."""

_POLICY = (
    f"sandbox {SANDBOX}; default-src 'none'; script-src {{script}}; style-src {{style}}; "
    "style-src-attr 'unsafe-inline'; img-src 'self' data: https:; media-src 'self' https:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_EMBEDDED = {"cross-origin-resource-policy": "cross-origin"}
_READ_ACROSS = {**_EMBEDDED, "access-control-allow-origin": "*"}


@router.get("/lessons/{id}/text", action="content:read", problems=(404,), include_in_schema=False)
async def show_text(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """The text of a lesson, and the questions of a quiz."""
    lesson = await reading.lesson(request, id)
    locale = locale_of(request)
    prose = Prose(lesson["container"], signer(request))
    words = lessons.Words(locale, translations_of(locale))
    return document(
        request,
        title=lesson["title"],
        language=lesson["language"],
        html=prose.shown(lesson["html"]),
        questions=words.questions(lesson["data"], prose.shown),
    )


@router.get(
    "/courses/{id}/summary", action="content:read", problems=(404,), include_in_schema=False
)
async def show_summary(request: Request, id: str) -> Response:  # noqa: A002 - the path's word
    """What a course says of itself."""
    course = await reading.course(request, id)
    return document(
        request,
        title=course["title"],
        language=course["language"],
        html=Prose(id, signer(request)).shown(course["summary_html"]),
        lead=True,
    )


@router.get(
    f"{tickets.PATH}{{container}}/{{remote_id:path}}",
    action="content:read",
    problems=(404,),
    include_in_schema=False,
)
async def show_file(request: Request, container: str, remote_id: str) -> Response:
    """A picture, sound or film of a text; the ticket in its query says who looks at it."""
    item = await reading.referred(request, container, "file", remote_id)
    answer = await show_content(request, item)
    # Only who was given a ticket knows the address; a guest's can be guessed.
    answer.headers.update(_READ_ACROSS if holder_of(request) else _EMBEDDED)
    return answer


def framed(sources: Sequence[str], *, questions: int = 0) -> dict[str, Any]:
    """What :func:`~bloop.web.render.page` takes to show these texts in a frame."""
    found = players(sources)
    has_text = any(sources) or questions > 0
    return {
        "has_text": has_text,
        "height": estimate(sources, questions),
        "players": found,
        "frames": ["'self'", *sorted({f"https://{urlsplit(url).hostname}" for url in found})],
        "script": "framing.js" if has_text else None,
        "sandbox": SANDBOX,
    }


def signer(request: Request) -> Sign:
    """What gives addresses of files the visitor's right to read them; guests need none."""
    holder, token = holder_of(request), request.scope.get("bloop.cookie_token")
    if holder is None or holder.session is None or token is None:
        return lambda _: ""
    institution, session = call_of(request).institution, holder.session
    hashed, now = token_hash(token), utcnow().timestamp()
    return lambda path: tickets.issue(institution, session, hashed, path, now)


def document(request: Request, *, language: str | None, **values: Any) -> Response:
    """A document for a frame: its ``title``, and its ``html`` as :class:`Prose` has readied it.

    Where the ``language`` is not known, its first letter says where its lines begin.
    """
    # A browser that opens it by itself, to print it or without scripts, says so.
    alone = request.headers.get("sec-fetch-dest") == "document"
    html = rendered(
        request,
        "text.html",
        language=language or locale_of(request),
        direction=direction_of(language) if language else "auto",
        style=Markup(_inline("text.css")),  # noqa: S704  # nosec B704 - our own file
        script=Markup(_inline("text.js")),  # noqa: S704  # nosec B704 - our own file
        alone=alone,
        **{"questions": [], "lead": False, **values},
    )
    headers = {
        "content-security-policy": _policy(),
        # A sandboxed document in a window of its own is refused with any other.
        "cross-origin-opener-policy": "unsafe-none",
        "vary": "accept-language, cookie, sec-fetch-dest",
    }
    return HTMLResponse(html, headers=headers)


@lru_cache(maxsize=1)
def _policy() -> str:
    return _POLICY.format(script=_hash("text.js"), style=_hash("text.css"))


@lru_cache(maxsize=4)
def _inline(name: str) -> str:
    found = assets.read(name)
    if found is None:
        raise FileNotFoundError(name)
    return found.body.decode()


def _hash(name: str) -> str:
    digest = hashlib.sha256(_inline(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

"""The hub as an app, and without a connection: manifest, service worker, and what it has kept.

The worker (``static/worker*.js``) keeps pages and answers on the device; see docs/offline.md.
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bloop.accounts.access import Router, hub_of
from bloop.accounts.actions import VISIT
from bloop.web import assets
from bloop.web.render import locale_of, page
from bloop_sdk.bidi import direction_of

router = Router(tags=["pages"])

_SHEETS = ("bloop.css", "lesson.css", "notes.css", "quiz.css", "today.css")
KEPT_FILES = (*_SHEETS, "offline.js", "framing.js", "mark.svg")
"""What a page of the device needs besides itself."""

_POLICY = "default-src 'none'; connect-src 'self'"
_ICONS = (("icon-192.png", "192x192"), ("icon-512.png", "512x512"))


@router.get("/manifest.webmanifest", action=VISIT, include_in_schema=False)
async def manifest(request: Request) -> Response:
    """What the hub is called and looks like as an app (https://www.w3.org/TR/appmanifest)."""
    name, locale = hub_of(request).config.value.hub.name, locale_of(request)
    icons = [
        {"src": assets.asset(file), "sizes": sizes, "type": "image/png", "purpose": "any maskable"}
        for file, sizes in _ICONS
    ]
    content = {
        "id": "/",
        "name": name,
        "short_name": name[:12],
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "lang": locale,
        "dir": direction_of(locale),
        "background_color": "#ffffff",
        "theme_color": "#0b6b62",
        "icons": icons,
    }
    headers = {"cache-control": "private, max-age=3600", "vary": "accept-language, cookie"}
    return JSONResponse(content, headers=headers, media_type="application/manifest+json")


@router.get("/worker.js", action=VISIT, include_in_schema=False)
async def worker(_request: Request) -> Response:
    """The service worker; another one as soon as any file that it keeps is another."""
    found = assets.read("worker.js")
    assert found is not None  # nosec B101 - it is in the package
    files = ["/offline", *(assets.asset(name) for name in KEPT_FILES)]
    body = f"const HUB = {json.dumps({'files': files})};\n".encode() + found.body
    headers = {"cache-control": "no-cache", "content-security-policy": _POLICY}
    return Response(body, media_type="text/javascript", headers=headers)


@router.get("/offline", action=VISIT, include_in_schema=False)
async def offline(request: Request) -> Response:
    """What is on this device: pages to read, and answers that wait to be sent."""
    return await page(request, "offline.html", script="offline.js")

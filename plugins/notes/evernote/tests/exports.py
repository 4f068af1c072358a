"""Exports for tests, written as Evernote 10 writes them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bloop_evernote.config import EvernoteConfig
from bloop_evernote.provider import EvernoteProvider
from bloop_sdk.testing import FakeContext

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE en-export SYSTEM "http://xml.evernote.com/pub/evernote-export4.dtd">
<en-export export-date="20240309T065929Z" application="Evernote" version="10.78.2">
"""
TAIL = "</en-export>\n"
CREATED = "20240309T065602Z"


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def resource(data: bytes, mime: str = "image/png", name: str = "", inside: str = "") -> str:
    text = base64.encodebytes(data).decode()
    named = f"<file-name>{escape(name)}</file-name>" if name else ""
    return (
        f'<resource><data encoding="base64">\n{text}</data><mime>{mime}</mime>{inside}'
        f"<resource-attributes>{named}</resource-attributes></resource>"
    )


def media(data: bytes, mime: str = "image/png", **attributes: Any) -> str:
    more = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<en-media hash="{md5(data)}" type="{mime}"{more}/>'


def note(title: str, body: str = "", more: str = "", created: str = CREATED) -> str:
    """A note; ``body`` is ENML, ``more`` the elements behind its text."""
    made = f"<created>{created}</created>" if created else ""
    return (
        f"<note><title>{escape(title)}</title>{made}<content><![CDATA["
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        '<!DOCTYPE en-note SYSTEM "http://xml.evernote.com/pub/enml2.dtd">'
        f"<en-note>{body}</en-note>]]></content>{more}</note>\n"
    )


def export(*notes: str, tail: str = TAIL) -> str:
    return HEAD + "".join(notes) + tail


def provider_of(path: Path, **bounds: int) -> EvernoteProvider:
    return EvernoteProvider(FakeContext(source=path, config=EvernoteConfig(**bounds)))

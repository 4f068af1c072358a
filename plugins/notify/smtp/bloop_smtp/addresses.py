"""Addresses of mail, as settings and people write them."""

from __future__ import annotations

import re
import unicodedata
from email.headerregistry import Address

_WRITTEN = re.compile(r"\s*(?:(?P<name>.*?)\s*<(?P<inner>[^<>]+)>|(?P<bare>[^<>]+?))\s*")
_ADDRESS = re.compile(r'("(?:[^"\\]|\\.)+"|[^\s"(),:;<>@\[\]\\]+)@([^\s"(),:;<>@\\]+)')


def mailbox(text: str) -> Address:
    """The one address in ``text``, which may stand behind a name: ``Ada <ada@example.org>``.

    Parsers of headers take a part of what they can't read for the whole (``a@b c@d`` for ``a@b``)
    and end a name at its comma; so this refuses what is not one address. The domain comes as DNS
    knows it (IDNA 2008: ``straße.de`` is not ``strasse.de``). Raises ValueError.
    """
    written = _WRITTEN.fullmatch(text)
    found = _ADDRESS.fullmatch(written["inner"] or written["bare"]) if written else None
    if written is None or found is None or not found[0].isprintable():
        raise ValueError("not one address, like ada@example.org or Ada <ada@example.org>")
    local, domain = found.groups()
    if not domain.isascii():
        import idna

        domain = idna.encode(domain, uts46=True).decode()
    name = "".join(one for one in written["name"] or "" if unicodedata.category(one) != "Cc")
    return Address(_unquoted(name), _unquoted(local), domain)


def _unquoted(text: str) -> str:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text

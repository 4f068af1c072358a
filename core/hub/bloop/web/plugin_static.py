"""The static files of plugins: their folder ``static``, under a path that holds its hash.

One hash is of the whole folder, so that modules find each other by ``./name.js``, and what was
fetched before is never mixed with what has changed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from bloop.kernel.faults import PluginFailedError
from bloop.kernel.states import PluginState
from bloop.web.assets import Asset, packed

if TYPE_CHECKING:
    from bloop.hub import Hub

LARGEST = 1024 * 1024
"""The most bytes of one file."""
KINDS = frozenset({".js", ".css", ".svg", ".png", ".jpg", ".webp", ".woff2"})
_NAME = re.compile(r"[A-Za-z0-9][\w-]*(\.[\w-]+)+")


@dataclass(frozen=True, slots=True)
class Folder:
    """What a plugin has in its folder ``static``, by name."""

    digest: str
    files: Mapping[str, Asset]


@lru_cache(maxsize=256)
def folder_of(package: Path) -> Folder:
    """The static files of a package; read once, as its code is. Anything else there is left out."""
    files: dict[str, Asset] = {}
    found = package / "static"
    for path in sorted(found.iterdir()) if found.is_dir() else ():
        fits = _NAME.fullmatch(path.name) and path.suffix in KINDS and path.is_file()
        if fits and path.stat().st_size <= LARGEST:
            files[path.name] = packed(path.name, path.read_bytes())
    whole = hashlib.sha256("".join(f"{n}:{one.digest};" for n, one in files.items()).encode())
    return Folder(whole.hexdigest()[:8], files)


def read(hub: Hub, plugin: str, name: str) -> tuple[str, Asset] | None:
    """A file of a plugin that is ready, with its folder's hash; None where there is no such one."""
    record = hub.kernel.plugins.get(plugin)
    ready = record is not None and record.status.state is PluginState.READY
    if record is None or not ready or record.found is None or record.found.package is None:
        return None
    folder = folder_of(record.found.package)
    found = folder.files.get(name)
    return (folder.digest, found) if found else None


def addresses(hub: Hub, plugin: str, names: Iterable[str]) -> list[str]:
    """Where browsers find files of a plugin, like ``/static/studio/3f2a9c10/player.js``.

    Raises :class:`PluginFailedError`, which names what is not there.
    """
    found = []
    for name in names:
        known = read(hub, plugin, name)
        if known is None:
            raise PluginFailedError(
                f"plugin {plugin} has no file {name[:80]!r} in its folder static",
                cure="tell the plugin's author",
            )
        found.append(f"/static/{plugin}/{known[0]}/{name}")
    return found

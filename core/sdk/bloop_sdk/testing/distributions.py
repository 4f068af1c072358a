"""Whole plugins, written to disk as pip would leave them: for tests of what loads plugins.

site = tmp_path / "site"
write_plugin(site, "calendar", code='''
    from bloop_sdk import Plugin, hookimpl

    class Main(Plugin):
        @hookimpl
        def navigation(self, principal):
            return []
''', manifest={"hooks": ["navigation"]})
monkeypatch.syspath_prepend(site)
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bloop_sdk.manifest import API_VERSION, FILE_NAME

CODE = """
from bloop_sdk import Plugin

class Main(Plugin):
    pass
"""


@dataclass(frozen=True, slots=True)
class WrittenPlugin:
    """Where the parts of a written plugin are."""

    id: str
    distribution: str
    package: Path
    manifest: Path
    dist_info: Path


def write_plugin(
    site: Path,
    plugin_id: str,
    *,
    code: str = CODE,
    manifest: Mapping[str, Any] | str | None = None,
    files: Mapping[str, str] | None = None,
    distribution: str | None = None,
    version: str = "1.0",
    requires: tuple[str, ...] = (),
    package: str | None = None,
    entry_points: str | None = None,
    source: Path | None = None,
) -> WrittenPlugin:
    """Write the distribution of a plugin into the folder ``site``, as an installed wheel lies.

    ``code`` becomes the module ``<package>.plugin``, whose class ``Main`` the entry point names;
    ``files`` adds others to the package, by relative path. ``manifest`` is the file's text, or
    keys to change in one that is valid (None drops a key). ``entry_points`` replaces the lines of
    the group. With ``source`` package and manifest go there, side by side as in a source tree, and
    a ``.pth`` file in ``site`` points at it, as an editable install does.
    """
    distribution = distribution or f"bloop-{plugin_id.replace('_', '-')}"
    package = package or f"bloop_{plugin_id}"
    folder = (source or site) / package
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text("")
    for name, text in {"plugin.py": code, **(files or {})}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    path = (source or folder) / FILE_NAME
    path.write_text(manifest if isinstance(manifest, str) else _manifest(plugin_id, manifest or {}))
    info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    points = entry_points or f"{plugin_id} = {package}.plugin:Main"
    (info / "entry_points.txt").write_text(f"[bloop.plugins]\n{points}\n")
    if source is not None:
        (site / f"{info.stem}.pth").write_text(f"{source}\n")
    return WrittenPlugin(plugin_id, distribution, folder, path, info)


def _manifest(plugin_id: str, changes: Mapping[str, Any]) -> str:
    values = {
        "id": plugin_id,
        "family": "feature",
        "name": plugin_id.title(),
        "summary": f"The plugin {plugin_id}.",
        "api": ".".join(map(str, API_VERSION)),
        **changes,
    }
    return "".join(
        f"{key} = {_toml(value)}\n" for key, value in values.items() if value is not None
    )


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return json.dumps(value)

"""A plugin under test: its package, its manifest, and what that names."""

from __future__ import annotations

import importlib
import importlib.util
import tomllib
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from bloop_sdk.errors import ManifestError
from bloop_sdk.manifest import FILE_NAME, Manifest, load_manifest
from bloop_sdk.settings import PluginConfig

GROUP = "bloop.plugins"
_SITES = {"site-packages", "dist-packages"}


class PluginUnderTest:
    """A plugin by the name of its top-level package, which need not be installed."""

    def __init__(self, package: str, settings: Mapping[str, Any] | None = None) -> None:
        self.package = package
        self.settings = settings or {}

    @cached_property
    def folder(self) -> Path:
        """The package's folder; it is not imported to find it."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or not spec.submodule_search_locations:
            raise ManifestError(
                f"there is no package {self.package}", cure="pip install -e the plugin"
            )
        return Path(next(iter(spec.submodule_search_locations)))

    @cached_property
    def manifest_path(self) -> Path:
        """The manifest in the package, or beside it in a source tree."""
        inside, beside = self.folder / FILE_NAME, self.folder.parent / FILE_NAME
        if inside.is_file():
            return inside
        if self.folder.parent.name not in _SITES and beside.is_file():
            return beside
        raise ManifestError(f"no {FILE_NAME} in {self.folder} or beside it", cure="add one")

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest; raises ManifestError."""
        return load_manifest(self.manifest_path)

    def entry_point(self) -> str:
        """Where the plugin's class is, as its distribution says; ``package.module:Class``."""
        for point in entry_points(group=GROUP, name=self.manifest.id):
            if point.module.partition(".")[0] == self.package:
                return point.value
        project = self.folder.parent / "pyproject.toml"
        if project.is_file():
            named = tomllib.loads(project.read_text("utf-8")).get("project", {})
            target = named.get("entry-points", {}).get(GROUP, {}).get(self.manifest.id)
            if target:
                return str(target)
        raise AssertionError(
            f'no distribution names the plugin: [project.entry-points."{GROUP}"] needs '
            f'{self.manifest.id} = "{self.package}:..."'
        )

    def load(self, path: str) -> Any:
        """What a dotted path names; raises AssertionError where it names nothing."""
        module, _, name = path.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as err:
            raise AssertionError(f"{path}: {type(err).__name__}: {err}") from err

    @property
    def config_model(self) -> type[PluginConfig]:
        """The class of its settings."""
        model: type[PluginConfig] = PluginConfig
        if self.manifest.config is not None:
            model = self.load(self.manifest.config)
        return model

    def config(self, settings: Mapping[str, Any] | None = None) -> PluginConfig:
        """Its settings, validated; those of the plugin itself where none are given."""
        return self.config_model.model_validate({**self.settings, **(settings or {})})

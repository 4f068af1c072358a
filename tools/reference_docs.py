"""Write the tables of docs/admin/configuration.md from the models; `--check` only compares."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bloop.kernel.config_errors import nested_model, toml
from bloop.kernel.config_model import HubConfig, PluginEntry
from bloop_sdk.settings import is_secret, scope_of

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "admin" / "configuration.md"
START, END = "<!-- made from the source by `make docs` -->", "<!-- end -->"


def kind(model: type[BaseModel], name: str, info: FieldInfo) -> str:
    """What is to be written: the words of a choice, or a kind and its bounds."""
    if is_secret(model, name):
        return "secret"
    parts = (info.annotation, *get_args(info.annotation))
    choices: tuple[Any, ...] = ()
    if "Literal" in str(get_origin(info.annotation)):
        choices = get_args(info.annotation)
    if choices:
        return " or ".join(f"`{toml(choice)}`" for choice in choices)
    words = {bool: "true or false", int: "whole number", float: "number", Path: "path"}
    found = next((word for part, word in words.items() if part in parts), "text")
    if any((get_origin(part) or part) is tuple for part in parts):
        found = "list of texts"
    bounds = {
        mark: toml(getattr(part, attribute))
        for part in info.metadata
        for attribute, mark in (("gt", "above"), ("ge", "from"), ("le", "to"))
        if getattr(part, attribute, None) is not None
    }
    return " ".join([found, *(f"{mark} {bound}" for mark, bound in bounds.items())])


def table(model: type[BaseModel]) -> list[str]:
    """A table of one section's settings."""
    lines = ["| key | value | default | may be set by | what it is |", "|---|---|---|---|---|"]
    for name, info in model.model_fields.items():
        unset = info.default is None or is_secret(model, name)
        default = "" if unset else f"`{toml(info.default)}`"
        text = re.sub(r"([|*])", r"\\\1", info.description or "")
        scope = {"hub": "hub", "institution": "hub, institution"}[str(scope_of(model, name))]
        lines.append(
            f"| `{name}` | {kind(model, name, info)} | {default} | {scope} | {text}. |".replace(
                "..", "."
            )
        )
    return lines


def settings() -> str:
    """Every section of hub.toml."""
    lines = []
    for section, info in HubConfig.model_fields.items():
        model = nested_model(info)
        title = "[plugins.ID]" if section == "plugins" else f"[{section}]"
        shown = model or PluginEntry
        about = " ".join((shown.__doc__ or "").split()).replace("``", "`")
        lines += ["", f"### `{title}`", "", about, "", *table(shown)]
    return "\n".join(lines) + "\n\n"


def main() -> int:
    """Write the page, or say that it is stale."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(START)
    made = f"{before}{START}\n{settings()}{END}{rest.partition(END)[2]}"
    if "--check" in sys.argv:
        if made != page:
            print(f"{PAGE.relative_to(ROOT)} is stale; run make docs")
        return int(made != page)
    PAGE.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Write docs/plugins/{hooks,capabilities}.md from the source; `--check` only compares."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from bloop_sdk.hooks import HOOK_GROUPS, HookTraits
from bloop_sdk.providers import CAPABILITIES

FOLDER = Path(__file__).parents[1] / "docs" / "plugins"
MADE = "<!-- Made from the source by `make docs`; change the docstrings there. -->\n"


def signature(function: object, *, name: str) -> str:
    """``name(arguments) -> type`` without ``self`` and without quotes."""
    text = str(inspect.signature(function))  # type: ignore[arg-type]
    return name + re.sub(r"\(self(, )?", "(", text).replace("'", "")


def markdown(text: str) -> str:
    """A docstring's simple table and literals as Markdown."""
    lines = []
    for line in text.replace("``", "`").splitlines():
        if line.startswith("==="):
            continue
        cells = re.split(r" {2,}", line.strip())
        if len(cells) == 2:
            lines.append(f"| {cells[0]} | {cells[1]} |")
            if cells[0] == "kind":
                lines.append("| --- | --- |")
        else:
            lines.append(line)
    return "\n".join(lines)


def hooks_page() -> str:
    """Every hook by group, with its kind and what a failure means."""
    parts = [
        "# Hooks\n",
        MADE,
        "A hook is a moment with many listeners. A plugin's class implements it by a method of the",
        "same name marked `@hookimpl`, which may take fewer arguments than are listed here.\n",
        markdown(
            inspect.cleandoc(sys.modules["bloop_sdk.hooks"].__doc__ or "").split("\n\n", 2)[2]
        ),
    ]
    for title, group in HOOK_GROUPS.items():
        parts.append(f"\n## {title.capitalize()}\n\n{inspect.getdoc(group)}")
        for name, member in vars(group).items():
            traits = getattr(member, "bloop_hook", None)
            if isinstance(traits, HookTraits):
                mark = ", provisional" if traits.provisional else ""
                parts.append(f"\n### {name}\n\n`{signature(member, name=name)}`\n")
                parts.append(markdown(f"{inspect.getdoc(member)}\n"))
                parts.append(f"*{traits.kind}, fails {traits.fail}, since {traits.since}{mark}*")
    return "\n".join(parts) + "\n"


def capabilities_page() -> str:
    """Every capability with its protocol's methods."""
    parts = [
        "# Capabilities\n",
        MADE,
        "A provider does one thing with one system. The manifest names its class under",
        "`[provides]`; the hub calls it with a context and holds it to the protocol.",
    ]
    for capability in CAPABILITIES.values():
        state = "stable" if capability.stable else "provisional"
        protocol = capability.protocol
        parts.append(f"\n## `{capability.name}`\n")
        parts.append(f"`{protocol.__name__}` of `{protocol.__module__}`, {state}.\n")
        parts.append(markdown(f"{inspect.getdoc(protocol)}\n"))
        for name, member in inspect.getmembers(protocol, inspect.isfunction):
            if not name.startswith("_"):
                kind = "async " if inspect.iscoroutinefunction(member) else ""
                first = markdown((inspect.getdoc(member) or "").partition("\n")[0])
                parts.append(f"- `{kind}{signature(member, name=name)}`: {first}")
    return "\n".join(parts) + "\n"


PAGES = {"hooks.md": hooks_page, "capabilities.md": capabilities_page}


def main() -> int:
    """Write the pages, or say which are stale."""
    stale = [
        name
        for name, make in PAGES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != make()
    ]
    if "--check" in sys.argv:
        for name in stale:
            print(f"docs/plugins/{name} is stale; run make docs")
        return 1 if stale else 0
    for name in stale:
        (FOLDER / name).write_text(PAGES[name]())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

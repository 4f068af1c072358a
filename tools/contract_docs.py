"""Write docs/plugins/{hooks,capabilities}, a page for each, from the source; `--check` compares."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bloop_sdk.hooks import HOOK_GROUPS, HookTraits
from bloop_sdk.providers import CAPABILITIES, Capability

FOLDER = Path(__file__).parents[1] / "docs" / "plugins"
MADE = "<!-- Made from the source by `make docs`; change the docstrings there. -->"
FAILS = {
    "open": "the hub goes on without that plugin's answer",
    "closed": "the operation is refused, and says which plugin did not answer",
}


def signature(function: object, *, name: str) -> str:
    """``name(arguments) -> type`` without ``self`` and without quotes."""
    text = str(inspect.signature(function))  # type: ignore[arg-type]
    return name + re.sub(r"\(self(, )?", "(", text).replace("'", "")


def markdown(text: str) -> str:
    """A docstring's simple table and roles as Markdown."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    lines = []
    for line in text.splitlines():
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


def doc(thing: object) -> str:
    """The docstring as Markdown."""
    return markdown(inspect.getdoc(thing) or "")


def first_line(thing: object) -> str:
    """What a docstring says first."""
    return doc(thing).partition("\n\n")[0].replace("\n", " ")


def types_in(functions: list[Any]) -> list[type]:
    """The SDK's dataclasses and enums that signatures name, and what these hold, in that order."""
    # Python 3.11 cannot evaluate ``memoryview[float]``, which type checkers want.
    known = {"memoryview": typing.Sequence}
    found: dict[type, None] = {}
    for function in functions:
        for hint in typing.get_type_hints(function, localns=known).values():
            _collect(hint, found)
    return list(found)


def _collect(hint: Any, found: dict[type, None]) -> None:
    for part in typing.get_args(hint):
        _collect(part, found)
    if not isinstance(hint, type) or hint in found or not hint.__module__.startswith("bloop_sdk"):
        return
    if dataclasses.is_dataclass(hint):
        found[hint] = None
        for inner in typing.get_type_hints(hint).values():
            _collect(inner, found)
    elif issubclass(hint, enum.Enum):
        found[hint] = None


def type_section(kind: type) -> str:
    """A dataclass with its fields, or an enum with its values."""
    lines = [f"### {kind.__name__}", "", doc(kind), ""]
    if issubclass(kind, enum.Enum):
        lines.append("Values: " + ", ".join(f"`{member.value}`" for member in kind) + ".")
    else:
        lines += ["| field | type | default |", "| --- | --- | --- |"]
        assert dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind):
            default = "" if field.default is dataclasses.MISSING else f"`{field.default!r}`"
            if field.default_factory is not dataclasses.MISSING:
                default = f"`{getattr(field.default_factory, '__name__', '')}()`"
            lines.append(f"| `{field.name}` | `{_cell(field.type)}` | {default} |")
    return "\n".join(lines)


def _cell(annotation: Any) -> str:
    return str(annotation).replace("|", "\\|")


def hook_page(name: str, group: str, spec: Any) -> str:
    """One hook: when, what is handed over, what an answer and a failure do, and how to write it."""
    traits: HookTraits = spec.bloop_hook
    names = ", ".join(["self", *list(inspect.signature(spec).parameters)[1:]])
    state = "provisional: the hub does not call it yet" if traits.provisional else "stable"
    return "\n".join(
        [
            f"# {name}",
            "",
            MADE,
            "",
            doc(spec),
            "",
            "```python",
            signature(spec, name=name),
            "```",
            "",
            "| | |",
            "| --- | --- |",
            f"| group | {group} |",
            f"| kind | {traits.kind}: [what that means](../hooks.md) |",
            f"| when it raises | {FAILS[traits.fail]} |",
            f"| since | API {traits.since}, {state} |",
            "",
            "In the plugin's class, with `hooks = [" + f'"{name}"' + "]` in the manifest:",
            "",
            "```python",
            "@hookimpl",
            f"def {name}({names}): ...",
            "```",
            "",
            "It may leave out arguments that it does not need.",
            *_types([spec]),
            "",
        ]
    )


def _types(functions: list[Any]) -> Iterator[str]:
    kinds = types_in(functions)
    if kinds:
        yield "\n## Types\n"
        yield "\n\n".join(type_section(kind) for kind in kinds)


def methods_of(protocol: type) -> dict[str, Any]:
    """A protocol's public methods in the order of the source, those it inherits first."""
    found: dict[str, Any] = {}
    for base in reversed(protocol.__mro__):
        found |= {
            name: member
            for name, member in vars(base).items()
            if inspect.isfunction(member) and not name.startswith("_")
        }
    return found


def capability_page(capability: Capability) -> str:
    """One capability: its protocol, method by method, and the types they take and give."""
    protocol = capability.protocol
    state = "stable" if capability.stable else "provisional until its first plugin has landed"
    parts = [
        f"# {capability.name}",
        "",
        MADE,
        "",
        doc(protocol),
        "",
        f"`{protocol.__name__}` of `{protocol.__module__}`, {state}. In the manifest:",
        "",
        "```toml",
        "[provides]",
        f'{capability.name} = "bloop_example.provider:ExampleProvider"',
        "```",
        "",
        "## Methods",
        *_methods(protocol),
    ]
    for one in capability.besides:
        parts += ["", f"## {one.__name__}", "", doc(one), *_methods(one)]
    methods = [
        member for one in (protocol, *capability.besides) for member in methods_of(one).values()
    ]
    return "\n".join([*parts, *_types(methods), ""])


def _methods(protocol: type) -> Iterator[str]:
    for name, member in methods_of(protocol).items():
        kind = "async def " if inspect.iscoroutinefunction(member) else "def "
        yield from ("", f"### {name}", "", "```python", kind + signature(member, name=name), "```")
        yield from ("", doc(member))


def hook_specs() -> Iterator[tuple[str, str, Any]]:
    """Each hook as ``(group, name, spec)``."""
    for group, holder in HOOK_GROUPS.items():
        for name, member in vars(holder).items():
            if hasattr(member, "bloop_hook"):
                yield group, name, member


def hooks_index() -> str:
    """All hooks in one table, and what their kinds mean."""
    module = inspect.cleandoc(sys.modules["bloop_sdk.hooks"].__doc__ or "")
    rows = [
        f"| [`{name}`](hooks/{name}.md) | {spec.bloop_hook.kind} | {first_line(spec)} |"
        for _group, name, spec in hook_specs()
    ]
    return "\n".join(
        [
            "# Hooks",
            "",
            MADE,
            "",
            "A hook is a moment with many listeners. A plugin's class implements it by a method of",
            "the same name marked `@hookimpl`.",
            "",
            "| hook | kind | moment |",
            "| --- | --- | --- |",
            *rows,
            "",
            markdown(module.split("\n\n", 2)[2]),
            "",
        ]
    )


def capabilities_index() -> str:
    """All capabilities in one table."""
    states = {True: "stable", False: "provisional"}
    rows = [
        f"| [`{one.name}`](capabilities/{one.name}.md) | {states[one.stable]} "
        f"| {first_line(one.protocol)} |"
        for one in CAPABILITIES.values()
    ]
    lent = ", ".join(f"`{one.name}`" for one in CAPABILITIES.values() if one.lent)
    return "\n".join(
        [
            "# Capabilities",
            "",
            MADE,
            "",
            "A provider does one thing with one system. The manifest names its class under",
            "`[provides]`; the hub calls it with a context and holds it to the protocol.",
            "",
            "| capability | | what it does |",
            "| --- | --- | --- |",
            *rows,
            "",
            "## Of other plugins",
            "",
            f"A plugin may use what others have of {lent}: it names them in the manifest",
            '(`uses = ["speech"]`) and asks [`ctx.providers`](contributions.md#other-plugins).',
            "The other capabilities are for the hub alone.",
            "",
        ]
    )


def pages() -> dict[str, str]:
    """The text of every page, by its path below docs/plugins."""
    found = {"hooks.md": hooks_index(), "capabilities.md": capabilities_index()}
    found |= {f"hooks/{name}.md": hook_page(name, group, s) for group, name, s in hook_specs()}
    found |= {f"capabilities/{one.name}.md": capability_page(one) for one in CAPABILITIES.values()}
    return found


def main() -> int:
    """Write the pages, or say which are stale."""
    wanted = pages()
    stale = [
        name
        for name, text in wanted.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    kept = [path for part in ("hooks", "capabilities") for path in (FOLDER / part).glob("*.md")]
    gone = [path for path in kept if str(path.relative_to(FOLDER)) not in wanted]
    if "--check" in sys.argv:
        for name in [*stale, *(str(path.relative_to(FOLDER)) for path in gone)]:
            print(f"docs/plugins/{name} is stale; run make docs")
        return 1 if stale or gone else 0
    for name in stale:
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(wanted[name])
    for path in gone:
        path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

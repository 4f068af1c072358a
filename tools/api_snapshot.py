"""Write core/sdk/api/VERSION.json, what plugins may rely on; `--check` compares with the last one.

`--released DATE` closes the file: a released snapshot is never written again, and the next one
has the next minor version. What counts as public stands in docs/plugins/compatibility.md.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import enum
import importlib
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, ParamSpec, TypeVar, get_origin

from api_compare import compare
from pydantic import BaseModel

import bloop_sdk
from bloop_sdk.hooks import HOOK_GROUPS, hook_traits
from bloop_sdk.manifest import API_VERSION, Manifest
from bloop_sdk.providers import CAPABILITIES

FOLDER = Path(__file__).resolve().parent.parent / "core" / "sdk" / "api"
SPECIAL = ("__init__", "__call__", "__getitem__")
OVERRIDDEN = (bloop_sdk.Plugin,)
"""Classes that plugins derive from and the hub calls."""
ALIASES = ("typing", "types", "collections.abc")

Entry = dict[str, Any]


def snapshot() -> Entry:
    """All that is public of the installed ``bloop_sdk``, JSON-shaped."""
    names = dict(sorted(_names()))
    stable = _stable(names)
    for name, entry in names.items():
        entry["stable"] = name in stable
    return {
        "api": ".".join(map(str, API_VERSION)),
        "released": None,
        "exports": sorted(bloop_sdk.__all__),
        "names": names,
        "hooks": {name: _hook(name) for name in sorted(hook_traits())},
        "capabilities": {
            name: {"protocol": _full_name(capability.protocol), "stable": capability.stable}
            for name, capability in sorted(CAPABILITIES.items())
        },
        "manifest": Manifest.model_json_schema(),
        "errors": {
            member.code: name
            for name, member in sorted(vars(bloop_sdk.errors).items())
            if isinstance(member, type) and issubclass(member, bloop_sdk.BloopError)
        },
    }


def _modules() -> Iterator[ModuleType]:
    yield bloop_sdk
    for found in pkgutil.walk_packages(bloop_sdk.__path__, "bloop_sdk."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            yield importlib.import_module(found.name)


def _names() -> Iterator[tuple[str, Entry]]:
    implemented = {
        base for one in CAPABILITIES.values() for base in inspect.getmro(one.protocol)
    } | set(OVERRIDDEN)
    for module in _modules():
        for name in _defined(module):
            thing = getattr(module, name)
            if not isinstance(thing, TypeVar | ParamSpec):
                by_plugin = isinstance(thing, type) and thing in implemented
                yield f"{module.__name__}.{name}", describe(thing, by_plugin=by_plugin)


def _defined(module: ModuleType) -> Iterator[str]:
    """The public names that a module itself defines, in their order."""
    for node in ast.parse(inspect.getsource(module)).body:
        targets: list[str] = []
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            targets = [node.name]
        elif isinstance(node, ast.Assign):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            targets = [node.target.id]
        yield from (name for name in targets if not name.startswith("_"))


def describe(thing: Any, *, by_plugin: bool = False) -> Entry:
    """One public thing. ``by`` says who implements a class: the hub calls it, or the plugin."""
    if inspect.isfunction(thing):
        return {"kind": "function", **signature(thing)}
    if not isinstance(thing, type):
        if get_origin(thing) is Annotated:
            thing = thing.__origin__  # Its constraints stand in the manifest's schema.
        alias = isinstance(thing, type) or type(thing).__module__ in ALIASES
        return {"kind": "value", "type": _text(thing) if alias else type(thing).__name__}
    entry: Entry = {
        "kind": _class_kind(thing),
        "by": "plugin" if by_plugin else "hub",
        "bases": sorted(_full_name(base) for base in thing.__mro__[1:] if _ours(base)),
    }
    if issubclass(thing, enum.Enum):
        return {**entry, "values": {member.name: member.value for member in thing}}
    if entry["kind"] in {"dataclass", "model"}:
        entry["fields"] = list(_fields(thing))
    if issubclass(thing, bloop_sdk.BloopError):
        entry["code"] = thing.code
    return {**entry, "members": dict(_members(thing, entry["kind"]))}


def _class_kind(thing: type) -> str:
    if issubclass(thing, enum.Enum):
        return "enum"
    if getattr(thing, "_is_protocol", False):
        return "protocol"
    if dataclasses.is_dataclass(thing):
        return "dataclass"
    return "model" if issubclass(thing, BaseModel) else "class"


def _fields(thing: Any) -> Iterator[Entry]:
    if dataclasses.is_dataclass(thing):
        for field in dataclasses.fields(thing):
            entry = {"name": field.name, "type": _text(field.type), "positional": not field.kw_only}
            if field.default is not dataclasses.MISSING:
                entry["default"] = _value(field.default)
            elif field.default_factory is not dataclasses.MISSING:
                entry["default"] = f"{getattr(field.default_factory, '__name__', 'made')}()"
            yield entry
        return
    # What may stand in a manifest is held by its schema, which tells weaker from stricter.
    for name, info in thing.model_fields.items():
        optional = {} if info.is_required() else {"default": "by the schema"}
        yield {"name": name, "type": "by the schema", "positional": False, **optional}


def _members(thing: type, kind: str) -> Iterator[tuple[str, Entry]]:
    fields = {field["name"] for field in _fields(thing)} if kind in {"dataclass", "model"} else ()
    for name, annotation in inspect.get_annotations(thing).items():
        if not name.startswith("_") and name not in fields:
            yield name, {"kind": "attribute", "type": _text(annotation)}
    for name, member in vars(thing).items():
        own_init = name in SPECIAL and not (name == "__init__" and kind != "class")
        if name.startswith("_") and not own_init:
            continue
        if isinstance(member, property):
            returns = inspect.signature(member.fget).return_annotation if member.fget else "Any"
            yield name, {"kind": "property", "type": _text(returns)}
        elif inspect.isfunction(member):
            yield name, {"kind": "method", **signature(member)}


def signature(function: Any) -> Entry:
    """Parameters (without ``self``) and result, annotations as text."""
    found = inspect.signature(function)
    return {
        "async": inspect.iscoroutinefunction(function),
        "parameters": [
            _parameter(one) for name, one in found.parameters.items() if name not in {"self", "cls"}
        ],
        "returns": _text(found.return_annotation),
    }


def _parameter(one: inspect.Parameter) -> Entry:
    entry = {"name": one.name, "kind": one.kind.name.lower(), "type": _text(one.annotation)}
    if one.default is not inspect.Parameter.empty:
        entry["default"] = _value(one.default)
    return entry


def _hook(name: str) -> Entry:
    spec = next(vars(group)[name] for group in HOOK_GROUPS.values() if name in vars(group))
    traits = {key: str(value) for key, value in dataclasses.asdict(spec.bloop_hook).items()}
    return {**signature(spec), **traits, "stable": not spec.bloop_hook.provisional}


def _stable(names: dict[str, Entry]) -> set[str]:
    """All that stands outside of providers and test kit, and all that stable providers need."""
    stable = {
        name
        for name, entry in names.items()
        if not name.startswith(("bloop_sdk.providers.", "bloop_sdk.testing."))
    } | {_full_name(one.protocol) for one in CAPABILITIES.values() if one.stable}
    waiting = [name for name in stable if name.startswith("bloop_sdk.providers.")]
    by_name: dict[str, set[str]] = {}
    for name in names:
        by_name.setdefault(name.rpartition(".")[2], set()).add(name)
    while waiting:
        words = set(re.findall(r"\w+", json.dumps(names[waiting.pop()])))
        needed = {name for word in words for name in by_name.get(word, ())} - stable
        stable |= needed
        waiting += needed
    return stable


def _full_name(thing: type) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _ours(base: type) -> bool:
    return base.__module__.partition(".")[0] == "bloop_sdk"


def _text(annotation: Any) -> str:
    if annotation is inspect.Signature.empty:
        return "Any"
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__qualname__
    return annotation if isinstance(annotation, str) else str(annotation)


def _value(value: Any) -> str:
    if inspect.isfunction(value):
        return value.__qualname__  # Its repr is another one in each process.
    return str(value) if isinstance(value, enum.Enum) else repr(value)


def last(folder: Path = FOLDER) -> Path | None:
    """The file of the newest version."""
    files = [path for path in folder.glob("*.json") if re.fullmatch(r"\d+\.\d+", path.stem)]
    return max(files, key=lambda path: [int(part) for part in path.stem.split(".")], default=None)


def write(folder: Path, released: str | None) -> int:
    """Write the snapshot of this version, unless it is released."""
    now = snapshot()
    path = folder / f"{now['api']}.json"
    if path.exists() and json.loads(path.read_text("utf-8"))["released"]:
        print(f"{path.name} is released and stays; raise API_VERSION for what is new")
        return 1
    now["released"] = released
    path.write_text(json.dumps(now, indent=1, ensure_ascii=False, sort_keys=False) + "\n", "utf-8")
    return 0


def main() -> int:
    """Write or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    parser.add_argument("--released", metavar="DATE", help="close the file: it was released then")
    options = parser.parse_args()
    if not options.check:
        return write(FOLDER, options.released)
    path = last()
    if path is None:
        print("no snapshot yet; run make api-snapshot")
        return 1
    found = compare(json.loads(path.read_text("utf-8")), snapshot())
    for change in found:
        print(change)
    return 1 if any(change.breaks for change in found) else 0


if __name__ == "__main__":
    sys.exit(main())

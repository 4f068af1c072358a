"""What changed between two snapshots of the plugin API, and which rule that breaks.

A class that the hub implements may gain; one that plugins implement may not, since the plugins of
yesterday would lack it. What was provisional may change: it is reported and breaks nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

POSITIONAL = ("positional_only", "positional_or_keyword")
SCHEMA_FLOORS = ("minLength", "minimum", "exclusiveMinimum", "minItems")
SCHEMA_CEILINGS = ("maxLength", "maximum", "exclusiveMaximum", "maxItems")

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A change that is no addition: ``rule`` names what it breaks; ``breaks``: it may not be."""

    where: str
    rule: str
    detail: str
    breaks: bool = True

    def __str__(self) -> str:
        word = "BREAKS" if self.breaks else "provisional, changed"
        return f"{word}: {self.where}: {self.rule}: {self.detail}"


def compare(old: Entry, new: Entry) -> list[Change]:
    """Every change of ``new`` that is more than an addition to ``old``."""
    return [*_everything(old, new)]


def _everything(old: Entry, new: Entry) -> Iterator[Change]:
    for name in _gone(old["exports"], new["exports"]):
        yield Change(f"bloop_sdk.{name}", "removed name", "it is no longer exported")
    for part, rule, details in (
        ("names", "removed name", _name),
        ("hooks", "removed hook", _hook),
        ("capabilities", "removed capability", _capability),
    ):
        for name, before in old[part].items():
            after = new[part].get(name)
            where = name if part == "names" else f"{part[:-1]} {name}"
            if after is None:
                found = [Change(where, rule, "it is gone")]
            else:
                found = [*_stability(where, before, after), *details(where, before, after)]
            for change in found:
                yield replace(change, breaks=bool(before.get("stable", True)))
    for code, name in old["errors"].items():
        if new["errors"].get(code) != name:
            yield Change(name, "changed error code", f"{code!r} is now {new['errors'].get(code)}")
    yield from _schema("manifest", old["manifest"], new["manifest"])


def _stability(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    if old.get("stable") and not new.get("stable"):
        yield Change(where, "withdrawn promise", "it was stable and is now provisional")


def _gone(old: Any, new: Any) -> list[str]:
    return [name for name in old if name not in new]


def _name(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    if old["kind"] != new["kind"]:
        yield Change(where, "changed kind", f"{old['kind']} is now {new['kind']}")
        return
    if old["kind"] == "function":
        yield from _call(where, old, new, by_plugin=False)
        return
    if old["kind"] == "value":
        if old["type"] != new["type"]:
            yield Change(where, "changed type", f"{old['type']} is now {new['type']}")
        return
    for base in _gone(old["bases"], new["bases"]):
        yield Change(where, "removed base", f"it is no {base} any more")
    if old.get("code") != new.get("code"):
        yield Change(where, "changed error code", f"{old.get('code')} is now {new.get('code')}")
    for name, value in old.get("values", {}).items():
        if new.get("values", {}).get(name) != value:
            yield Change(f"{where}.{name}", "removed value", f"{value!r} is gone or changed")
    yield from _fields(where, old.get("fields", []), new.get("fields", []))
    yield from _members(where, old, new)


def _members(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    by_plugin = old.get("by") == "plugin"
    for name, before in old.get("members", {}).items():
        after = new["members"].get(name)
        at = f"{where}.{name}"
        if after is None:
            yield Change(at, "removed member", "it is gone")
        elif before["kind"] != after["kind"]:
            yield Change(at, "changed kind", f"{before['kind']} is now {after['kind']}")
        elif before["kind"] == "method":
            yield from _call(at, before, after, by_plugin=by_plugin)
        else:
            yield from _annotation(at, before["type"], after["type"], given=by_plugin)
    if by_plugin and old["kind"] == "protocol":
        for name in _gone(new["members"], old["members"]):
            yield Change(f"{where}.{name}", "new member to implement", "older plugins lack it")


def _call(
    where: str, old: Entry, new: Entry, *, by_plugin: bool, may_grow: bool = True
) -> Iterator[Change]:
    """A signature. Of what plugins implement the hub gives the arguments and takes the result."""
    if old["async"] != new["async"]:
        yield Change(where, "changed kind", "async def and def were exchanged")
    before = {one["name"]: one for one in old["parameters"]}
    after = {one["name"]: one for one in new["parameters"]}
    for name in _gone(before, after):
        yield Change(f"{where}({name})", "removed parameter", "it is gone")
    for name, parameter in before.items():
        if name in after:
            yield from _parameter(f"{where}({name})", parameter, after[name], by_plugin=by_plugin)
    for name in _gone(after, before):
        if "default" not in after[name] and not after[name]["kind"].startswith("var_"):
            if not (by_plugin and may_grow and where.startswith("hook ")):
                yield Change(f"{where}({name})", "new required parameter", "give it a default")
        elif by_plugin:
            yield Change(f"{where}({name})", "new parameter to implement", "older plugins lack it")
    yield from _order(where, old["parameters"], new["parameters"], POSITIONAL)
    yield from _annotation(f"{where} ->", old["returns"], new["returns"], given=by_plugin)


def _parameter(where: str, old: Entry, new: Entry, *, by_plugin: bool) -> Iterator[Change]:
    if old["kind"] != new["kind"] and (old["kind"], new["kind"]) != (
        "positional_only",
        "positional_or_keyword",
    ):
        yield Change(where, "changed kind of parameter", f"{old['kind']} is now {new['kind']}")
    yield from _default(where, old, new)
    yield from _annotation(where, old["type"], new["type"], given=not by_plugin)


def _default(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    if "default" in old and old["default"] != new.get("default"):
        detail = f"{old['default']} is now {new.get('default', 'required')}"
        yield Change(where, "changed default", detail)


def _order(where: str, old: list[Any], new: list[Any], kinds: tuple[str, ...]) -> Iterator[Change]:
    before = [one["name"] for one in old if one["kind"] in kinds]
    kept = set(before)
    after = [one["name"] for one in new if one["kind"] in kinds]
    # What was removed is told of by itself.
    before = [name for name in before if name in after]
    if before != after[: len(before)] and kept:
        yield Change(where, "reordered", f"({', '.join(before)}) is now ({', '.join(after)})")


def _fields(where: str, old: list[Any], new: list[Any]) -> Iterator[Change]:
    before, after = ({one["name"]: one for one in fields} for fields in (old, new))
    for name, field in before.items():
        at = f"{where}.{name}"
        if name not in after:
            yield Change(at, "removed field", "it is gone")
            continue
        yield from _default(at, field, after[name])
        # Plugins make some of these and read others, so that neither direction is safe.
        if _union(field["type"]) != _union(after[name]["type"]):
            detail = f"{field['type']} is now {after[name]['type']}"
            yield Change(at, "changed annotation", detail)
        if field["positional"] and not after[name]["positional"]:
            yield Change(at, "changed kind of parameter", "it was positional")
    for name in _gone(after, before):
        if "default" not in after[name]:
            yield Change(f"{where}.{name}", "new required field", "give it a default")
    kinds = [[{**one, "kind": str(one["positional"])} for one in fields] for fields in (old, new)]
    yield from _order(where, kinds[0], kinds[1], ("True",))


def _annotation(where: str, old: str, new: str, *, given: bool) -> Iterator[Change]:
    """``given`` by the plugin: it may become wider, else narrower."""
    before, after = _union(old), _union(new)
    if before == after:
        return
    if given and "Any" not in after and not before <= after:
        yield Change(where, "narrowed annotation", f"{old} is now {new}")
    if not given and "Any" not in before and not after <= before:
        yield Change(where, "widened annotation", f"{old} is now {new}")


def _union(text: str) -> frozenset[str]:
    """The alternatives of an annotation."""
    try:
        node: ast.expr = ast.parse(text, mode="eval").body
    except SyntaxError:
        return frozenset({text})
    waiting, found = [node], set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            waiting += [node.left, node.right]
        else:
            found.add(ast.unparse(node))
    return frozenset(found)


def _hook(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    """Implementations take what they name, so that a hook may gain arguments."""
    for trait in ("kind", "fail"):
        if old[trait] != new[trait]:
            yield Change(where, f"changed {trait}", f"{old[trait]} is now {new[trait]}")
    yield from _call(where, old, new, by_plugin=True)


def _capability(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    if old["protocol"] != new["protocol"]:
        yield Change(where, "changed protocol", f"{old['protocol']} is now {new['protocol']}")


def _schema(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    """Every file that was valid stays valid, and means the same."""
    yield from _keywords(where, old, new)
    for value in _gone(old.get("enum", ()), new.get("enum", old.get("enum", ()))):
        yield Change(where, "stricter manifest", f"{value!r} is refused")
    for name in _gone(new.get("required", ()), old.get("required", ())):
        yield Change(f"{where}.{name}", "stricter manifest", "it is required now")
    if len(new.get("anyOf", ())) < len(old.get("anyOf", ())):
        yield Change(where, "stricter manifest", "an alternative is gone")
    for old_part, new_part, name in _parts(old, new):
        if new_part is None:
            yield Change(f"{where}.{name}", "removed key", "it is refused now")
        else:
            yield from _schema(f"{where}.{name}" if name else where, old_part, new_part)


def _keywords(where: str, old: Entry, new: Entry) -> Iterator[Change]:
    for name in ("type", "pattern", "const", "enum", "default", "$ref"):
        # What restricts may go; what says how the file is read may not change.
        stricter = name in new if name in {"pattern", "const"} else name in old
        if name == "enum":
            stricter = name in new and name not in old
        if stricter and not _as_before(old.get(name), new.get(name)):
            rule = "changed default" if name == "default" else "stricter manifest"
            yield Change(where, rule, f"{name}: {old.get(name)!r} is now {new.get(name)!r}")
    for names, sign in ((SCHEMA_FLOORS, 1), (SCHEMA_CEILINGS, -1)):
        for name in names:
            if name in new and (name not in old or (new[name] - old[name]) * sign > 0):
                detail = f"{name}: {old.get(name)} is now {new[name]}"
                yield Change(where, "stricter manifest", detail)


def _as_before(old: Any, new: Any) -> bool:
    """Whether a value is the same; a table may have got more keys, which the old one lacked."""
    if isinstance(old, dict) and isinstance(new, dict):
        return all(name in new and _as_before(value, new[name]) for name, value in old.items())
    return bool(old == new)


def _parts(old: Entry, new: Entry) -> Iterator[tuple[Entry, Entry | None, str]]:
    for group in ("properties", "$defs"):
        for name, part in old.get(group, {}).items():
            yield part, new.get(group, {}).get(name), name
    for name in ("items", "additionalProperties", "propertyNames"):
        if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
            yield old[name], new[name], ""
    yield from (
        (a, b, "") for a, b in zip(old.get("anyOf", ()), new.get("anyOf", ()), strict=False)
    )

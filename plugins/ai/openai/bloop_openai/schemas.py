"""JSON Schemas as strict decoders take them, and answers of those back in the schema's own terms.

A strict decoder wants every property required, none besides, unions by ``anyOf`` alone, and no
bounds. What is optional may be null there instead; what bounds a value is told in its description,
and held to here.
https://developers.openai.com/api/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Node = Mapping[str, Any]

NULL = {"type": "null"}
_BOUNDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "matches {}",
    "format": "format {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "above {}",
    "exclusiveMaximum": "below {}",
    "multipleOf": "a multiple of {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "uniqueItems": "no item twice",
}
_BEYOND = frozenset(
    {
        "$dynamicRef",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)
_SCALARS = frozenset({"string", "number", "integer", "boolean", "null"})


class BeyondStrictError(ValueError):
    """A strict decoder cannot be told of this schema."""


def strict(schema: Node) -> dict[str, Any]:
    """The schema for a strict decoder, an object at its root.

    Raises BeyondStrictError for what has no such form: open objects, tuples, conditions.
    """
    root = resolved(schema, schema)
    made = _made({key: part for key, part in root.items() if key != "$defs"})
    if made.get("type") != "object":
        raise BeyondStrictError("the root is no object")
    if defs := schema.get("$defs"):
        made["$defs"] = {name: _made(part) for name, part in defs.items()}
    return made


def _made(node: Any) -> dict[str, Any]:
    if not isinstance(node, Mapping) or _BEYOND & set(node):
        raise BeyondStrictError("it holds what no strict decoder knows")
    if "$ref" in node:
        # Nothing may stand beside a reference.
        return {"$ref": _local(node["$ref"])}
    made = _shape(node)
    hints = [text.format(node[key]) for key, text in _BOUNDS.items() if node.get(key) is not None]
    told = [part for part in (node.get("description"), "; ".join(hints)) if part]
    if told:
        made["description"] = ". ".join(told)
    return made


def _shape(node: Node) -> dict[str, Any]:
    """What a node is, without what bounds and describes it."""
    if options := node.get("anyOf") or node.get("oneOf"):
        return {"anyOf": [_made(one) for one in options]}
    if len(node.get("allOf", ())) == 1:
        return _made(node["allOf"][0])
    if "const" in node or "enum" in node:
        values = [node["const"]] if "const" in node else list(node["enum"])
        kinds = sorted({_kind(value) for value in values})
        return {"type": kinds[0] if len(kinds) == 1 else kinds, "enum": values}
    kind = node.get("type")
    if kind == "object":
        return _object(node)
    if kind == "array" and "items" in node:
        return {"type": "array", "items": _made(node["items"])}
    if kind in _SCALARS if isinstance(kind, str) else kind and set(kind) <= _SCALARS:
        return {"type": kind}
    raise BeyondStrictError("anything may stand somewhere")


def _object(node: Node) -> dict[str, Any]:
    properties = node.get("properties") or {}
    if not properties or isinstance(node.get("additionalProperties"), Mapping):
        raise BeyondStrictError("an object has names that nobody knows beforehand")
    required = set(node.get("required", ()))
    made = {
        name: _made(part) if name in required else _nullable(_made(part))
        # What tells the branches of a union apart is written first, before what depends on it.
        for name, part in sorted(properties.items(), key=lambda one: not _is_fixed(one[1]))
    }
    return {
        "type": "object",
        "properties": made,
        "required": list(made),
        "additionalProperties": False,
    }


def _nullable(made: dict[str, Any]) -> dict[str, Any]:
    if "anyOf" in made:
        return made if NULL in made["anyOf"] else made | {"anyOf": [*made["anyOf"], NULL]}
    return {"anyOf": [made, NULL]}


def _is_fixed(node: Any) -> bool:
    return isinstance(node, Mapping) and ("const" in node or len(node.get("enum", ())) == 1)


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    if type(value) not in kinds:
        raise BeyondStrictError("a constant is an object or a list")
    return kinds[type(value)]


def _local(ref: Any) -> str:
    if not str(ref).startswith("#/$defs/") or str(ref).count("/") != 2:
        raise BeyondStrictError("it refers to something outside")
    return str(ref)


def resolved(node: Any, schema: Node) -> Node:
    """What a node of ``schema`` is, or what it refers to in its ``$defs``; else nothing."""
    defs = {f"#/$defs/{name}": part for name, part in schema.get("$defs", {}).items()}
    for _ in range(20):
        if not isinstance(node, Mapping) or "$ref" not in node:
            break
        node = defs.get(node["$ref"], {})
    return node if isinstance(node, Mapping) else {}


def without_nulls(value: Any, schema: Node) -> Any:
    """The value without nulls in place of properties that ``schema`` lets be left out."""
    return _pruned(value, schema, schema)


def _pruned(value: Any, node: Any, schema: Node) -> Any:
    if isinstance(value, list):
        items = _branch(value, node, schema).get("items", {})
        return [_pruned(one, items, schema) for one in value]
    if isinstance(value, dict):
        node = _branch(value, node, schema)
        optional = set(node.get("properties", ())) - set(node.get("required", ()))
        parts = node.get("properties", {})
        return {
            name: _pruned(part, parts.get(name, {}), schema)
            for name, part in value.items()
            if part is not None or name not in optional
        }
    return value


def _branch(value: Any, node: Any, schema: Node) -> Node:
    """The alternative that a value is meant for: by its constants, then by its names."""
    found = [one for one in _alternatives(node, schema, 10) if _could_be(value, one, schema)]
    if not found:
        return {}
    if not isinstance(value, dict):
        return found[0]
    return max(found, key=lambda one: len(set(value) & set(one.get("properties", ()))))


def _alternatives(node: Any, schema: Node, depth: int) -> Sequence[Node]:
    node = resolved(node, schema)
    options = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    if not options or not depth:
        return [node]
    return [one for option in options for one in _alternatives(option, schema, depth - 1)]


def _could_be(value: Any, node: Node, schema: Node) -> bool:
    if node.get("type") != ("object" if isinstance(value, dict) else "array"):
        return False
    if isinstance(value, list):
        return True
    for name, part in node.get("properties", {}).items():
        part = resolved(part, schema)  # noqa: PLW2901 - the same part, looked up
        if "const" in part and value.get(name) not in {part["const"], None}:
            return False
    return True

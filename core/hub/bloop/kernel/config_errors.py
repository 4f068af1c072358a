"""What is wrong with a setting, in one line: where it stands, which key, and what to write."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from bloop_sdk.errors import ConfigError
from bloop_sdk.settings import is_secret

SECRETIVE = re.compile(r"token|secret|passw|credential|(^|_)(master|(api_?)?key)$", re.IGNORECASE)
_ADDRESS = re.compile(r"[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*(:[0-9]{1,5})?(/[\w./~-]*)?")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: ``hub.toml:14: [http] port: must be ...; write port = 8080``."""

    where: str
    table: str
    key: str
    problem: str
    cure: str = ""

    def __str__(self) -> str:
        place = " ".join(filter(None, (f"[{self.table}]" if self.table else "", self.key)))
        head = ": ".join(filter(None, (self.where, place, self.problem)))
        return f"{head}; {self.cure}" if self.cure else head


class InvalidConfigError(ConfigError):
    """Settings that cannot be used; ``faults`` holds all of them, the message one a line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


def unknown(key: str, known: Iterable[str]) -> tuple[str, str]:
    """Problem and cure for a key that nobody knows."""
    known = sorted(known)
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return "unknown key", f"did you mean {close[0]}?"
    return "unknown key", f"known keys are: {', '.join(known)}" if known else "remove it"


def toml(value: Any) -> str:
    """A value as one would write it in ``hub.toml``."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(toml(part) for part in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {toml(part)}' for key, part in value.items())} }}"
    return json.dumps(str(value), ensure_ascii=False)


def reference_to_write(table: str, key: str) -> str:
    """The reference that should stand where a secret does not."""
    owner = table.removeprefix("plugins.") if table.startswith("plugins.") else f"bloop_{table}"
    name = re.sub(r"\W+", "_", f"{owner}_{key}").upper()
    return f'{{ env = "{name}" }}'


def describe(model: type[BaseModel], table: str, error: ErrorDetails) -> tuple[str, str, str]:
    """Key, problem and cure of one fault that pydantic found; secrets are never repeated."""
    owner, name, field = _field_at(model, error["loc"])
    key = ".".join(str(part) for part in error["loc"])
    if field is None:
        return key, _words(error), ""
    key = key[: key.find(name) + len(name)]
    secret = is_secret(owner, name)
    if error["type"] == "missing":
        return key, "is missing", f"write {name} = {_to_write(field, secret, table, name)}"
    if secret:
        reason = _words(error) if error["type"] == "value_error" else "is not what is expected"
        return key, reason, field.description or ""
    got = "" if SECRETIVE.search(name) else _got(error["input"])
    example = _with_scheme(error) or _to_write(field, secret, table, name)
    cure = f"write {name} = {example}" if example != "..." else field.description or ""
    return key, _problem(error, field) + got, cure


def _with_scheme(error: ErrorDetails) -> str:
    """The address that somebody meant who left out https://, as one would write it."""
    given = str(error["input"])
    if error["type"] not in {"url_parsing", "url_scheme"} or not _ADDRESS.fullmatch(given):
        return ""
    return toml(f"https://{given}")


def _field_at(
    model: type[BaseModel], loc: tuple[int | str, ...]
) -> tuple[type[BaseModel], str, FieldInfo | None]:
    name, field = "", None
    for part in loc:
        if part not in model.model_fields:
            break
        name, field = str(part), model.model_fields[str(part)]
        inner = nested_model(field)
        if inner is None:
            break
        model, owner = inner, model
        if part == loc[-1]:
            return owner, name, field
    return model, name, field


def nested_model(field: FieldInfo) -> type[BaseModel] | None:
    """The model that a field holds, also as an optional one; of a table of models there is none."""
    if get_origin(field.annotation) in {dict, list, tuple, set, frozenset}:
        return None
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _to_write(field: FieldInfo, secret: bool, table: str, name: str) -> str:  # noqa: FBT001
    if secret:
        return reference_to_write(table, name)
    if field.examples:
        return toml(field.examples[0])
    if field.default is PydanticUndefined or field.default is None:
        return "..."
    return toml(field.default)


def _got(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return f", got {toml(value)}"
    if isinstance(value, str) and "@" not in value:
        return f", got {toml(value if len(value) <= _SHOWN else value[:_SHOWN] + '...')}"
    return ""


def _problem(error: ErrorDetails, field: FieldInfo) -> str:
    kind = error["type"]
    if kind.startswith(("greater_than", "less_than")):
        return _bounds(field)
    if kind.startswith("int_"):
        return "must be a whole number"
    if kind.startswith("float_"):
        return "must be a number"
    if kind.startswith("bool_"):
        return "must be true or false"
    if kind == "string_type":
        return "must be text in quotes"
    if kind == "literal_error":
        return f"must be {error['ctx']['expected']}"
    if kind == "string_pattern_mismatch":
        return "has not the form that is expected"
    return _words(error)


def _bounds(field: FieldInfo) -> str:
    bounds = {
        name: getattr(part, name)
        for part in field.metadata
        for name in ("ge", "gt", "le", "lt")
        if getattr(part, name, None) is not None
    }
    if {"ge", "le"} <= set(bounds):
        return f"must be between {toml(bounds['ge'])} and {toml(bounds['le'])}"
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return "must be " + " and ".join(f"{words[name]} {toml(bounds[name])}" for name in bounds)


def _words(error: ErrorDetails) -> str:
    words = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return words.replace("Input should be", "must be").replace("String should", "must")

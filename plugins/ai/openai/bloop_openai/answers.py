"""What a model has written, as the value that was asked for: read, held to the schema, told off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from bloop_openai.schemas import BeyondStrictError, strict, without_nulls
from bloop_sdk import UnsupportedError

MOST_FAULTS = 12
_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an answer: ``told`` is for the model, and may hold what it wrote."""

    place: str
    rule: str
    told: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}"


class Form:
    """The form that an answer should have, by a JSON Schema.

    A schema whose root is no object is asked for within one, as ``answer``.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as err:
            raise UnsupportedError(
                f"this is no JSON Schema: {err.message:.200}", cure="mend the schema"
            ) from err
        self.wrapped = schema.get("type") != "object" and "$ref" not in schema
        self.schema: Mapping[str, Any] = _wrapped(schema) if self.wrapped else schema

    @cached_property
    def strict(self) -> dict[str, Any] | None:
        """The schema for a strict decoder; None where it has no such form."""
        try:
            return strict(self.schema)
        except BeyondStrictError:
            return None

    @property
    def instruction(self) -> str:
        """What a model is told that is held to nothing."""
        text = json.dumps(self.schema, ensure_ascii=False, separators=(",", ":"))
        return (
            "Answer with one JSON object that is valid by this JSON Schema, and with nothing "
            f"else, neither before nor after it:\n{text}"
        )

    def read(self, text: str) -> tuple[Any, list[Fault]]:
        """The value in an answer and what is wrong with it; without faults it is valid."""
        try:
            value = without_nulls(read_json(text), self.schema)
        except (ValueError, RecursionError) as err:
            return None, [Fault("answer", "no JSON", f"The answer is no JSON: {err!s:.200}")]
        faults = _faults(value, self.schema)
        return (value["answer"] if self.wrapped and not faults else value), faults

    def was_enforced(self, text: str) -> bool:
        """Whether an answer looks as if a strict decoder had written it."""
        try:
            return not _faults(json.loads(text), self.strict or {})
        except (ValueError, RecursionError):
            return False


def _wrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    bare = {key: part for key, part in schema.items() if key not in {"$schema", "$defs"}}
    return {
        **{key: schema[key] for key in ("$schema", "$defs") if key in schema},
        "type": "object",
        "properties": {"answer": bare},
        "required": ["answer"],
        "additionalProperties": False,
    }


def _faults(value: Any, schema: Mapping[str, Any]) -> list[Fault]:
    # With a registry of its own it fetches nothing.
    validator = Draft202012Validator(schema, registry=Registry())
    try:
        found = sorted(validator.iter_errors(value), key=lambda one: [*map(str, one.path)])
        return [_fault(one) for one in found[:MOST_FAULTS]]
    except Unresolvable as err:
        raise UnsupportedError(
            "the JSON Schema refers to something outside of it", cure="put it into its $defs"
        ) from err


def _fault(error: ValidationError) -> Fault:
    # Of a union, the branch that the value comes closest to.
    error = best_match([error]) or error
    place = ".".join(str(part) for part in error.absolute_path) or "answer"
    return Fault(place, str(error.validator), f"{place}: {error.message:.300}")


def read_json(text: str) -> Any:
    """The JSON of an answer, also between words or in a fence; raises ValueError."""
    text = _THOUGHT.sub("", text).strip()
    for candidate in _candidates(text):
        try:
            return _DECODER.decode(candidate)
        except ValueError:
            continue
    start = text.find("{")
    if start < 0:
        raise ValueError("there is no { in it")
    return _DECODER.raw_decode(text, start)[0]


def _candidates(text: str) -> Iterator[str]:
    yield text
    for found in _FENCED.finditer(text):
        yield found[1].strip()


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)

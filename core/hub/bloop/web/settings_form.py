"""A form made from the JSON Schema of a plugin's settings, and read back into settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from bloop.hub.plugin_settings import SettingsView
from bloop_sdk.settings import is_advanced

Translate = Callable[[str], str]

SETTING, SECRET, REMOVE = "set.", "secret.", "remove."
"""What the names of fields begin with, so that no setting is taken for something of the form."""


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of several."""

    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Field:
    """One setting; ``kind`` is text, url, number, choice, lines, json or secret."""

    name: str
    label: str
    about: str
    kind: str
    value: str
    fault: str
    required: bool
    options: tuple[Option, ...] = ()
    attributes: Mapping[str, Any] | None = None
    otherwise: str = ""
    """What holds where nothing is set here."""
    set_at: str = ""
    """When the institution set a secret."""
    inherited: bool = False
    """Whether a secret is set by somebody else."""
    folded: bool = False
    """Whether it stands among what few need; not where it is set or wrong."""


@dataclass(frozen=True, slots=True)
class Read:
    """What somebody sent."""

    settings: dict[str, Any]
    secrets: dict[str, str | None]


def fields_of(
    view: SettingsView,
    faults: Mapping[str, str],
    given: Mapping[str, str] | None,
    _: Translate,
) -> list[Field]:
    """The form; ``given`` is what was sent and could not be saved, ``faults`` why."""
    schema = view.json_schema
    found = []
    for name in view.fields:
        part = _resolved(schema, schema["properties"][name])
        secret = name in view.secrets
        kind = "secret" if secret else _kind(part)
        own = view.own.settings.get(name)
        value = "" if secret else _text(kind, own)
        if given is not None and not secret:
            value = given.get(SETTING + name, "")
        inherits = not secret and own is None and view.values.get(name) not in (None, "", [], {})
        found.append(
            Field(
                name=name,
                label=view.model.model_fields[name].title or name.replace("_", " ").capitalize(),
                about=_sentence(str(part.get("description", ""))),
                kind=kind,
                value=value,
                fault=faults.get(name, ""),
                required=name in schema["required"] and name not in view.origins,
                options=_options(part, _) if kind == "choice" else (),
                attributes=_attributes(kind, part),
                otherwise=_words(kind, view.values[name], _) if inherits else "",
                set_at=view.own.set_at.get(name, ""),
                inherited=secret and name in view.held and name not in view.own.set_at,
                folded=is_advanced(view.model, name) and not value and name not in faults,
            )
        )
    return found


def read(view: SettingsView, given: Mapping[str, str]) -> Read:
    """What a form holds; what is empty is not set. A text that is no number stays a text."""
    schema = view.json_schema
    settings: dict[str, Any] = {}
    secrets: dict[str, str | None] = {}
    for name in view.fields:
        if name in view.secrets:
            if typed := given.get(SECRET + name):
                secrets[name] = typed
            elif given.get(REMOVE + name):
                secrets[name] = None
            continue
        part = _resolved(schema, schema["properties"][name])
        if text := given.get(SETTING + name, "").strip():
            settings[name] = _value(_kind(part), part, text)
    return Read(settings, secrets)


def _sentence(text: str) -> str:
    return f"{text}." if text and text[-1] not in ".!?" else text


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """A property without references, and without the null of one that may be left out."""
    said = {key: part[key] for key in ("description", "default") if key in part}
    choices = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
    if len(choices) == 1:
        return _resolved(schema, choices[0]) | said
    if reference := part.get("$ref"):
        return _resolved(schema, schema["$defs"][reference.rpartition("/")[2]]) | said
    return dict(part)


def _kind(part: Mapping[str, Any]) -> str:
    type_, items = part.get("type"), part.get("items", {})
    if type_ == "boolean" or "enum" in part or "const" in part:
        return "choice"
    if type_ in {"integer", "number"}:
        return "number"
    if type_ == "array" and items.get("type") in {"string", "integer", "number"}:
        return "lines"
    if type_ == "string":
        return "url" if part.get("format") == "uri" else "text"
    return "json"


def _options(part: Mapping[str, Any], _: Translate) -> tuple[Option, ...]:
    return tuple(Option(_text("choice", one), _words("choice", one, _)) for one in _values(part))


def _attributes(kind: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """What the browser may check by itself; the model decides."""
    if kind == "number":
        step = "any" if part["type"] == "number" else 1
        found = {"min": part.get("minimum"), "max": part.get("maximum"), "step": step}
    else:
        found = {"maxlength": part.get("maxLength")}
    return {key: value for key, value in found.items() if value is not None}


def _value(kind: str, part: Mapping[str, Any], text: str) -> Any:
    if kind == "choice":
        return next((one for one in _values(part) if _text("choice", one) == text), text)
    if kind == "number":
        return _number(part, text)
    if kind == "lines":
        lines = (line.strip() for line in text.splitlines())
        return [_number(part["items"], line) for line in lines if line]
    if kind == "json":
        with suppress(ValueError):
            return json.loads(text)
    return text


def _values(part: Mapping[str, Any]) -> list[Any]:
    if part.get("type") == "boolean":
        return [True, False]
    return list(part.get("enum", [part.get("const")]))


def _number(part: Mapping[str, Any], text: str) -> Any:
    with suppress(ValueError):
        if part.get("type") == "integer":
            return int(text)
        if part.get("type") == "number":
            return float(text)
    return text


def _text(kind: str, value: Any) -> str:
    """A value as its field shows it."""
    if value is None:
        return ""
    if kind == "lines" and isinstance(value, list):
        return "\n".join(str(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _words(kind: str, value: Any, _: Translate) -> str:
    """A value in a sentence."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _text(kind, value)

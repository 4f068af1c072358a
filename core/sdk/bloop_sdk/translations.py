"""Whether a package's catalogues (:mod:`bloop_sdk.words`) say all that its code and pages say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from gettext import c2py
from pathlib import Path
from typing import Any

from bloop_sdk.manifest import Manifest
from bloop_sdk.words import needed, read_catalogue

Message = str | tuple[str, ...]
"""A message, or its singular and plural."""

_VALUE = re.compile(r"\{\w*\}|%\(\w+\)")

METHODS = [("testing/**.py", "ignore"), ("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "gettext_noop": None, "ngettext": (1, 2)}


def translation_faults(folder: Path, manifest: Manifest | None = None) -> list[str]:
    """What is missing, untranslated or no longer used, a line each, in every catalogue.

    ``folder`` is the package's. With its ``manifest`` the titles that the hub links and the steps
    of its setup count too. A package without a folder ``locale`` speaks English alone, which is no
    fault.
    """
    if not (folder / "locale").is_dir():
        return []
    return catalogue_faults(folder, messages_in(folder) | set(_titles(manifest)))


def messages_in(folder: Path) -> set[Message]:
    """Every message of a package's templates and of its code, but for what it ships for tests."""
    found = needed("babel.messages.extract").extract_from_dir(folder, METHODS, keywords=KEYWORDS)
    return {message for _file, _line, message, _comments, _context in found if message}


def _titles(manifest: Manifest | None) -> Iterator[str]:
    for page in manifest.contributes.pages if manifest else ():
        if page.nav != "none" and "{" not in page.path:
            yield page.title
    for step in manifest.contributes.setup if manifest else ():
        yield from (step.title, step.text, step.way)


def catalogue_faults(folder: Path, wanted: Collection[Message]) -> list[str]:
    """The same for messages that are known."""
    lines = []
    for path in sorted((folder / "locale").glob("*.po")):
        try:
            read = read_catalogue(path)
        except ValueError as err:
            lines.append(str(err))
            continue
        known = {message_of(entry.id): entry for entry in read if entry.id}
        alone = _of_one_number(read.plural_expr)
        found = {
            "missing": [one for one in wanted if one not in known],
            "no longer used": [one for one in known if one not in wanted],
            "not translated": [one for one in wanted if one in known and _bare(known[one])],
            "loses a value": [
                one for one in wanted if one in known and _differs(known[one], alone)
            ],
        }
        for what, messages in found.items():
            lines += [f"{path.name}: {what}: {text}" for text in sorted(map(first_of, messages))]
    return lines


def message_of(id_: str | list[str] | tuple[str, ...]) -> Message:
    """The message of a catalogue's entry."""
    return id_ if isinstance(id_, str) else tuple(id_)


def first_of(message: Message) -> str:
    """A message by which to name it."""
    return message if isinstance(message, str) else message[0]


def _bare(entry: Any) -> bool:
    """Whether any form of it is still to be translated."""
    forms = [entry.string] if isinstance(entry.string, str) else list(entry.string or ())
    return entry.fuzzy or not forms or not all(forms)


def _differs(entry: Any, alone: Collection[int]) -> bool:
    """Whether a translation has other values than its message, so that it can't be filled in.

    The form of one single number, like the dual, may say that number in its words.
    """
    said = entry.id if isinstance(entry.id, tuple) else (entry.id,)
    values = [_values(one) for one in said]
    if isinstance(entry.string, str):
        return bool(entry.string) and _values(entry.string) not in values
    return any(
        form
        and _values(form) not in values
        and not (index in alone and any(_leaves_out_one(form, one) for one in values))
        for index, form in enumerate(entry.string or ())
    )


def _leaves_out_one(form: str, values: set[str]) -> bool:
    left = _values(form)
    return left < values and len(values - left) == 1


def _of_one_number(expression: str) -> set[int]:
    """Which plural forms of a language stand for a single number each; a rule repeats by 1000."""
    form_of = c2py(expression)
    counted = Counter(form_of(number) for number in range(2000))
    return {form for form, numbers in counted.items() if numbers == 1}


def _values(text: str) -> set[str]:
    """The names of ``{name}`` and ``%(name)s`` in a message."""
    return set(_VALUE.findall(text))

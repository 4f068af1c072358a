"""What a plugin says, in the language of whoever reads: texts, days, numbers and money.

A package speaks English in its code and templates. ``locale/<language>.po`` in it (gettext) holds
what that is in other languages; the hub compiles it when it is first read. A page has the words of
its request (:attr:`bloop_sdk.RequestContext.words`), a job or a message asks for a language::

    words = words_of("bloop_bookmarks", order.language)
    words.gettext("Removed"), words.money(Money(amount=4900, currency="EUR")), words.day(today)
"""

from __future__ import annotations

import importlib
import importlib.util
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from bloop_sdk.errors import NotFoundError, UnsupportedError
from bloop_sdk.money import Money

SOURCE = "en"
"""The language that code and templates are written in, for which there is no catalogue."""

_FORMATS = {SOURCE: "en_GB"}
"""How a language writes days and amounts where it has several ways: day before month here."""


class Words:
    """What is said in one language; English where a text has no translation."""

    def __init__(self, locale: str, catalogue: NullTranslations) -> None:
        self.locale = locale
        self.catalogue = catalogue

    def gettext(self, message: str) -> str:
        """A text in this language; ``{name}`` in it is for ``.format``."""
        # The empty text is the catalogue's own head.
        return self.catalogue.gettext(message) if message else ""

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The form of a text that goes with a number."""
        return self.catalogue.ngettext(singular, plural, count)

    def day(self, when: date) -> str:
        """A day as people write it, like ``27 November 2026``; of a time, the day in UTC."""
        if isinstance(when, datetime):
            when = when.astimezone(UTC).date() if when.tzinfo else when.date()
        shown = _babel("dates").format_date(when, "long", locale=self._format)
        return str(shown)

    def number(self, value: Decimal | float) -> str:
        """A number as people write it: ``1,234.5``, or ``1.234,5`` in German."""
        return str(_babel("numbers").format_decimal(value, locale=self._format))

    def money(self, money: Money) -> str:
        """An amount as people write it: ``€49.00``, or ``49,00 €`` in German."""
        numbers = _babel("numbers")
        shown = numbers.format_currency(money.decimal, money.currency, locale=self._format)
        return str(shown)

    @property
    def _format(self) -> str:
        return _FORMATS.get(self.locale, self.locale)


def gettext_noop(message: str) -> str:
    """Mark a text that is translated later, such as one of a table: it is given back as it is."""
    return message


def words_of(package: str, locale: str) -> Words:
    """The words of a package by its name, such as ``bloop_bookmarks``; raises NotFoundError."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise NotFoundError(f"there is no package {package[:80]!r}")
    return words_in(Path(next(iter(spec.submodule_search_locations))), locale)


@lru_cache(maxsize=512)
def words_in(folder: Path, locale: str) -> Words:
    """The words of the package in a folder; ``locale`` is a language, such as ``de``.

    Raises ValueError for a catalogue that cannot be read.
    """
    return Words(locale, _catalogue(folder / "locale" / f"{locale}.po", locale))


def _catalogue(source: Path, locale: str) -> NullTranslations:
    if locale == SOURCE or not source.is_file():
        return NullTranslations()
    compiled = BytesIO()
    _babel("messages.mofile").write_mo(compiled, read_catalogue(source))
    compiled.seek(0)
    return GNUTranslations(compiled)


def read_catalogue(source: Path) -> Any:
    """What a ``.po`` file holds, as Babel has it; raises ValueError for one that is none."""
    pofile = _babel("messages.pofile")
    with source.open("rb") as file:
        try:
            return pofile.read_po(file, locale=source.stem, abort_invalid=True)
        except (pofile.PoFileError, LookupError) as err:
            raise ValueError(f"{source.name} cannot be read: {err}") from err


@lru_cache(maxsize=512)
def templates_in(folder: Path, locale: str) -> Any:
    """The Jinja2 environment of the package in a folder, for its templates in a language.

    They have ``_`` and ``ngettext`` as the hub's have, with ``%(name)s`` for values, and the
    filters ``day``, ``number`` and ``money``. Values are escaped, and a missing one is an error.
    """
    jinja2 = needed("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    words = words_in(folder, locale)
    environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)
    environment.filters.update(day=words.day, number=words.number, money=words.money)
    return environment


def _babel(module: str) -> Any:
    return needed(f"babel.{module}")


def needed(module: str) -> Any:
    """A module of Babel or Jinja2; raises UnsupportedError where that is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as err:
        raise UnsupportedError(
            f"pages and translations need {module.partition('.')[0]}",
            cure="pip install bloop-sdk[pages]",
        ) from err

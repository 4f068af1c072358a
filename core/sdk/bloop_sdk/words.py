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
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Any

from bloop_sdk.bidi import Sentence, Sentences, direction_of, isolate_in, isolated
from bloop_sdk.errors import NotFoundError, UnsupportedError
from bloop_sdk.money import Money

SOURCE = "en"
"""The language that code and templates are written in, for which there is no catalogue."""

_FORMATS = {SOURCE: "en_GB"}
"""How a language writes days and amounts where it has several ways: day before month here."""

_VALUE = re.compile(r"\{([A-Za-z]\w*)\}")
INNER = "why"
"""The value that is a message itself, as in ``tried again: {why}``."""
_LONGEST = 1000
"""Longer texts are no messages, and would take long to compare."""


class Words:
    """What is said in one language; English where a text has no translation."""

    def __init__(
        self, locale: str, catalogue: NullTranslations, filled: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.locale = locale
        self.catalogue = catalogue
        self._filled = filled

    def gettext(self, message: str) -> str:
        """A text in this language; ``{name}`` in it is for ``.format``."""
        # The empty text is the catalogue's own head.
        return self.catalogue.gettext(message) if message else ""

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The form of a text that goes with a number."""
        return self.catalogue.ngettext(singular, plural, count)

    def translate(self, text: str) -> str:
        """A text whose values were filled in already, such as an error's: it is looked up by them.

        Where ``gettext_noop("{n} seats are taken").format(n=3)`` was raised, this is what the
        catalogue has for ``{n} seats are taken``, with the 3; other texts are given back. A value
        that is called ``why`` is a message of its own, and is looked up as well.
        """
        found = self.gettext(text)
        if found != text or len(text) > _LONGEST:
            return found
        for pattern, translation in self._patterns:
            if match := pattern.fullmatch(text):
                values = match.groupdict()
                if INNER in values:
                    values[INNER] = self.translate(values[INNER])
                return translation.format(**values)
        return text

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        """Messages with values, those with the most words of their own first."""
        pairs = sorted(self._filled, key=lambda one: -len(_VALUE.sub("", one[0])))
        return [(_pattern(message), translation) for message, translation in pairs]

    def day(self, when: date) -> str:
        """A day as people write it, like ``27 November 2026``; of a time, the day in UTC."""
        if isinstance(when, datetime):
            when = when.astimezone(UTC).date() if when.tzinfo else when.date()
        shown = _babel("dates").format_date(when, "long", locale=self._format)
        return str(shown)

    def moment(self, when: datetime) -> str:
        """A time in UTC, which it says: ``27 November 2026, 08:00 UTC``."""
        if when.tzinfo:
            when = when.astimezone(UTC)
        return f"{self.day(when)}, {when:%H:%M} UTC"

    def number(self, value: Decimal | float) -> str:
        """A number as people write it: ``1,234.5``, or ``1.234,5`` in German."""
        return str(_babel("numbers").format_decimal(value, locale=self._format))

    def money(self, money: Money) -> str:
        """An amount as people write it: ``€49.00``, or ``49,00 €`` in German."""
        numbers = _babel("numbers")
        shown = str(numbers.format_currency(money.decimal, money.currency, locale=self._format))
        if direction_of(self.locale) == "rtl":
            # In one piece: the letters of "US$" run the other way than its sign.
            symbol = str(numbers.get_currency_symbol(money.currency, locale=self._format))
            shown = shown.replace(symbol, isolated(symbol))
        return shown

    def listed(self, values: Iterable[object]) -> str:
        """Things one after another: ``a, b, c``, or ``a, b und c`` in German."""
        return listed(values, self.locale)

    @property
    def _format(self) -> str:
        return _FORMATS.get(self.locale, self.locale)


def listed(values: Iterable[object], locale: str) -> str:
    """Things one after another, as a language has them: ``a, b und c`` in German.

    In English they stand without an "and", for they are names and codes more often than words.
    Where lines begin at the right each is isolated (:mod:`bloop_sdk.bidi`).
    """
    texts = [str(one) for one in values]
    if direction_of(locale) == "rtl":
        texts = [isolated(one) for one in texts]
    # The style without an "and" is not there in German, and says the last of two twice in Arabic.
    style = "unit" if locale == SOURCE else "standard"
    return str(_babel("lists").format_list(texts, style, _FORMATS.get(locale, locale)))


def comma_in(locale: str) -> str:
    """What divides parts of a line: an Arabic comma where that is written."""
    return "،" if locale.partition("-")[0] in {"ar", "fa", "ur"} else ","


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
    source = folder / "locale" / f"{locale}.po"
    if locale == SOURCE or not source.is_file():
        return Words(locale, NullTranslations())
    found = read_catalogue(source)
    compiled = BytesIO()
    _babel("messages.mofile").write_mo(compiled, found)
    compiled.seek(0)
    filled = [
        (one.id, one.string)
        for one in found
        if isinstance(one.id, str) and one.string and _VALUE.search(one.id)
    ]
    return Words(locale, GNUTranslations(compiled), filled)


@lru_cache(maxsize=512)
def page_words_in(folder: Path, locale: str) -> Words:
    """As :func:`words_in`, for pages: where lines begin at the right, values are isolated."""
    words = words_in(folder, locale)
    if direction_of(locale) == "ltr":
        return words
    filled = [(message, Sentence(text)) for message, text in words._filled]  # noqa: SLF001
    return Words(locale, Sentences(words.catalogue), filled)


def _pattern(message: str) -> re.Pattern[str]:
    """What a message looks like with any values in it."""
    parts = re.split(_VALUE, message)
    named = [f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)]
    return re.compile("".join(named), re.DOTALL)


def read_catalogue(source: Path) -> Any:
    """What a ``.po`` file holds, as Babel has it; raises ValueError for one that is none."""
    pofile = _babel("messages.pofile")
    with source.open("rb") as file:
        try:
            return pofile.read_po(file, locale=source.stem, abort_invalid=True)
        except (pofile.PoFileError, LookupError, ValueError) as err:
            raise ValueError(f"{source.name} cannot be read: {err}") from err


@lru_cache(maxsize=512)
def templates_in(folder: Path, locale: str) -> Any:
    """The Jinja2 environment of the package in a folder, for its templates in a language.

    They have ``_``, ``ngettext`` and ``comma`` as the hub's have, with ``%(name)s`` for values,
    and the filters ``day``, ``moment``, ``number``, ``money``, ``listed`` and ``translate``. Values
    are escaped, and a missing one is an error.
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
    words = page_words_in(folder, locale)
    environment.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)
    if direction_of(locale) == "rtl":
        isolate_in(environment)
    environment.globals["comma"] = comma_in(locale)
    environment.filters.update(
        day=words.day,
        moment=words.moment,
        number=words.number,
        money=words.money,
        listed=words.listed,
        translate=words.translate,
    )
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

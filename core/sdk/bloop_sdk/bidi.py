"""Values in sentences that are read from right to left.

A name, an address or ``3.4 MB`` put into an Arabic sentence as it is takes the punctuation and the
numbers beside it along to the wrong side. So each value that ``.format`` puts into a sentence of
such a language stands between U+2068 and U+2069 (first strong isolate), as Fluent has it: what is
around it is laid out as if it were one foreign thing. Other than ``<bdi>``, they do in an attribute
and in a title what they do in a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from gettext import NullTranslations
from typing import Any, Self

RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_FIRST, _LAST = "\u2068", "\u2069"
_NUMBER = re.compile(r"[\d.,]*")


def direction_of(language: str) -> str:
    """Where lines of a language begin: ``ltr`` or ``rtl``."""
    return "rtl" if language.partition("-")[0].lower() in RIGHT_TO_LEFT else "ltr"


def isolated(value: Any) -> Any:
    """A text as one foreign thing; bare numbers and what is no text are given back as they are."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value) or value.startswith(_FIRST):
        return value
    return _FIRST + value + _LAST


class Sentence(str):
    """A text that isolates what is put into it."""

    __slots__ = ()

    def format(self, *args: Any, **values: Any) -> str:
        """As of str."""
        return super().format(
            *map(isolated, args), **{name: isolated(value) for name, value in values.items()}
        )


class Sentences(NullTranslations):
    """A catalogue whose texts are each a :class:`Sentence`."""

    def __init__(self, catalogue: NullTranslations) -> None:
        super().__init__()
        self.add_fallback(catalogue)

    def gettext(self, message: str) -> str:
        """A text in the catalogue's language."""
        return Sentence(super().gettext(message))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The form of a text that goes with a number."""
        return Sentence(super().ngettext(msgid1, msgid2, n))


def isolate_in(environment: Any) -> None:
    """Have the texts of a Jinja2 environment, whose gettext is installed, isolate their values."""
    from jinja2 import pass_context
    from markupsafe import Markup

    class Marked(Markup):
        """A :class:`Sentence` that is HTML: values are escaped."""

        __slots__ = ()

        def format(self, *args: Any, **values: Any) -> Self:
            shown = {name: isolated(value) for name, value in values.items()}
            return super().format(*map(isolated, args), **shown)

    def marked(translate: Callable[..., str]) -> Callable[..., str]:
        @pass_context
        def isolating(context: Any, *texts: Any, **values: Any) -> str:
            shown = {name: isolated(value) for name, value in values.items()}
            return Marked(translate(context, *texts, **shown))

        return isolating

    for name in ("gettext", "ngettext"):
        environment.globals[name] = marked(environment.globals[name])

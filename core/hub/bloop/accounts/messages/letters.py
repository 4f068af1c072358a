"""What messages say, in the receiver's language.

Each holds one link, and what to do where it was not asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeAlias

from bloop.accounts.languages import NAMES
from bloop.accounts.messages.service import Text
from bloop_sdk.words import Words, words_in

Letter: TypeAlias = Callable[[str, str | None], Text]
"""What to write of a token, to somebody who has chosen that language, or none that is known of."""


def invitation(hub: str, url: str, hours: float, language: str = "en") -> Text:
    """Somebody is invited by a link that is good for so many hours."""
    words = _words(language)
    _ = words.gettext
    invited = _("You are invited to {hub}").format(hub=hub)
    return Text(
        invited,
        "\n\n".join(
            (
                f"{invited}.",
                _("Open this link to get your account. It is good once, for {time}:").format(
                    time=_span(hours * 60, words)
                ),
                url,
                _(
                    "If you do not know what this is about, there is nothing to do: without the "
                    "link nobody gets an account."
                ),
            )
        )
        + "\n",
    )


def password_reset(hub: str, url: str, minutes: int, language: str = "en") -> Text:
    """A link to a new password."""
    words = _words(language)
    _ = words.gettext
    return Text(
        _("A new password for {hub}").format(hub=hub),
        "\n\n".join(
            (
                _("Somebody, you we hope, asked for a new password at {hub}.").format(hub=hub),
                _("Choose it here. The link is good once, for {time}:").format(
                    time=_span(minutes, words)
                ),
                url,
                _("If that was not you, there is nothing to do: your password is as it was."),
            )
        )
        + "\n",
    )


def _words(language: str) -> Words:
    return words_in(Path(__file__).parent, language if language in NAMES else "en")


def _span(minutes: float, words: Words) -> str:
    """In the largest unit of which there are two or more, or one exactly: ``36 hours``."""
    from babel.dates import format_timedelta

    least = 1 if minutes in {60, 1440} else 2
    about = timedelta(minutes=minutes)
    return format_timedelta(about, "minute", threshold=least, locale=words.locale)

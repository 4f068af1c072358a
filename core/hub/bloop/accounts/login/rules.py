"""Which passwords are good enough: length, and how many guesses they would take.

No rule says which signs a password has to have (NIST SP 800-63B, 3.1.1.2; OWASP ASVS 5.0, 6.2).
zxcvbn knows the passwords, names and words that are used most, rows of keys, dates and
repetitions, and takes what is known of the person as one more list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bloop.accounts.login.errors import PasswordRefusedError
from bloop.accounts.login.hashing import in_turn, normal

SHORTEST = 12
LONGEST = 128
LEAST_SCORE = 3
"""Of zxcvbn's four: more than 10^8 guesses, where the delays allow some hundreds a day."""

_LOOKED_AT = 72
"""zxcvbn's effort grows with the square of the length, and this much settles the matter."""


async def check(password: str, about: Iterable[str]) -> None:
    """Raise PasswordRefusedError for a password that is too short, too long or easy to guess.

    ``about`` are words that those who know the person would try: their name, their address.
    """
    text = normal(password)
    if len(text) < SHORTEST:
        raise PasswordRefusedError("short", f"a password has at least {SHORTEST} characters")
    if len(text) > LONGEST:
        raise PasswordRefusedError("long", f"a password has at most {LONGEST} characters")
    words = words_of(about)
    if await in_turn(lambda: _score(text, words)) < LEAST_SCORE:
        raise PasswordRefusedError(
            "guessable", "this password is easy to guess: a common one, or one about you"
        )


def words_of(about: Iterable[str]) -> list[str]:
    """Each text and the words in it, in lower case: zxcvbn compares whole words."""
    found: set[str] = set()
    for text in about:
        lower = text.lower()
        found |= {lower, *re.split(r"[\W_]+", lower)}
    return sorted(word for word in found if len(word) > 2)


def _score(text: str, words: list[str]) -> int:
    from zxcvbn import zxcvbn

    found: int = zxcvbn(text[:_LOOKED_AT], user_inputs=words)["score"]
    return found

"""What hides a secret, a card or personal data: names of keys, and patterns in texts."""

from __future__ import annotations

import functools
import re

MASK = "**********"
MAX_TEXT = 8 * 1024

_SECRET_KEY = re.compile(
    r"(?:^|_)(?:tokens?|secrets?|pass(?:word|wd|phrase)?|pwd|authorization|cookies?|credentials?"
    r"|api_?key|private_?key|signing_?key|access_?key|session|csrf|otp|totp|pin|jwt|bearer"
    r"|e_?mails?|phone|mobile|birth_?(?:day|date)|(?:given|family|first|last|full|display)_name)"
    r"(?:_(?:id|value|hash|header|hint|raw))?$"
)
# `nextPageToken` and `X-Api-Key` are the same words as `next_page_token` and `x_api_key`.
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")

# Each alternative starts where a run of its characters starts, so that the search stays linear.
_PATTERN = re.compile(
    r"(?P<scheme>\b(?:bearer|basic|digest|negotiate)\s{1,4})[\w.~+/=-]{6,}"
    r"|(?P<user>(?<![\w+.-])[a-z][a-z0-9+.-]{0,30}://)[^/\s@\"'<>]{0,512}@"
    r"|(?P<query>[?&;](?:[\w.-]{0,40}(?:token|secret|password|passwd|signature|api_?key|verifier)"
    r"[\w.-]{0,40}|sig|key|code|auth|state|credential|email)=)[^&#;\s\"'<>]+"
    r"|(?P<pair>(?<![\w-])[\w-]{0,40}(?:password|passwd|secret|(?:access|refresh|id|api|auth)"
    r"[_-]?token|api[_-]?key)[\"']?\s{0,4}[=:]\s{0,4}[\"']?)(?!\*)[^\s\"',;&)}\]]{3,}"
    # Moodle's file links for mail and calendars hold their key in the path.
    r"|(?P<path>\btokenpluginfile\.php/)\w{16,}"
    r"|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?<![\w-])(?:sk|pk|rk|whsec|xox[abprs]|gh[opsur]|glpat|secret|ntn|bloop_(?:pat|key|rt))"
    r"[-_][A-Za-z0-9_-]{16,}"
    r"|(?<!\w)\d{1,8}~[A-Za-z0-9]{40,}"
    # A card's number (ISO/IEC 7812), as people type it.
    r"|(?P<card>(?<![\w.-])(?:3[47]\d\d[ -]?\d{6}[ -]?\d{5}"
    r"|[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7})(?![\w-]))"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+",
    re.IGNORECASE,
)


def is_private(key: str) -> bool:
    """Whether a value under this key is a secret or personal, whatever it looks like."""
    return _is_private_key(key[-200:])


@functools.lru_cache(maxsize=4096)
def _is_private_key(key: str) -> bool:
    return _SECRET_KEY.search(_WORDS.sub("_", key).lower()) is not None


def mask_text(text: str, limit: int = MAX_TEXT) -> str:
    """The text without credentials, cards and mail addresses, its first ``limit`` characters."""
    if len(text) > limit:
        # What is cut off is not searched; a credential that the cut splits must not slip by.
        text = f"{text[:limit].rpartition(' ')[0] or text[:limit]} [{len(text)} characters]"
    return _PATTERN.sub(_kept, text)


def _kept(match: re.Match[str]) -> str:
    groups = match.groupdict()
    if card := groups.pop("card"):
        return MASK if _is_card(card) else card
    prefix = next((part for part in groups.values() if part), "")
    return f"{prefix}{MASK}@" if groups["user"] else f"{prefix}{MASK}"


def _is_card(text: str) -> bool:
    """Whether the last digit is what the others make it (Luhn)."""
    digits = [int(one) for one in reversed(text) if one.isdigit()]
    return (sum(digits[::2]) + sum(sum(divmod(2 * one, 10)) for one in digits[1::2])) % 10 == 0

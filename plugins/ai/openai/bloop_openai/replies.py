"""What the SDK gives, read with distrust: it builds its objects from whatever a server sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bloop_sdk.providers.ai import Message

LETTERS = 4
"""Characters of a token, as a rule of thumb for servers that do not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An answer, or a piece of one; ``finish`` is why it ended, empty where it has not.

    ``refused`` is that the model declines instead; what it says then is no answer.
    """

    text: str
    finish: str
    refused: bool = False


@dataclass(slots=True)
class Counted:
    """Tokens of a request: guessed until the server tells."""

    tokens_in: int = 0
    tokens_out: int = 0
    exact: bool = False
    _letters: int = 0

    def wrote(self, text: str) -> None:
        """The model has written some more."""
        self._letters += len(text)
        if not self.exact:
            self.tokens_out = -(-self._letters // LETTERS)

    def told(self, found: Any) -> None:
        """Take the server's count, if it is one."""
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        sent, written, total = (getattr(found, name, None) for name in names)
        if isinstance(sent, int) and isinstance(written, int) and sent >= 0 and written >= 0:
            if isinstance(total, int):
                # xAI and Gemini charge for thinking as for an answer, and tell of it in the total.
                written = max(written, total - sent)
            self.tokens_in, self.tokens_out, self.exact = sent, written, True


def counted(found: Any, messages: Sequence[Message]) -> Counted:
    """What an answer took."""
    result = Counted(tokens_in=guess(messages))
    result.wrote(choice_of(found).text)
    result.told(getattr(found, "usage", None))
    return result


def guess(messages: Sequence[Message]) -> int:
    """Tokens of what is sent, roughly."""
    return -(-sum(len(one.text) for one in messages) // LETTERS)


def choice_of(found: Any) -> Choice:
    """The answer of a completion."""
    first = _first(found)
    return _choice(first, getattr(first, "message", None))


def piece_of(chunk: Any) -> Choice:
    """The piece of a stream's chunk; the one with the usage has none."""
    first = _first(chunk)
    return _choice(first, getattr(first, "delta", None))


def sendable(text: str) -> str:
    """A text as UTF-8 can carry it: halves of surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _choice(first: Any, said: Any) -> Choice:
    return Choice(
        text=_text(getattr(said, "content", None)),
        finish=_text(getattr(first, "finish_reason", None)),
        refused=bool(_text(getattr(said, "refusal", None)).strip()),
    )


def _first(found: Any) -> Any:
    choices = getattr(found, "choices", None)
    return choices[0] if isinstance(choices, list) and choices else None


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""

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
    """An answer, or a piece of one; ``finish`` is why it ended, empty where it has not."""

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
        sent, written = (
            getattr(found, name, None) for name in ("prompt_tokens", "completion_tokens")
        )
        if isinstance(sent, int) and isinstance(written, int) and sent >= 0 and written >= 0:
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
    message = getattr(first, "message", None)
    return Choice(
        text=_text(getattr(message, "content", None)),
        finish=_text(getattr(first, "finish_reason", None)),
        refused=bool(_text(getattr(message, "refusal", None)).strip()),
    )


def piece_of(chunk: Any) -> Choice:
    """The piece of a stream's chunk; the one with the usage has none."""
    first = _first(chunk)
    delta = getattr(first, "delta", None)
    text = _text(getattr(delta, "content", None)) or _text(getattr(delta, "refusal", None))
    return Choice(text=text, finish=_text(getattr(first, "finish_reason", None)))


def sendable(text: str) -> str:
    """A text as UTF-8 can carry it: halves of surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _first(found: Any) -> Any:
    choices = getattr(found, "choices", None)
    return choices[0] if isinstance(choices, list) and choices else None


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""

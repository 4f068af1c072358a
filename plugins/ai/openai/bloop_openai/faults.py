"""What goes wrong, in the contract's words: the SDK's errors are translated here and nowhere else.

Of a prompt nothing may get into a log. A server may repeat it in its errors, and the SDK keeps
those whole: so its errors are no cause of ours, and of a server's words only those are told that
are not the prompt's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator, Sequence

import openai

from bloop_openai.config import OpenAIConfig
from bloop_sdk import (
    AuthError,
    BloopError,
    BudgetError,
    ConfigError,
    DeadlineError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    UnavailableError,
    UnsupportedError,
)
from bloop_sdk.providers.ai import Message

QUOTA = frozenset({"insufficient_quota", "billing_not_active"})
TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length"})
FILTERED = frozenset({"content_filter", "content_policy_violation"})
_FORMAT = re.compile(
    r"response_?format|json_?schema|json_?object|json mode|grammar|guided|structured", re.IGNORECASE
)
# Not the name of a limit but its value is wrong, in the words of OpenAI, vLLM, DeepSeek, llama.cpp.
_TOO_MUCH = re.compile(
    r"(is|are) too (large|long)|request too large|at most \d+ |must be at least|valid range of|"
    r"(context|maximum) (length|size|window)|tokens must be reduced",
    re.IGNORECASE,
)
_QUOTED = 24
"""So many characters in a row of a prompt are a quotation."""


@contextlib.contextmanager
def translated(config: OpenAIConfig, messages: Sequence[Message] = ()) -> Iterator[None]:
    """Raise the contract's errors in place of the SDK's and of what it stumbles over."""
    try:
        yield
    except openai.APIError as err:
        raise told(err, config, messages) from None
    except BloopError as err:
        raise _with_cure(err, config) from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise garbled(config, "an answer that says it is JSON and is not") from None


def told(err: openai.APIError, config: OpenAIConfig, messages: Sequence[Message]) -> BloopError:
    """The error of the contract that says what one of the SDK's means."""
    if isinstance(err, openai.APIStatusError):
        return _of_status(err, config, messages)
    if isinstance(err.__cause__, BloopError):
        return _with_cure(err.__cause__, config)
    if isinstance(err, openai.APITimeoutError):
        return DeadlineError(f"{config.host} did not answer in time", cure="try again later")
    if isinstance(err, openai.APIResponseValidationError):
        return garbled(config, "something else than the API's JSON")
    if err.body is not None:  # An error in the middle of a stream.
        return UnavailableError(
            f"{config.host} broke its answer off: {_words(err, messages)}", cure="try again later"
        )
    return UnavailableError(f"{config.host} is not reached", cure="try again later")


def _of_status(
    err: openai.APIStatusError, config: OpenAIConfig, messages: Sequence[Message]
) -> BloopError:
    status, what = err.status_code, f"{config.host} answered {err.status_code}"
    words = _words(err, messages)
    if status == 401:
        return AuthError(
            f"{what}: the key is refused",
            cure="set api_key of the plugin openai to one that is valid",
        )
    if status == 403:
        return PermissionMissingError(
            f"{what}: {words}",
            permission=f"model {config.model}",
            cure="give the key's project access to the model, or set another model",
        )
    if status == 404:
        return _not_found(err, config)
    if status == 402 or (status == 429 and QUOTA & {err.type, err.code}):
        return BudgetError(
            f"{what}: the account's quota is used up ({err.code or err.type or 'no credit'})",
            cure="add credit or raise the limit in the account of the API; waiting does not help",
        )
    if _is_too_much(err):
        return UnsupportedError(
            f"{what}: the text, with room for its answer, is too long for {config.model} or for "
            "the account",
            cure="ask with less, or set a model with a larger context and longer answers",
        )
    if status == 429:
        return RateLimitedError(what, cure="try again later")
    if status >= 500 or status == 408:
        return UnavailableError(f"{what}: {words}", cure="try again later")
    if err.code in FILTERED:
        return filtered(config)
    return FatalError(f"{what}: {words}", cure="see bloop openai check, and the server's log")


def _not_found(err: openai.APIStatusError, config: OpenAIConfig) -> ConfigError:
    # Azure calls a model by its deployment.
    if "model" in str(err.message).lower() or err.code == "DeploymentNotFound":
        return ConfigError(
            f"plugins.openai: model: {config.host} has no model {config.model!r}",
            cure="set model to one that `bloop openai check` lists",
        )
    return ConfigError(
        f"plugins.openai: base_url: there is no API at {config.base_url}",
        cure="set base_url to where it is; most end in /v1",
    )


def _is_too_much(err: openai.APIStatusError) -> bool:
    """Whether a request is refused for its length, or for that of the answer it has room for."""
    if err.status_code not in {400, 413, 422, 429}:
        return False
    return err.code in TOO_LONG or bool(_TOO_MUCH.search(_said(err)))


def was_sent(err: BaseException) -> bool:
    """Whether what failed so may have reached who was asked, and be charged for."""
    cause = err.__cause__ if isinstance(err, openai.APIConnectionError) else err
    if isinstance(cause, UnavailableError | DeadlineError):
        return cause.code != "unreachable"
    return isinstance(cause, asyncio.CancelledError)


def is_about_format(err: openai.APIStatusError) -> bool:
    """Whether a server refuses the way in which it was asked for JSON."""
    if err.status_code not in {400, 404, 415, 422, 500, 501} or err.code in TOO_LONG | FILTERED:
        return False
    return bool(_FORMAT.search(f"{err.param or ''} {err.message}"))


def is_about(err: openai.APIStatusError, parameter: str) -> bool:
    """Whether a server refuses a parameter by its name."""
    named = parameter in {err.param, *re.findall(r"\w+", str(err.message))}
    return err.status_code in {400, 422} and named and not _is_too_much(err)


def garbled(config: OpenAIConfig, what: str) -> FatalError:
    """For what no server of this API says."""
    return FatalError(
        f"{config.host} gave {what}",
        cure=f"see whether base_url is right ({config.base_url}); most end in /v1",
        code="garbled",
    )


def broken(config: OpenAIConfig, why: str = "") -> UnavailableError:
    """For an answer that ends before it is whole, through no fault of who asked."""
    told = f" ({why})" if why else ""
    return UnavailableError(f"{config.host} broke its answer off{told}", cure="try again later")


def filtered(config: OpenAIConfig) -> UnsupportedError:
    """For what a filter has kept back."""
    return UnsupportedError(
        f"a content filter of {config.host} kept the answer back",
        cure="word it in another way, or set another model",
        code="content_filter",
    )


def refused(config: OpenAIConfig) -> UnsupportedError:
    """For a model that will not answer; what it says instead may tell of the prompt."""
    return UnsupportedError(
        f"{config.model} refuses to answer this",
        cure="word it in another way, or set another model",
        code="refused",
    )


def too_slow(config: OpenAIConfig, seconds: float) -> DeadlineError:
    """For an answer that was not whole in time."""
    return DeadlineError(
        f"{config.model} had not answered after {seconds:g} s",
        cure="try again later, or set a faster model",
    )


def cut(config: OpenAIConfig, tokens: int) -> UnsupportedError:
    """For an answer that is longer than it may be."""
    return UnsupportedError(
        f"the answer of {config.model} is longer than the {tokens} tokens that it may have",
        cure="ask for less at once; a model that thinks first uses up some of them for that",
        code="answer_cut",
    )


def _with_cure(err: BloopError, config: OpenAIConfig) -> BloopError:
    if err.code == "address_refused":
        return FatalError(
            err.message,
            cure=f"for a server in your own network the operator writes in hub.toml: "
            f'[net] allow = ["{config.host}"]',
            code=err.code,
        )
    if not err.cure:
        err.cure = "try again later"
    return err


def _said(err: openai.APIError) -> str:
    return str(err.body.get("message") or "") if isinstance(err.body, dict) else ""


def _words(err: openai.APIError, messages: Sequence[Message]) -> str:
    """What the server says, unless it repeats what it was told."""
    found = _said(err) or err.code or err.type or "no reason given"
    text = " ".join(str(found).split())[:200]
    pieces = {text[at : at + _QUOTED] for at in range(max(1, len(text) - _QUOTED + 1))}
    prompt = " ".join(" ".join(one.text for one in messages).split())
    if any(piece in prompt for piece in pieces if len(piece) == _QUOTED):
        return str(err.code or err.type or "its words are left out, they repeat the prompt")
    return text

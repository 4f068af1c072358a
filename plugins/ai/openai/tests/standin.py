"""OpenAI's API as its documentation describes it, without a model: it says what it is told to.

https://developers.openai.com/api/docs/api-reference/chat, .../guides/structured-outputs,
.../guides/error-codes, .../guides/rate-limits. Requests are held to the SDK's own types, which are
made from OpenAI's specification.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import get_type_hints

from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter, ValidationError

from bloop_sdk.http import Response

KEY = "sk-good"
STRICT = {
    "type", "properties", "required", "additionalProperties", "items", "anyOf", "enum", "const",
    "$ref", "$defs", "description",
}  # fmt: skip
"""What every strict decoder takes; OpenAI itself takes some bounds besides."""


@cache
def adapter(streamed):
    kind = CompletionCreateParamsStreaming if streamed else CompletionCreateParamsNonStreaming
    return TypeAdapter(kind), set(get_type_hints(kind))


class RefusalError(Exception):
    def __init__(self, status, message, code=None, kind="invalid_request_error", param=None):
        self.status = status
        error = {"message": message, "type": kind, "param": param, "code": code}
        self.body = {"error": error}


class Standin:
    """``formats`` are the response formats that it knows; ``enforces`` whether it keeps to them."""

    def hang(self):
        self.answers.append("hang")

    def cut(self):
        self.cuts = True

    def stop(self):
        self.away = True

    def start(self):
        self.away = False

    def close(self):
        pass

    def __init__(self, model="gpt-5-mini", formats=("json_schema", "json_object")):
        self.settings = {"api_key": KEY, "model": model}
        self.model = model
        self.formats = set(formats)
        self.refused_names = set()
        self.answers = []
        self.asked = []
        self.requests = []
        self.headers = []
        self.away = self.cuts = False
        self.counts = True
        self.thought = 0
        self.piece = 7

    def say(self, *answers):
        """Texts; dicts are laid over the choice (``finish_reason``, ``refusal``); or Refusals."""
        self.answers += answers

    def refuse(self, *args, headers=None, **kwargs):
        refusal = RefusalError(*args, **kwargs)
        refusal.headers = headers or {}
        self.answers.append(refusal)

    async def answer(self, request):
        """For the kit: a request as it arrives."""
        path = request.url.split("/", 3)[3]
        return await self.reply(request.method, f"/{path}", request.headers, request.body or b"")

    async def reply(self, method, path, headers, body):
        self.headers.append(dict(headers))
        try:
            return await self._reply(method, path, headers, body)
        except RefusalError as err:
            own = getattr(err, "headers", {})
            return _response(err.body, err.status, **{"x-request-id": "req_1", **own})

    async def _reply(self, method, path, headers, body):
        if self.away:
            raise RefusalError(
                503,
                "The engine is currently overloaded, please try again later",
                kind="server_error",
            )
        if headers.get("authorization") != f"Bearer {KEY}":
            raise RefusalError(401, "Incorrect API key provided: sk-***.", code="invalid_api_key")
        if (method, path) == ("GET", "/v1/models"):
            data = [{"id": self.model, "object": "model", "created": 1, "owned_by": "openai"}]
            return _response({"object": "list", "data": data})
        if (method, path) != ("POST", "/v1/chat/completions"):
            raise RefusalError(404, f"Invalid URL ({method} {path})")
        return await self._complete(json.loads(body))

    async def _complete(self, asked):
        self.requests.append(asked)
        self._check(asked)
        self.asked.append("\n".join(one["content"] for one in asked["messages"]))
        said = self.answers.pop(0) if self.answers else asked["messages"][-1]["content"]
        if isinstance(said, RefusalError):
            raise said
        if said == "hang":
            await asyncio.Event().wait()
        choice = said if isinstance(said, dict) else {"content": said}
        text = choice.get("content") or ""
        usage = {
            "prompt_tokens": sum(len(one["content"]) for one in asked["messages"]) // 4 + 3,
            "completion_tokens": len(text) // 4 + 1,
        }
        # xAI's and Gemini's way: what was thought is in the total alone.
        usage["total_tokens"] = sum(usage.values()) + self.thought
        if asked.get("stream"):
            return self._stream(asked, choice, text, usage)
        message = {
            "role": "assistant",
            "content": choice.get("content"),
            "refusal": choice.get("refusal"),
        }
        finish = choice.get("finish_reason", "stop")
        whole = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        body = self._head("chat.completion") | {"choices": [whole]}
        return _response(body | ({"usage": usage} if self.counts else {}))

    def _head(self, kind):
        return {"id": "chatcmpl-1", "object": kind, "created": 1790000000, "model": self.model}

    def _stream(self, asked, choice, text, usage):
        head = self._head("chat.completion.chunk")
        pieces = [text[at : at + self.piece] for at in range(0, len(text), self.piece)]
        deltas = [{"role": "assistant", "content": ""}, *({"content": one} for one in pieces)]
        events = [
            head | {"choices": [{"index": 0, "delta": one, "finish_reason": None}]}
            for one in deltas
        ]
        if refusal := choice.get("refusal"):
            delta = {"refusal": refusal}
            events.append(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        finish = choice.get("finish_reason", "stop")
        events.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        if (asked.get("stream_options") or {}).get("include_usage"):
            events.append(head | {"choices": [], "usage": usage})
        lines = [f"data: {json.dumps(one)}\n\n" for one in events] + ["data: [DONE]\n\n"]
        if self.cuts:
            self.cuts, lines = False, lines[: len(pieces) // 2 + 1]
        body = "".join(lines).encode()
        return Response(
            status=200,
            headers={"content-type": "text/event-stream; charset=utf-8"},
            body=body,
            url="",
        )

    def _check(self, asked):
        """What the documentation says of requests."""
        known, names = adapter(bool(asked.get("stream")))
        for name in asked:
            if name not in names or name in self.refused_names:
                raise RefusalError(
                    400,
                    f"Unsupported parameter: '{name}' is not supported with this model.",
                    code="unsupported_parameter",
                    param=name,
                )
        try:
            known.validate_python(asked)
        except ValidationError as err:
            raise AssertionError(f"no request of OpenAI's: {err}") from err
        if asked["model"] != self.model:
            raise RefusalError(
                404,
                f"The model `{asked['model']}` does not exist or you do not have access to it.",
                code="model_not_found",
            )
        self._check_format(asked)

    def _check_format(self, asked):
        form = asked.get("response_format")
        if form is None:
            return
        if form["type"] not in self.formats:
            raise RefusalError(
                400,
                f"Invalid parameter: 'response_format' of type '{form['type']}' is not supported "
                "with this model.",
                param="response_format",
            )
        if form["type"] == "json_object":
            if not any("json" in one["content"].lower() for one in asked["messages"]):
                raise RefusalError(
                    400,
                    "'messages' must contain the word 'json' in some form, to use "
                    "'response_format' of type 'json_object'.",
                    param="messages",
                )
            return
        schema = form["json_schema"]["schema"]
        assert form["json_schema"]["strict"] is True
        if schema.get("type") != "object" or "anyOf" in schema:
            raise _invalid("schema must be a JSON Schema of 'type: \"object\"'")
        check_strict(schema, ())


def check_strict(node, where):
    """Raise for what a strict decoder refuses in a schema."""
    context = f"In context={where}"
    if beyond := set(node) - STRICT:
        raise _invalid(f"{context}, '{min(beyond)}' is not permitted.")
    if "$ref" in node and len(node) > 1:
        raise _invalid(f"{context}, $ref cannot have keywords {set(node) - {'$ref'}}.")
    if node.get("type") == "object":
        if node.get("additionalProperties") is not False:
            raise _invalid(f"{context}, 'additionalProperties' is required to be false.")
        if list(node["required"]) != list(node["properties"]):
            raise _invalid(f"{context}, 'required' is required to include every key.")
    elif node.get("type") == "array" and "items" not in node:
        raise _invalid(f"{context}, array schema missing items.")
    elif not {"type", "anyOf", "$ref"} & set(node):
        raise _invalid(f"{context}, schema must have a 'type' key.")
    for name, part in {**node.get("properties", {}), **node.get("$defs", {})}.items():
        check_strict(part, (*where, name))
    for part in [*node.get("anyOf", ()), *([node["items"]] if "items" in node else ())]:
        check_strict(part, (*where, "items"))


def _invalid(why):
    return RefusalError(
        400, f"Invalid schema for response_format 'answer': {why}", param="response_format"
    )


def _response(body, status=200, **headers):
    headers = {"content-type": "application/json", **headers}
    return Response(status=status, headers=headers, body=json.dumps(body).encode(), url="")

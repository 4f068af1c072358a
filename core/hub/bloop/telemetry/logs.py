"""Structured logs: one line an event, as JSON or as calm text, with ids and without secrets.

Everything goes through one handler: structlog's loggers, the standard library's, uvicorn's and
SQLAlchemy's. A log call never raises.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, TextIO, cast

import orjson
import structlog

from bloop.telemetry.context import FIELDS, current
from bloop.telemetry.masking import HOSTILE, mask, mask_mapping
from bloop_sdk._masking import mask_text
from bloop_sdk.plugin import Logger

Format = Literal["json", "text"]
_MAX_TRACEBACK = 12 * 1024
_MAX_FRAMES = 30
_LEVELS = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
_FIRST = ("timestamp", "level", "logger", "event")
# What their own servers log at each request or statement; ours carries the ids.
_QUIET = (
    "asyncio",
    "markdown_it",
    "sqlalchemy.engine",
    "sqlalchemy.pool",
    "uvicorn.access",
    "watchfiles",
)
_TAKEN_OVER = ("uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy", "alembic", "py.warnings")


def configure(level: str = "info", form: Format = "json", stream: TextIO | None = None) -> None:
    """Send every log of the process to ``stream``, standard error by default.

    May be called again, by a test or a worker. Start uvicorn with ``log_config=None``.
    """
    least = _LEVELS[level]
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_Formatter(form, color=form == "text" and _has_color(handler.stream)))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(least)
    for name in _TAKEN_OVER:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=_BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str, **fields: Any) -> Logger:
    """A logger whose lines carry ``fields``: ``get_logger(__name__).info("synced", pages=12)``."""
    return cast("Logger", structlog.get_logger(name, **fields))


class _BoundLogger(structlog.BoundLoggerBase):
    """Asks for the level before anything else is done, and never raises."""

    def debug(self, event: str, *args: Any, **fields: Any) -> None:
        self._write("debug", event, args, fields)

    def info(self, event: str, *args: Any, **fields: Any) -> None:
        self._write("info", event, args, fields)

    def warning(self, event: str, *args: Any, **fields: Any) -> None:
        self._write("warning", event, args, fields)

    def error(self, event: str, *args: Any, **fields: Any) -> None:
        self._write("error", event, args, fields)

    def exception(self, event: str, *args: Any, **fields: Any) -> None:
        self._write("error", event, args, {"exc_info": True, **fields})

    def _write(self, level: str, event: str, args: Any, fields: dict[str, Any]) -> None:
        try:
            if self._logger.isEnabledFor(_LEVELS[level]):
                self._proxy_to_logger(level, _filled(event, args), **fields)
        except HOSTILE:
            return


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Lose the line: a full disk or a closed terminal must not stop the hub."""


class _Formatter(logging.Formatter):
    def __init__(self, form: Format, *, color: bool) -> None:
        super().__init__()
        self._render = _json if form == "json" else _Text(color=color)

    def format(self, record: logging.LogRecord) -> str:
        try:
            return self._render(_event(record))
        except Exception as err:  # noqa: BLE001 - half a line is better than none
            fault = f"a log line could not be written: {type(err).__name__}"
            return self._render(
                {"level": "error", "logger": record.name, "event": fault, "line": record.lineno}
            )


def _event(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a line in their order, masked."""
    message = record.msg
    given = (
        dict(message)
        if isinstance(message, Mapping)
        else {"event": _filled(record.msg, record.args)}
    )
    exc_info = given.pop("exc_info", None) or record.exc_info
    event = {
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": mask(given.pop("event", "")),
        **current(),
        **mask_mapping(given),
    }
    error = _exception(exc_info)
    if error is not None:
        event["error"] = f"{type(error).__name__}: {_text(error)}"
        event["traceback"] = _traceback(error)
    return event


def _filled(message: Any, args: Any) -> str:
    try:
        return str(message) % args if args else str(message)
    except HOSTILE:
        return f"{mask(message)} (its arguments do not fit)"


def _exception(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    found = exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else None
    return found[1] if found else None


def _text(error: BaseException) -> str:
    try:
        return mask_text(str(error), 1024)
    except HOSTILE:
        return "<its text could not be made>"


def _traceback(error: BaseException) -> str:
    """The last frames of the exception and of its causes; values of variables are never shown."""
    try:
        report = traceback.TracebackException(
            type(error), error, error.__traceback__, limit=-_MAX_FRAMES, compact=True
        )
        text = "".join(report.format())
    except HOSTILE:
        return f"{type(error).__name__}: <its traceback could not be made>"
    if len(text) > _MAX_TRACEBACK:
        # The end says what was raised last, the start what began it.
        quarter = _MAX_TRACEBACK // 4
        text = f"{text[:quarter]}\n[{len(text)} characters]\n{text[-3 * quarter :]}"
    return mask_text(text, _MAX_TRACEBACK + 64)


def _json(event: dict[str, Any]) -> str:
    try:
        return orjson.dumps(event).decode()
    except orjson.JSONEncodeError:
        # Half of a surrogate pair is a character to Python and none to UTF-8.
        return orjson.dumps(_encodable(event)).decode()


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_encodable(part) for part in value]
    return value


class _Text:
    """``22:14:03 warning  plugin slow  plugin=canvas ms=1200``, a traceback below it."""

    COLORS: ClassVar = {"debug": "2", "warning": "33", "error": "31", "critical": "31;1"}

    def __init__(self, *, color: bool) -> None:
        self._color = color

    def __call__(self, event: dict[str, Any]) -> str:
        level = str(event.get("level", ""))
        fields = [*FIELDS, *(key for key in event if key not in FIELDS)]
        pairs = " ".join(
            f"{_inline(key)}={_inline(event[key])}"
            for key in fields
            if key in event and key not in {*_FIRST, "traceback"}
        )
        clock = str(event.get("timestamp", ""))[11:19]
        line = f"{clock} {level:<8} {_inline(event['event'], quote=False)}"
        line = f"{line}  {pairs}" if pairs else line
        if self._color and level in self.COLORS:
            line = f"\x1b[{self.COLORS[level]}m{line}\x1b[0m"
        trace = "".join(
            f"\n    {_inline(row, quote=False)}" for row in event.get("traceback", "").splitlines()
        )
        return str(_encodable(line + trace))


def _inline(value: Any, *, quote: bool = True) -> str:
    """A value in one line: nothing in it can start a line of its own or drive the terminal."""
    text = value if isinstance(value, str) else orjson.dumps(_encodable(value)).decode()
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f'"{text}"' if quote and (not text or " " in text) and isinstance(value, str) else text


def _has_color(stream: TextIO) -> bool:
    return "NO_COLOR" not in os.environ and stream.isatty()

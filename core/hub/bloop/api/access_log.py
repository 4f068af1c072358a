"""One line and two metrics for each request.

The line is made and written here: structlog's processors cost more than a read from SQLite. It
holds no query string, which may carry a token; a path is masked where it is not of our making.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import IO, Any

import orjson
from starlette.types import Scope

from bloop.kernel.config_model import LogSection
from bloop.telemetry.logs import get_logger
from bloop_sdk._masking import mask_text

_MOST_SERIES = 2000


class AccessLog:
    """Records what was asked and what was answered."""

    def __init__(self, settings: LogSection, stream: IO[str] | None = None) -> None:
        self._stream = stream
        self._wanted = settings.level in {"debug", "info"}
        self._json = settings.format == "json"
        self._second = 0.0
        self._moment = ""
        self._series: dict[tuple[str, str, int], tuple[Any, Any]] = {}

    def record(self, scope: Scope, status: int, seconds: float) -> None:
        """Note an answered request."""
        route = scope.get("bloop.route")
        template = route.path if route else "unknown"
        key = (route.method if route else "unknown", template, status)
        counter, timer = self._series.get(key) or self._add(key)
        counter.inc()
        timer.observe(seconds)
        if self._wanted:
            self._write(scope, status, seconds, template)

    def failed(self, scope: Scope, error: Exception, status: int) -> None:
        """Note why a request failed: a defect of the hub with its traceback, a refusal not."""
        if status < 500:
            return
        call = scope.get("bloop.call")
        trace = call.trace.trace_id if call else None
        where = f"{scope['method']} {scope['path']}"
        log = get_logger("bloop.api")
        if status == 500:
            log.error("request failed", where=where, trace_id=trace, exc_info=error)
        else:
            log.warning("request refused", where=where, trace_id=trace, reason=str(error))

    def _add(self, key: tuple[str, str, int]) -> tuple[Any, Any]:
        from bloop.telemetry.metrics import metrics

        made = metrics()
        found = made.requests.labels(*key), made.request_seconds.labels(key[1])
        if len(self._series) < _MOST_SERIES:
            self._series[key] = found
        return found

    def _write(self, scope: Scope, status: int, seconds: float, template: str) -> None:
        call = scope.get("bloop.call")
        second, rest = divmod(time.time(), 1)
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            self._second, self._moment = second, moment.isoformat(timespec="seconds")[:19]
        path: str = scope["path"]
        if "@" in path or template == "unknown":
            path = mask_text(path)  # What ours are made of needs no looking through.
        line: dict[str, Any] = {
            "timestamp": f"{self._moment}.{int(rest * 1000):03}+00:00",
            "level": "info",
            "logger": "bloop.access",
            "event": "request",
            "request_id": call.trace.span_id if call else None,
            "trace_id": call.trace.trace_id if call else None,
            "institution": call.institution if call else None,
            "principal": call.principal.id if call else None,
            "method": scope["method"],
            "path": path,
            "route": template,
            "status": status,
            "ms": round(seconds * 1000, 2),
        }
        if self._json:
            text = orjson.dumps(line).decode()
        else:
            shown = orjson.dumps(path).decode()[1:-1]
            text = f"{self._moment[11:]} {scope['method']} {shown} {status} {line['ms']} ms"
        try:
            (self._stream or sys.stderr).write(text + "\n")
        except OSError:
            return  # A closed terminal or a full disk must not stop the hub.

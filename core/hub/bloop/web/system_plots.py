"""The plots of how the hub does, each with its numbers in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bloop.ops.trends import Point, Trend
from bloop.web import plots
from bloop.web.amounts import duration, number, size

RISING = 1.25
"""By this factor the later half has to be above the earlier one to be called more."""

Say = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: ``shapes`` are columns, ``lines`` pairs of a tone and SVG's points.

    ``now`` is the newest value, ``top`` what the plot is as high as, ``said`` how it went.
    """

    title: str
    now: str
    top: str
    said: str
    shapes: Sequence[plots.Shape] = ()
    lines: Sequence[tuple[str, str]] = ()
    legend: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table of all numbers: its heading, and a text for each step."""

    title: str
    values: Sequence[str]


class Plots:
    """Draws a trend for one visitor in their language."""

    def __init__(self, trend: Trend, locale: str, translate: Callable[[str], str]) -> None:
        self._trend = trend
        self._locale = locale
        self._ = translate

    def times(self) -> list[str]:
        """The time of each step."""
        from babel.dates import format_datetime

        form = "HH:mm" if self._trend.range == "1h" else "EEE HH:mm"
        when = [datetime.fromisoformat(point.at) for point in self._trend.points]
        return [format_datetime(one, form, locale=self._locale) for one in when]

    def all(self) -> list[Plot]:
        """Every plot."""
        _ = self._
        return [
            self._requests(),
            self._durations(),
            self._jobs(),
            self._columns(_("Events behind"), "events_behind", self._number),
            self._line(_("Size of the database"), "database_bytes", self._size),
            self._line(_("Free disk"), "free_bytes", self._size),
        ]

    def table(self) -> list[Column]:
        """The same numbers, step by step."""
        _ = self._
        named: list[tuple[str, str, Say]] = [
            (_("Requests"), "requests", self._number),
            (_("Errors"), "errors", self._number),
            (_("Half within"), "p50", self._duration),
            (_("95 of 100 within"), "p95", self._duration),
            (_("Jobs waiting"), "jobs_waiting", self._number),
            (_("Jobs failed"), "jobs_failed", self._number),
            (_("Events behind"), "events_behind", self._number),
            (_("Database"), "database_bytes", self._size),
            (_("Free disk"), "free_bytes", self._size),
        ]
        return [
            Column(title, ["–" if one is None else say(one) for one in self._values(name)])
            for title, name, say in named
        ]

    def _requests(self) -> Plot:
        _, requests, errors = self._, self._values("requests"), self._values("errors")
        known, failed = sum(map(_zero, requests)), sum(map(_zero, errors))
        most = max(map(_zero, requests), default=0)
        told = _("{count} in all, {errors} of them failed.").format(
            count=self._number(known), errors=self._number(failed)
        )
        return Plot(
            _("Requests"),
            self._number(known),
            self._number(most),
            f"{told} {self._trend_of(requests, self._number)}",
            shapes=[
                *plots.columns([round(_zero(one)) for one in requests], round(most)),
                *_only(errors, round(most)),
            ],
            legend=[("some", _("answered")), ("bad", _("failed"))],
        )

    def _durations(self) -> Plot:
        _, half, most_of = self._, self._values("p50"), self._values("p95")
        top = max(map(_zero, most_of), default=0.0)
        p50, p95 = self._trend.p50, self._trend.p95
        told = _("No requests.")
        if p50 is not None and p95 is not None:
            told = _("Half were answered within {half}, 95 of 100 within {most}.").format(
                half=self._duration(p50), most=self._duration(p95)
            )
        return Plot(
            _("Time to answer"),
            "–" if p95 is None else self._duration(p95),
            self._duration(top) if top else "–",
            f"{told} {self._trend_of(most_of, self._duration)}",
            lines=[
                *(("soft", line) for line in plots.lines(half, top)),
                *(("some", line) for line in plots.lines(most_of, top)),
            ],
            legend=[("soft", _("half")), ("some", _("95 of 100"))],
        )

    def _jobs(self) -> Plot:
        _, failed = self._, self._values("jobs_failed")
        waiting = self._values("jobs_waiting")
        most = round(max(map(_zero, [*waiting, *failed]), default=0))
        count = sum(map(_zero, failed))
        told = _("{count} failed for good.").format(count=self._number(count))
        return Plot(
            _("Jobs waiting"),
            self._newest(waiting, self._number),
            self._number(most),
            f"{told} {self._trend_of(waiting, self._number)}",
            shapes=[
                *plots.columns([round(_zero(one)) for one in waiting], most),
                *_only(failed, most),
            ],
            legend=[("some", _("waiting")), ("bad", _("failed"))],
        )

    def _columns(self, title: str, name: str, say: Say) -> Plot:
        values = self._values(name)
        top = max(map(_zero, values), default=0)
        shapes = plots.columns([round(_zero(one)) for one in values])
        newest = self._newest(values, say)
        return Plot(title, newest, say(top), self._trend_of(values, say), shapes=shapes)

    def _line(self, title: str, name: str, say: Say) -> Plot:
        values = self._values(name)
        known = [one for one in values if one is not None]
        top = say(max(known)) if known else "–"
        shown = [("some", line) for line in plots.lines(values)]
        newest = self._newest(values, say)
        return Plot(title, newest, top, self._trend_of(values, say), lines=shown)

    def _trend_of(self, values: Sequence[float | None], say: Say) -> str:
        """How the later half compares with the earlier one, in words."""
        _ = self._
        known = [one for one in values if one is not None]
        half = len(known) // 2
        if not half:
            return _("Too little is known yet for a trend.")
        before, after = sum(known[:half]) / half, sum(known[half:]) / (len(known) - half)
        low, high = say(round(min(known), 4)), say(round(max(known), 4))
        if low == high:
            return _("Always {value}.").format(value=low)
        words = _("About the same all the time, between {low} and {high}.")
        if after > before * RISING:
            words = _("More lately: from {before} to {after} on average.")
        elif before > after * RISING:
            words = _("Less lately: from {before} to {after} on average.")
        shown = {"before": say(_rounded(before)), "after": say(_rounded(after))}
        return words.format(low=low, high=high, **shown)

    def _newest(self, values: Sequence[float | None], say: Say) -> str:
        return next((say(one) for one in reversed(values) if one is not None), "–")

    def _values(self, name: str) -> list[float | None]:
        return [_value(point, name) for point in self._trend.points]

    def _number(self, value: float) -> str:
        return number(value, self._locale)

    def _size(self, value: float) -> str:
        return size(value, self._locale)

    def _duration(self, value: float) -> str:
        return duration(value, self._locale)


def _value(point: Point, name: str) -> float | None:
    found: float | None = getattr(point, name)
    return found


def _zero(value: float | None) -> float:
    return value or 0


def _rounded(value: float) -> float:
    """To one digit behind the point, or three of what is less than one."""
    return round(value, 1 if value >= 1 else 3)


def _only(values: Sequence[float | None], most: int) -> list[plots.Shape]:
    """Columns of what went wrong, where anything did."""
    shapes = plots.columns([round(_zero(one)) for one in values], most)
    return [
        plots.Shape(one.x, one.y, one.width, one.height, "bad")
        for one in shapes
        if one.tone == "some"
    ]


def marks(times: Sequence[str]) -> tuple[str, str]:
    """The first and the last time of a plot."""
    return (times[0], times[-1]) if times else ("", "")

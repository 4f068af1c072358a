"""What is known of one credential at one host: who is in flight, what was sent, what is left.

A :class:`Book` is plain data that fits into a cell of a shared store. All its times are seconds of
one clock, the store's.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from bloop_sdk._http.wire import Pace
from bloop_sdk.manifest import Bucket

WHEN_GIVEN_BACK = math.inf
"""A pause that ends when somebody gives back a place, not at a known time."""

WAITER_SECONDS = 1.0
_CLOCK_SLACK = 5.0
# A window keeps so many times at most; those nearer to each other than that count as the later.
_MOST_TIMES = 100
_MOST_AHEAD = 100_000
_PEAK_DECAY = 0.98
_CAUTION = 2.0
# What was told longer ago is no longer believed: others may have asked with the same credential.
_TOLD_SECONDS = 60.0


@dataclass(slots=True)
class Book:
    """Requests of one credential to one host, in flight and sent, and the bucket that they empty.

    ``flights`` are places, with the end of their lease and ``spent`` as they were taken;
    ``waiting`` are processes, with since and until when; ``sent`` holds ``[time, requests]`` for
    each window, by its seconds.

    ``left`` is what the other side's bucket held at ``left_at``, without what requests in flight
    are charged up front; None while nobody has told. ``full`` is the most that anybody told,
    ``spent`` what all requests have cost since the book was begun. Until ``silent_until`` the host
    is taken for one without a bucket, as one that files are fetched from.
    """

    flights: dict[str, list[float]] = field(default_factory=dict)
    waiting: dict[str, list[float]] = field(default_factory=dict)
    sent: dict[str, list[list[float]]] = field(default_factory=dict)
    held_until: float = 0.0
    left: float | None = None
    left_at: float = 0.0
    full: float = 0.0
    silent_until: float = 0.0
    peak: float = 0.0
    spent: float = 0.0
    written_at: float = 0.0

    @classmethod
    def read(cls, text: bytes | str, now: float) -> Book:
        """The book that ``write`` made; a new one where that is of a clock that was set back."""
        if not text:
            return cls()
        book = cls(**orjson.loads(text))
        return cls() if book.written_at > now + _CLOCK_SLACK else book

    def write(self, now: float) -> bytes:
        """As text for a shared store."""
        self.written_at = now
        return orjson.dumps(self)

    def take(self, now: float, pace: Pace, process: str, place: str, until: float) -> float:
        """Take a place for one request, to be sent now, and give 0.

        Otherwise nothing is taken but a place in the line of ``process``, and the seconds are given
        after which it may ask again.
        """
        self._forget(now, pace)
        since = self.waiting[process][0] if process in self.waiting else now
        ahead = sum(
            1 for name, (other, _) in self.waiting.items() if name != process and other < since
        )
        room = pace.at_once - len(self.flights)
        pause = self.held_until - now
        for count, seconds in pace.windows:
            free, wait = self._window(now, count, seconds)
            room, pause = min(room, free), max(pause, wait)
        pause = max(pause, self._bucket_pause(now, pace.bucket, ahead))
        if pause <= 0 and room <= ahead:
            pause = WHEN_GIVEN_BACK
        if pause > 0:
            soon = WAITER_SECONDS + (pause if math.isfinite(pause) else 0.0)
            self.waiting[process] = [since, now + soon]
            return pause
        self.waiting.pop(process, None)
        self.note(now, pace, place, until)
        return 0.0

    def note(self, now: float, pace: Pace, place: str, until: float) -> None:
        """A request that is sent now, whether it may be or not."""
        self.flights[place] = [until, self.spent]
        for count, seconds in pace.windows:
            times = self.sent.setdefault(f"{seconds:g}", [])
            step = seconds / _MOST_TIMES if count > _MOST_TIMES else 0.0
            if times and step and now // step == times[-1][0] // step:
                times[-1] = [now, times[-1][1] + 1]
            else:
                times.append([now, 1])

    def copied(self) -> Book:
        """What :meth:`ahead` needs of it."""
        sent = {of: [list(entry) for entry in times] for of, times in self.sent.items()}
        return Book(sent=sent, held_until=self.held_until)

    def ahead(self, now: float, windows: Sequence[tuple[int, float]], requests: int) -> float:
        """Seconds until so many requests more are sent, each as soon as the windows let it."""
        sent = []
        for count, seconds in windows:
            times = self.sent.get(f"{seconds:g}", [])
            known = (time for time, number in times for _ in range(int(number)))
            sent.append((deque(known, maxlen=count), count, seconds))
        at = max(now, self.held_until)
        for _ in range(min(requests, _MOST_AHEAD)):
            for last, count, seconds in sent:
                if len(last) == count:
                    at = max(at, last[0] + seconds)
            for last, _count, _seconds in sent:
                last.append(at)
        return at - now

    def renew(self, place: str, until: float) -> None:
        """Prolong the lease of a place, or take it up again where the book has lost it."""
        self.flights.setdefault(place, [until, self.spent])[0] = until

    def give_back(self, place: str, bucket: Bucket | None, *, answered: bool) -> None:
        """The request is over. One without an answer may have cost something all the same."""
        if self.flights.pop(place, None) and bucket and not answered and self.left is not None:
            self.left -= bucket.in_flight

    def learn_nothing(self, now: float) -> None:
        """An answer does not tell of any bucket."""
        if self.left is None:
            self.silent_until = now + _TOLD_SECONDS

    def learn(
        self, now: float, bucket: Bucket, place: str, remaining: float, cost: float | None
    ) -> None:
        """What an answer tells of the bucket, while its request still has its place.

        ``remaining`` is less what others in flight are charged, as far as they have arrived there:
        the truth lies between it and the same with all of these charges added. Answers may have
        overtaken this one: what theirs cost may still have to be taken off. Within these bounds
        our own account is the better one.
        """
        _, spent = self.flights.get(place, (0.0, 0.0))
        others = len(self.flights) - (place in self.flights)
        least = remaining - (self.spent - spent)
        # An answer that tells no cost refuses: then somebody else asks as well, unseen by us.
        told, cost = cost is not None, cost or 0.0
        most = remaining + (bucket.in_flight * others if told else 0.0)
        left = remaining if self.left is None else self._left(now, bucket) - cost
        self.left, self.left_at = min(max(left, least), most), now
        self.full = max(self.full, remaining)
        self.peak = max(cost, self.peak * _PEAK_DECAY, 0.0 if told else _CAUTION * bucket.in_flight)
        self.spent += cost

    def leave(self, process: str) -> None:
        """Give up the place in the line."""
        self.waiting.pop(process, None)

    def idle(self, now: float) -> bool:
        """Whether an empty book would say the same, or nearly so."""
        last = [times[-1][0] + float(of) for of, times in self.sent.items() if times]
        return not self.flights and now > max(self.held_until, self.left_at + _TOLD_SECONDS, *last)

    def _forget(self, now: float, pace: Pace) -> None:
        for place in [place for place, (until, _) in self.flights.items() if until <= now]:
            del self.flights[place]
        for name in [name for name, (_, until) in self.waiting.items() if until <= now]:
            del self.waiting[name]
        kept = {f"{seconds:g}": seconds for _, seconds in pace.windows}
        self.sent = {
            of: [entry for entry in times if entry[0] > now - kept[of]]
            for of, times in self.sent.items()
            if of in kept
        }

    def _window(self, now: float, count: int, seconds: float) -> tuple[int, float]:
        """Requests that this window still has room for, and seconds until it has."""
        times = self.sent.get(f"{seconds:g}", [])
        free = count - int(sum(number for _, number in times))
        over = 1 - free
        for time, number in times:
            if over <= 0:
                break
            over -= int(number)
            pause = time + seconds - now
            if over <= 0:
                return free, pause
        return free, 0.0

    def _left(self, now: float, bucket: Bucket) -> float:
        assert self.left is not None, "asked for once it is known"
        grown = self.left + bucket.refill * max(0.0, now - self.left_at)
        # What it ever held is a bound, unless nobody has asked since then.
        return min(grown, max(self.full, self.left)) if self.flights else grown

    def _bucket_pause(self, now: float, bucket: Bucket | None, ahead: int) -> float:
        """Seconds until the bucket would let one more in, after those who come first."""
        if bucket is None:
            return 0.0
        if not self.flights and now - self.left_at > _TOLD_SECONDS:
            self.left = None
        if self.left is None and now < self.silent_until:
            return 0.0
        if self.left is None:
            # Nobody has told yet how full it is: one request finds out.
            return WHEN_GIVEN_BACK if self.flights or ahead else 0.0
        # Requests that turn out to cost more than they were charged are charged so from then on.
        charge = max(bucket.in_flight, self.peak)
        need = charge * (len(self.flights) + ahead) + min(charge, _CAUTION * bucket.in_flight)
        # What is left has to be more than all charges, not just as much.
        missing = need - self._left(now, bucket)
        # After that time what was told is not believed any more.
        return 0.0 if missing < 0 else min((missing + 0.01) / bucket.refill, _TOLD_SECONDS)

"""Canvas's throttle as its source has it, app/middleware/request_throttle.rb and its Lua script:

a request adds 50 to its client's bucket when it arrives and is refused at 600 or more; when it is
over, the 50 go and its cost comes. Ten a second leak, the bucket holds 800 at most and never less
than nothing. Headers tell the cost and 600 less what is in it then.
"""

import asyncio

from tests.net.virtual import now

HIGH_WATER, MAXIMUM, OUTFLOW, UP_FRONT = 600.0, 800.0, 10.0, 50.0


class CanvasThrottle:
    def __init__(self, count=0.0):
        self.count, self.touched = count, 0.0
        self.served, self.refused, self.in_flight, self.most = 0, 0, 0, 0

    def increment(self, amount):
        if self.count > 0:
            self.count -= OUTFLOW * max(0.0, now() - self.touched)
        self.count = max(0.0, min(self.count + amount, MAXIMUM))
        self.touched = now()

    async def serve(self, cost, seconds):
        """A request that takes so long there; status and headers."""
        self.increment(UP_FRONT)
        if self.count >= HIGH_WATER:
            self.refused += 1
            self.increment(-UP_FRONT)
            return 403, {"x-rate-limit-remaining": str(HIGH_WATER - self.count)}
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(seconds)
        self.in_flight -= 1
        self.served += 1
        self.increment(cost - UP_FRONT)
        remaining = str(HIGH_WATER - self.count)
        return 200, {"x-request-cost": str(cost), "x-rate-limit-remaining": remaining}

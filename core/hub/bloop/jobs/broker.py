"""What the hub keeps in a broker: queues of offers, each of which says "there is work in X".

The rows are the truth. An offer carries no job and may be lost, doubled or late: whoever gets one
looks at the ledger. Celery is imported here, and only where it is the carrier.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from bloop_sdk import BloopError

TASK = "bloop.run"
"""The one task there is: the core's own, never a plugin's. Its argument is a queue's name."""
EVERY = ""
"""The name of the queue that workers of all queues listen to; its offers only say "work"."""
CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 10.0
LONGEST_JOB_SECONDS = 7 * 86400
"""A worker keeps an offer until the jobs have ended that it found by it."""


class BrokerError(BloopError):
    """The broker can't be reached; jobs wait in the ledger."""

    code = "broker_unavailable"


def make_app(url: str) -> Celery:
    """The Celery application of a hub, as who offers and who works both have it."""
    app = Celery("bloop", broker=url, backend=None, set_as_current=False)
    for name in ("celery.worker.strategy", "celery.app.trace"):
        # A line for each offer that comes and goes.
        logging.getLogger(name).setLevel(logging.WARNING)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_create_missing_queues=False,
        task_default_queue=queue_of(EVERY).name,
        task_queues=[queue_of(EVERY)],
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        # A child may wait for a slow disk; what does not come up at all is the parent's to end.
        worker_proc_alive_timeout=60.0,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=CONNECT_SECONDS,
        broker_transport_options=_options(url, redis={"visibility_timeout": LONGEST_JOB_SECONDS}),
    )
    return app


def queue_of(name: str) -> Queue:
    """Where offers of a queue of jobs wait: ``bloop.sync``, or ``bloop`` for all of them."""
    full = f"bloop.{name}" if name else "bloop"
    # The nameless exchange has no bindings that could get lost with what the broker holds.
    return Queue(
        full,
        Exchange("", type="direct"),
        routing_key=full,
        durable=True,
        queue_arguments={"x-consumer-timeout": LONGEST_JOB_SECONDS * 1000},
    )


class Broker:
    """A connection that offers, for one thread; it is made anew after a failure."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._app = make_app(url)
        self._connection: Connection | None = None
        self._producer: Any = None

    def offer(self, names: Collection[str]) -> None:
        """Say that there is work in these queues, where no offer lies there already.

        Raises :class:`BrokerError`.
        """
        with self._connected() as producer:
            for name in names:
                queue = queue_of(name)
                if not _waiting(queue, producer.channel):
                    self._app.send_task(
                        TASK,
                        args=[name],
                        queue=queue,
                        producer=producer,
                        retry=False,
                        delivery_mode=1,
                    )

    def waiting(self, names: Collection[str]) -> int:
        """How many offers of these queues nobody has taken yet; raises :class:`BrokerError`."""
        with self._connected() as producer:
            return sum(_waiting(queue_of(name), producer.channel) for name in names)

    def close(self) -> None:
        """Let go of the connection; the next call makes another one."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):  # It may be broken, which is why it is closed.
                connection.release()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            if self._connection is None:
                self._connection = Connection(
                    self._url,
                    connect_timeout=CONNECT_SECONDS,
                    transport_options=_options(
                        self._url,
                        amqp={"read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS},
                    ),
                )
                self._producer = self._app.amqp.Producer(
                    self._connection.channel(), auto_declare=False
                )
            yield self._producer
        except Exception as err:
            errors = (OperationalError, OSError)
            if self._connection is not None:
                errors += self._connection.connection_errors + self._connection.channel_errors
            self.close()
            if not isinstance(err, errors):
                raise
            # The error's own words are shown without an address: a driver may put a password there.
            raise BrokerError(
                f"the broker {place_of(self._url)} can't be reached ({type(err).__name__})",
                cure="start it, or see [jobs] broker_url; until then jobs wait in the database",
            ) from None


def ping(url: str) -> None:
    """Ask the broker for a sign of life; raises :class:`BrokerError`."""
    broker = Broker(url)
    try:
        broker.waiting([EVERY])
    finally:
        broker.close()


def place_of(url: str) -> str:
    """A broker's address as people may see it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _waiting(queue: Queue, channel: Any) -> int:
    # Declaring it also makes it, should the broker have been emptied.
    count: int = queue(channel).queue_declare().message_count
    return count


def _options(
    url: str, *, redis: dict[str, Any] | None = None, amqp: dict[str, Any] | None = None
) -> dict[str, Any]:
    """With bounds, so that a broker that answers nothing can't keep anybody waiting for ever."""
    if not url.startswith("redis"):
        return amqp or {}
    return {
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
        "socket_keepalive": True,
        **(redis or {}),
    }

"""Reading from and writing to systems that hold content: ``lms``, ``notes`` and ``exporter``.

``lms`` and ``notes`` are stable since API 1.0: they change only by addition.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, runtime_checkable

from bloop_sdk.records import Batch, Container, Content, Cursor, File, JSONObject, Kind, Node, Ref


class Deletes(enum.StrEnum):
    """How a stream tells what is gone.

    ``TOMBSTONE``: by :attr:`Batch.deleted`. ``ENUMERATE``: a complete read lists everything, and
    what it did not list is gone. ``NONE``: never.
    """

    TOMBSTONE = "tombstone"
    ENUMERATE = "enumerate"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One kind of thing to read. A partitioned stream is read once for each container.

    Where an ``optional`` one raises PermissionMissingError or UnsupportedError, the run has a gap
    and goes on: with the next container, too.
    """

    name: str
    kinds: frozenset[Kind]
    deletes: Deletes = Deletes.NONE
    incremental: bool = False
    partitioned: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """What a provider reads and writes. Streams are read in this order."""

    streams: tuple[Stream, ...]
    writes: frozenset[str] = frozenset()
    webhooks: bool = False


@dataclass(frozen=True, slots=True)
class Partition:
    """The part of a stream to read: the container's remote id, or None for the whole.

    ``known`` are the digests of parts by their keys, as the hub holds them: see :class:`Part`.
    """

    stream: str
    container: str | None = None
    known: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a credential gives: who it is, and which permissions are missing."""

    account: str
    site: str = ""
    version: str | None = None
    missing: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


class NoteWrite(enum.StrEnum):
    """What can be written to a system of notes; a provider names in its spec what it can.

    ``CREATE`` and ``UPDATE`` come with :attr:`WriteOp.note`, ``ATTACH`` with :attr:`WriteOp.file`
    (its answer's ref is what notes then link to). ``MOVE`` has ``container``, ``parent`` (a node's
    remote id or None) and ``after`` (the sibling before it, or None) in ``values``. ``DELETE`` puts
    into the system's own trash, where it has one.
    """

    CREATE = "note.create"
    UPDATE = "note.update"
    MOVE = "note.move"
    DELETE = "note.delete"
    ATTACH = "file.create"


class FolderWrite(enum.StrEnum):
    """What can be written of a notebook's folders: places (:class:`Node`) without content.

    Both have ``container``, ``parent`` (a node's remote id or None), ``after`` (the sibling before
    it, or None) and ``title`` in ``values``. ``MOVE`` gives a folder, the op's ``ref``, another
    place or title; the answer's ``ref`` may be another one, and its ``batch`` has all that is
    another record by it.
    """

    CREATE = "folder.create"
    MOVE = "folder.move"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteDraft:
    """A note as it shall be on the other side. ``html`` is made of ``markdown`` by the hub.

    ``base`` is the record's ``raw`` as it was last read, empty for a new note, and
    ``base_markdown`` what was made of it: what the two Markdowns have in common should stay as it
    is over there, with all that Markdown cannot say. ``parent`` is the remote id of a node.
    A new note that is not ``published`` is a draft over there, where the system knows drafts.
    """

    container: str
    parent: str | None = None
    title: str
    markdown: str
    html: str
    tags: tuple[str, ...] = ()
    base: JSONObject = field(default_factory=dict, repr=False)
    base_markdown: str = field(default="", repr=False)
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDraft:
    """A file to be attached. ``chunks`` starts a fresh read of its bytes each time it is called."""

    container: str
    note: Ref | None
    name: str
    media_type: str | None
    size: int
    sha256: str
    chunks: Callable[[], AsyncIterator[bytes]] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOp:
    """Something to change on the other side; ``kind`` is one of the spec's ``writes``.

    ``again`` says that an earlier try of the same key may have come through: what it made is to be
    looked for (and answered) before anything is made a second time. What was deleted then is no
    error. A change of several requests may have been cut off between two of them, which
    :func:`bloop_sdk.between.is_between` tells from somebody else's edit: it is to be finished.
    """

    kind: str
    ref: Ref | None
    values: JSONObject
    idempotency_key: str
    note: NoteDraft | None = None
    file: FileDraft | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """The version that the other side must still be at, or None for "must not exist"."""

    remote_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What the other side holds now.

    ``batch`` has the records that the next read would yield for what was written (of a note, its
    places too), where the answer tells them: the hub then need not fetch. ``lost`` names what the
    system could not take.
    """

    ref: Ref
    remote_version: str | None
    batch: Batch | None = None
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """A call from outside, as it came: verification needs the exact bytes."""

    headers: Mapping[str, str]
    body: bytes
    received_at: float
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something may have changed: the hub fetches it, and believes only what it fetched."""

    ref: Ref | None
    event_id: str


@runtime_checkable
class ContentProvider(Protocol):
    """What ``lms`` and ``notes`` have in common.

    The hub makes one instance per connection and run, and calls it from one task. Methods may
    raise any of :mod:`bloop_sdk.errors`.
    """

    def spec(self) -> ProviderSpec:
        """The streams, writes and webhooks of this connection; no I/O."""
        ...

    async def check(self) -> CheckResult:
        """Prove the credential, and name each missing permission."""
        ...

    async def discover(self) -> Sequence[Container]:
        """The containers that this credential can read."""
        ...

    def read(self, partition: Partition, state: Cursor | None) -> AsyncIterator[Batch]:
        """Read from ``state`` (None: from the beginning) to the end, batch by batch.

        A node follows its parent, and a container comes before what is in it. After a kill the
        hub calls again with the last committed cursor; records seen twice do no harm.
        """
        ...

    async def fetch(self, refs: Sequence[Ref]) -> Batch:
        """The current state of some records, for webhooks and retries."""
        ...

    async def write(self, op: WriteOp, precondition: Precondition) -> WriteResult:
        """Change one thing if the other side is still as expected.

        Raises :class:`~bloop_sdk.errors.PreconditionFailedError` where it is not.
        """
        ...

    def verify_webhook(self, request: WebhookRequest) -> Sequence[Hint]:
        """What a webhook hints at; raises AuthError for a bad signature."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    """One login at the other side on behalf of a connection, the same in both calls.

    ``verifier`` is PKCE's (RFC 7636). The hub has compared ``state`` with what the browser brings
    back, to which it belongs, once.
    """

    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@runtime_checkable
class Authorizing(Protocol):
    """What a content provider may have besides: its credential can come from a login (OAuth 2.0).

    The hub offers "Log in at ..." where :meth:`can_authorize` says so.
    """

    def can_authorize(self) -> bool:
        """Whether the settings hold what such a login needs, such as a client's id; no I/O."""
        ...

    def authorize_url(self, request: Authorization) -> str:
        """Where to send the browser; no I/O."""
        ...

    async def exchange(
        self, request: Authorization, params: Mapping[str, str]
    ) -> Mapping[str, str | None]:
        """The connection's secrets, by the names of settings, for what a callback brought back.

        Raises AuthError, with the code ``login_cancelled`` where the person said no.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLogin:
    """A login that somebody does on any device: what they type there, and how long it is good for.

    ``state`` is the provider's own, such as the device's code: it never leaves the hub unsealed.
    ``expires_in`` and ``interval``, the pause between two questions, are in seconds.
    """

    user_code: str
    verification_url: str
    expires_in: float
    interval: float
    state: JSONObject = field(repr=False)


@runtime_checkable
class DeviceAuthorizing(Protocol):
    """What a content provider may have besides: a login without a way back (RFC 8628).

    For a hub that no browser can be sent back to, and for its command line.
    """

    def can_authorize_device(self) -> bool:
        """Whether the settings hold what such a login needs; no I/O."""
        ...

    async def begin_device(self) -> DeviceLogin:
        """Ask the other side for a code."""
        ...

    async def poll_device(self, login: DeviceLogin) -> Mapping[str, str | None] | None:
        """The connection's secrets by the names of settings; None while nobody has logged in.

        Asks once. Raises AuthError, with the code ``login_cancelled`` where the person said no and
        ``login_expired`` where nobody came; RateLimitedError where it was asked too soon.
        """
        ...


@runtime_checkable
class Subscribing(Protocol):
    """What a content provider may have besides: the other side begins webhooks with a secret.

    It comes in a first call, unsigned, to an address that only admins are shown, and mostly has to
    be confirmed: somebody pastes it at the other side.
    """

    async def subscribe(self, request: WebhookRequest) -> bool:
        """Keep the secret that a call brings, by ``ctx.keep_secrets``; False for any other call.

        Raises AuthError where an earlier subscription still counts.
        """
        ...

    def to_confirm(self) -> str | None:
        """The secret that has to be pasted at the other side; None where there is none. No I/O."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """What a content provider may have besides: it can ask for something before it is read."""

    def ahead(self, partitions: Sequence[Partition]) -> None:
        """What will most likely be read next, from the beginning and in this order; no waiting.

        Each call takes the place of the one before: what was asked for and is no longer named is
        not wanted any more. What is read must not depend on it. :attr:`Partition.known` is here
        what an earlier run has met, whether or not the hub still holds all of it.
        """
        ...


@runtime_checkable
class Keyed(Protocol):
    """What a content provider may have besides: its file or folder holds several containers.

    Without it a file is known by its first container.
    """

    def source_key(self) -> str:
        """What is imported, whatever it holds: the next import of it has the same key.

        Asked after :meth:`ContentProvider.discover`; no I/O. At most 500 characters.
        """
        ...


@runtime_checkable
class Watching(Protocol):
    """What a content provider may have besides: it notices by itself when something has changed.

    For what tells whoever stays and listens, as a folder or a socket does. The hub keeps it up, in
    one of its processes, while the connection and the plugin are in use.
    """

    def can_watch(self) -> bool:
        """Whether there is anything to watch, as there is not in an imported file; no I/O."""
        ...

    def watch(self) -> AsyncIterator[Batch]:
        """Hints, until it is closed; the hub reads the connection, and believes only that.

        The first one is empty, and comes once nothing is missed any more. An empty batch says that
        anything may have changed. Others hold records as :meth:`ContentProvider.read` would yield
        them now, and refs of what is gone: where the hub holds just that, nothing is read, so that
        its own writes do not echo. Changes in quick succession should come as one.

        It waits without using the processor. Raises UnsupportedError where changes cannot be
        noticed here: the hub then reads by schedule alone, and says why. After any other error, or
        an end, it is called again.
        """
        ...


class LMSProvider(ContentProvider, Protocol):
    """Capability ``lms``: courses. Stable since 1.0."""


class NotesProvider(ContentProvider, Protocol):
    """Capability ``notes``: notebooks and notes. Stable since 1.0."""


class ExportSource(Protocol):
    """One container as the hub holds it, in the records that providers yield."""

    @property
    def container(self) -> Container:
        """The course or notebook."""
        ...

    def nodes(self) -> Iterable[Node]:
        """The tree, parents first, siblings in order."""
        ...

    def contents(self) -> Iterable[Content]:
        """Everything of the container, also what hangs at no node."""
        ...

    def open(self, file: File) -> BinaryIO:
        """The bytes of a file; raises MissingRecordError where the hub holds none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What was written, and what the format cannot hold."""

    written: Mapping[str, int]
    lost: tuple[str, ...] = ()


@runtime_checkable
class Exporter(Protocol):
    """Capability ``exporter``: a container as a file. Provisional."""

    media_type: str
    suffix: str

    def export(self, source: ExportSource, target: BinaryIO) -> ExportReport:
        """Write ``source`` to ``target``; called in a thread, may take long."""
        ...

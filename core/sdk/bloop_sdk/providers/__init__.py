"""One typed protocol per capability, found by capability and plugin id, never through pluggy."""

from __future__ import annotations

from dataclasses import dataclass

from bloop_sdk.providers.ai import (
    BatchMasteryProvider,
    EmbeddingProvider,
    LanguageProvider,
    MasteryProvider,
    SpeechProvider,
    Storyboarder,
)
from bloop_sdk.providers.content import (
    Authorizing,
    DeviceAuthorizing,
    Exporter,
    Foreseeing,
    Keyed,
    LMSProvider,
    NotesProvider,
    Subscribing,
    Watching,
)
from bloop_sdk.providers.identity import IdentityProvider
from bloop_sdk.providers.payments import ByHandProvider, PaymentProvider, SubscriptionProvider
from bloop_sdk.providers.render import AvatarProvider, Renderer
from bloop_sdk.providers.search import SearchProvider
from bloop_sdk.providers.services import BlobProvider, Notifier, SinkProvider


@dataclass(frozen=True, slots=True)
class Capability:
    """A thing that plugins can do, and the protocol that says how.

    ``besides`` are protocols that its providers may follow as well: the hub looks whether they do.
    ``lent`` says that plugins may use it of each other (``uses`` in the manifest); the others are
    for the hub alone.
    """

    name: str
    protocol: type
    stable: bool = False
    besides: tuple[type, ...] = ()
    lent: bool = False


_OF_PAYMENTS = (SubscriptionProvider, ByHandProvider)
_OF_CONTENT = (Authorizing, DeviceAuthorizing, Foreseeing, Keyed, Subscribing, Watching)

CAPABILITIES: dict[str, Capability] = {
    capability.name: capability
    for capability in (
        Capability("lms", LMSProvider, stable=True, besides=_OF_CONTENT),
        Capability("notes", NotesProvider, stable=True, besides=_OF_CONTENT),
        Capability("exporter", Exporter),
        Capability("payments", PaymentProvider, besides=_OF_PAYMENTS, lent=True),
        Capability("language", LanguageProvider, lent=True),
        Capability("storyboarder", Storyboarder, lent=True),
        Capability("speech", SpeechProvider, lent=True),
        Capability("embedding", EmbeddingProvider, lent=True),
        Capability("mastery", MasteryProvider, besides=(BatchMasteryProvider,), lent=True),
        Capability("renderer", Renderer, lent=True),
        Capability("avatar", AvatarProvider, lent=True),
        Capability("identity", IdentityProvider),
        Capability("search", SearchProvider),
        Capability("blobs", BlobProvider),
        Capability("sink", SinkProvider),
        Capability("notifier", Notifier),
    )
}

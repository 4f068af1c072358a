"""Who asks, for which institution, as part of which trace: carried by every call."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Role(enum.StrEnum):
    """What a member of an institution may be, from least to most."""

    GUEST = "guest"
    LEARNER = "learner"
    EDUCATOR = "educator"
    ADMIN = "admin"
    OPERATOR = "operator"


class PrincipalKind(enum.StrEnum):
    """A person, an institution's API key, a plugin acting for itself, or the hub."""

    USER = "user"
    KEY = "key"
    PLUGIN = "plugin"
    SYSTEM = "system"
    GUEST = "guest"


@dataclass(frozen=True, slots=True)
class Principal:
    """The subject of a policy decision.

    ``scopes`` are the actions that a token, and a plugin that acts for somebody, leave of what
    the role has; None leaves all. ``second_factor`` says that more than one thing proved who
    this is.
    """

    kind: PrincipalKind
    id: str
    role: Role
    scopes: frozenset[str] | None = None
    second_factor: bool = False


@dataclass(frozen=True, slots=True)
class Trace:
    """W3C trace context: 32 and 16 lower-case hex digits."""

    trace_id: str
    span_id: str

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


@dataclass(frozen=True, slots=True)
class Call:
    """Principal, institution and trace of one request, job or event."""

    principal: Principal
    institution: str
    trace: Trace


@dataclass(frozen=True, slots=True)
class Personal:
    """Marks a field as personal data: ``email: Annotated[str, Personal("contact")]``.

    Export, erasure and masking in logs follow the mark; ``category`` names the kind of data.
    """

    category: str = "personal"

"""What the API takes and answers about people, invitations and institutions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bloop.accounts.people.invitations import MOST_HOURS, MOST_USES
from bloop.accounts.people.registration import MOST_DOMAINS, Mode
from bloop.accounts.schemas import InstitutionOut

_ID = "019a21c5-0f3d-7b11-8c53-5d0a6c1f7e90"

Name = Annotated[str, Field(min_length=1, max_length=200, examples=["Ada Lovelace"])]
Email = Annotated[str, Field(min_length=3, max_length=320, examples=["ada@example.org"])]
GivenRole = Literal["learner", "educator", "admin", "operator"]
State = Literal["active", "disabled", "waiting"]


class _Given(BaseModel):
    """What comes in: FastAPI needs it built."""

    model_config = ConfigDict(extra="forbid")


class _Told(BaseModel):
    """What goes out: it only describes, so it is built when the document is asked for."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class UserIn(_Given):
    """A new user, who can't come in yet: for that there are invitations."""

    name: Name
    email: Email | None = None
    role: GivenRole = "learner"


class UserChange(_Given):
    """What is to change; the rest stays. An e-mail of null takes it away."""

    name: Name | None = None
    email: Email | None = None
    role: GivenRole | None = None
    disabled: bool | None = None


class UserOut(_Told):
    """A user. Who is ``waiting`` registered by themselves, and is still to be let in."""

    id: str = Field(examples=[_ID])
    name: str = Field(examples=["Ada Lovelace"])
    email: str | None
    email_verified: bool = Field(description="Whether the address was proved to be theirs")
    role: GivenRole
    state: State
    created_at: datetime
    row_version: int


class UserList(_Told):
    """Users in the order in which they came; ``next`` is for ``cursor``."""

    items: list[UserOut]
    next: str | None


class InvitationIn(_Given):
    """A new invitation. One with an ``email`` is for that address alone, and has one use."""

    role: GivenRole = "learner"
    email: Email | None = None
    hours: float = Field(24.0 * 7, gt=0, le=MOST_HOURS, description="For so long it is good")
    uses: int = Field(1, ge=1, le=MOST_USES)


class InvitationOut(_Told):
    """An invitation, without its link. ``created_by`` is who made it, as ``kind:id``."""

    id: str
    role: GivenRole
    email: str | None
    state: Literal["open", "used", "expired", "withdrawn"]
    uses: int
    max_uses: int
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    row_version: int


class InvitationWithLink(InvitationOut):
    """The same with its link, which no later answer holds."""

    url: str = Field(examples=["https://learn.example.edu/join?token=..."])
    mailed: bool = Field(description="Whether it is on its way to the address as well")


class InvitationList(_Told):
    """Invitations, newest first; ``next`` is for ``cursor``."""

    items: list[InvitationOut]
    next: str | None


class JoinIn(_Given):
    """Who comes by an invitation; ``token`` is what its link holds."""

    token: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Ada Lovelace"])]
    email: Email


class GroupIn(_Given):
    """A group of users."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Chemistry 2026, class B"])]


class GroupChange(_Given):
    """What is to change of a group."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["Class C"])] | None = None


class GroupOut(_Told):
    """A group, and how many are in it."""

    id: str
    name: str
    members: int
    created_at: datetime
    row_version: int


class GroupList(_Told):
    """Groups in the order in which they were made; ``next`` is for ``cursor``."""

    items: list[GroupOut]
    next: str | None


class MembersIn(_Given):
    """Users to put into a group."""

    users: list[Annotated[str, Field(max_length=60)]] = Field(min_length=1, max_length=500)


class MemberOut(_Told):
    """A user who is in a group."""

    id: str
    name: str
    email: str | None
    role: str
    state: str


class MemberList(_Told):
    """The users of a group; ``next`` is for ``cursor``."""

    items: list[MemberOut]
    next: str | None


class RegistrationIn(_Given):
    """Who may register: nobody, who has an address of one of the domains, or everybody."""

    mode: Mode = "off"
    domains: list[Annotated[str, Field(max_length=255)]] = Field(
        default_factory=list, max_length=MOST_DOMAINS, examples=[["example.edu"]]
    )


class RegistrationOut(RegistrationIn):
    """The same; ``url`` is where people register."""

    url: str
    row_version: int = Field(description="That of the institution")


class InstitutionIn(_Given):
    """A new institution. Its first admin is invited, by an e-mail of theirs or by whoever asks."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["University of Example"])]
    slug: Annotated[str, Field(min_length=1, max_length=60, examples=["example"])]
    admin_email: Email | None = None


class InstitutionChange(_Given):
    """What is to change of an institution."""

    name: (
        Annotated[str, Field(min_length=1, max_length=200, examples=["University of Example"])]
        | None
    ) = None


class FirstInvitation(_Told):
    """The link of the first admin, which no later answer holds."""

    id: str
    url: str


class InstitutionOpened(InstitutionOut):
    """A new institution, and how its first admin comes in."""

    invitation: FirstInvitation

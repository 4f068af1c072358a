"""Accounts elsewhere and rules of membership, as the API says them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_RULES = 100


class IdentityOut(BaseModel):
    """An account elsewhere with which the caller can log in."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    provider: str = Field(examples=["oidc.google"])
    issuer: str = Field(examples=["https://accounts.google.com"])
    label: str | None = Field(examples=["ada@example.edu"])
    created_at: datetime
    used_at: datetime | None


class IdentityList(BaseModel):
    """The caller's accounts elsewhere."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[IdentityOut]


class MembershipRule(BaseModel):
    """Who joins, and as what: whoever has a verified address of a domain, or a claim's value.

    A role above educator needs ``above_educator``, which says that it is meant; operators are
    made by operators alone. A claim means something with its ``provider`` only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["learner", "educator", "admin"]
    provider: str | None = Field(None, max_length=80, examples=["oidc.google"])
    domain: str | None = Field(
        None, pattern=r"^[^@\s.]+(\.[^@\s.]+)+$", max_length=253, examples=["example.edu"]
    )
    claim: str | None = Field(None, min_length=1, max_length=100, examples=["groups"])
    value: str | None = Field(None, min_length=1, max_length=300, examples=["teachers"])
    above_educator: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.claim is None) is not (self.value is None):
            raise ValueError("claim and value belong together")
        if (self.domain is None) is (self.claim is None):
            raise ValueError("a rule has a domain, or a claim with its value")
        if self.claim is not None and self.provider is None:
            raise ValueError("a claim needs its provider: anybody's could be called so")
        if (self.role == "admin") is not self.above_educator:
            raise ValueError("above_educator is to be true for the role admin, and for no other")
        return self


class MembershipRulesIn(BaseModel):
    """All rules of an institution; the first that fits somebody decides."""

    model_config = ConfigDict(extra="forbid")

    rules: list[MembershipRule] = Field(max_length=MOST_RULES)


class MembershipRulesOut(BaseModel):
    """The rules, and their version."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    rules: list[MembershipRule]
    row_version: int

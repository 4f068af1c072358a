"""Answers about institutions and people."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from bloop_sdk import Role


class InstitutionOut(BaseModel):
    """A tenant of the hub."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str = Field(examples=["019a0c1e-7d1c-7cc3-98a0-3f1c2f5a9b10"])
    slug: str = Field(examples=["main"])
    name: str = Field(examples=["University of Example"])
    row_version: int
    created_at: datetime


class InstitutionList(BaseModel):
    """The institutions that the caller may see."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    items: list[InstitutionOut]


class AccountIn(BaseModel):
    """What of one's own account is to change. ``language`` null: as each browser asks."""

    model_config = ConfigDict(extra="forbid")

    language: str | None = Field(max_length=12, examples=["ar"])


class AccountOut(BaseModel):
    """Who is logged in. ``csrf_token`` goes into ``X-CSRF-Token`` of a browser's changes.

    ``reader`` is the same for an account on every device, and another for every account: what is
    kept on a device that several people use is marked with it.
    """

    model_config = ConfigDict(extra="forbid", defer_build=True)

    id: str
    name: str = Field(examples=["Operator"])
    email: str | None
    role: Role
    language: str | None
    institution: str
    row_version: int
    created_at: datetime
    csrf_token: str | None
    reader: str

"""The steps of setting up as the API gives them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class WayOut(_Told):
    """A page of the hub where a step is done."""

    title: str = Field(examples=["Import a file"])
    href: str = Field(examples=["/imports/new"])
    posts: bool = Field(description="Whether it is the target of a form, and no page to open")


class StepOut(_Told):
    """One step; its state is read from what is there."""

    name: str = Field(examples=["course"])
    title: str
    text: str
    state: Literal["done", "open", "waiting", "blocked"] = Field(
        description="waiting: somebody else has to act; blocked: another step comes first"
    )
    ways: list[WayOut]
    dismissed: Literal["", "own", "all"] = Field(description="For whom it is put away")


class MissingOut(_Told):
    """A plugin that does nothing for the institution yet, and what it would add."""

    id: str = Field(examples=["canvas"])
    name: str
    family: str
    adds: str
    lack: Literal["off", "off_here", "trouble", "unconnected"] = Field(
        description="off: for the whole hub; off_here: for the institution"
    )
    href: str = Field(description="The page that changes it")


class SetupOut(_Told):
    """How far an institution is: ``done`` of the ``total`` steps that are not put away."""

    done: int
    total: int
    steps: list[StepOut]
    put_away: list[StepOut]
    plugins: list[MissingOut]


class DismissalIn(BaseModel):
    """For whom a step is put away: for the caller, or for everybody in the institution."""

    model_config = ConfigDict(extra="forbid")

    for_all: bool = False

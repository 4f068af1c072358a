"""Settings of a plugin: a pydantic model whose fields say who may set them.

    class CanvasConfig(PluginConfig):
        base_url: HttpUrl = setting(scope=Scope.CONNECTION, description="Address of your Canvas")
        token: SecretStr = setting(scope=Scope.CONNECTION, description="Access token")

A field of type ``SecretStr`` is a secret: in ``hub.toml`` it is written ``{ env = "NAME" }`` or
``{ file = "PATH" }``, and its value never reaches a log, a page or the API.
"""

from __future__ import annotations

import enum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, SecretStr


class Scope(enum.StrEnum):
    """The narrowest layer that may set a key; each layer up to it overrides the wider ones.

    A ``CONNECTION`` is one account with one system: an institution may have several of a plugin.
    """

    HUB = "hub"
    INSTITUTION = "institution"
    CONNECTION = "connection"
    USER = "user"


class PluginConfig(BaseModel):
    """Base of every plugin's settings. Unknown keys are refused, values are frozen."""

    # A refused value may be a secret that went to the wrong key.
    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True
    )


def setting(
    default: Any = ...,
    *,
    scope: Scope = Scope.HUB,
    description: str,
    advanced: bool = False,
    renewed: bool = False,
    personal: bool = False,
    **kwargs: Any,
) -> Any:
    """A field with its scope and what forms say of it; ``kwargs`` as in :func:`pydantic.Field`.

    ``title`` is its label, otherwise made from its name. Forms show what is ``advanced`` only to
    who asks for more, and nobody what is ``renewed``: a connection's provider keeps it by itself
    (:meth:`bloop_sdk.ConnectionContext.keep_secrets`). What is ``personal`` says whose account a
    connection is: a person gives it for a connection of their own, which takes all else from
    ``hub.toml`` and the institution, and of this nothing. Without such a field people cannot
    connect themselves by the plugin.
    """
    extra: dict[str, Any] = {"scope": str(scope)}
    if advanced:
        extra["advanced"] = True
    if renewed:
        extra["renewed"] = True
    if personal:
        extra["personal"] = True
    return Field(default, description=description, json_schema_extra=extra, **kwargs)


def scope_of(model: type[BaseModel], field: str) -> Scope:
    """The scope of a field; ``hub`` where it states none."""
    extra = model.model_fields[field].json_schema_extra
    if isinstance(extra, dict) and "scope" in extra:
        return Scope(str(extra["scope"]))
    return Scope.HUB


def is_renewed(model: type[BaseModel], field: str) -> bool:
    """Whether a provider keeps a field by itself, so that nobody is asked for it."""
    return _marked(model, field, "renewed")


def is_personal(model: type[BaseModel], field: str) -> bool:
    """Whether a field says whose account a connection is."""
    return _marked(model, field, "personal")


def is_advanced(model: type[BaseModel], field: str) -> bool:
    """Whether few need a field, so that forms show it on demand."""
    return _marked(model, field, "advanced")


def _marked(model: type[BaseModel], field: str, mark: str) -> bool:
    extra = model.model_fields[field].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get(mark))


def is_secret(model: type[BaseModel], field: str) -> bool:
    """Whether a field holds a secret, also as an optional one."""
    annotation = model.model_fields[field].annotation
    candidates = getattr(annotation, "__args__", (annotation,))
    return any(candidate in (SecretStr, SecretBytes) for candidate in candidates)

"""Policies that a plugin brings: about its own actions, and never about the hub's."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cedarpy

from bloop.accounts.actions import ACTIONS
from bloop.accounts.policy.engine import Contributed, Engine, core
from bloop_sdk import BloopError, Role
from bloop_sdk.manifest import FILE_NAME, Manifest, load_manifest


class PolicyRefusedError(BloopError):
    """A file of policies cannot be used."""

    code = "policy_refused"


def checked(contributed: Contributed, where: str) -> Engine:
    """Cedar with the hub's policies and these; raises PolicyRefusedError, which names ``where``."""
    found = parsed(contributed.text, where)
    if found["templates"]:
        raise PolicyRefusedError(
            f"{where}: a policy has a ?slot, and nothing would fill it",
            cure="write out whom and what it is about",
        )
    for name, policy in found["staticPolicies"].items():
        told = f"{where}: policy {policy.get('annotations', {}).get('id', name)!r}"
        if not policy.get("annotations", {}).get("words"):
            raise PolicyRefusedError(
                f"{told} does not say what it decides",
                cure='write @words("...") above it; people are shown it',
            )
        if foreign := sorted(set(_actions(policy["action"])) - contributed.actions.keys()):
            raise PolicyRefusedError(
                f"{told} is about {', '.join(foreign)}",
                cure=f"a plugin's policies name its own actions: action == "
                f'Action::"{next(iter(contributed.actions), contributed.plugin + ":...")}"',
            )
    engine = Engine(ACTIONS, contributed)
    check(contributed.text, engine.schema_text, where)
    return engine


def check(text: str, schema: str, where: str) -> None:
    """Hold policies to the schema; raises PolicyRefusedError with all that is wrong."""
    parsed(text, where)
    faults = [error.error for error in cedarpy.validate_policies(text, schema).errors]
    if faults:
        raise PolicyRefusedError(
            f"{where}: {'; '.join(faults)}",
            cure="`bloop policy schema` prints what a policy can speak of",
        )


def parsed(text: str, where: str) -> dict[str, Any]:
    """Policies as Cedar's JSON; raises PolicyRefusedError where it is no Cedar."""
    try:
        found: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as err:
        raise PolicyRefusedError(
            f"{where}: this is no Cedar: {err}", cure="see docs.cedarpolicy.com for its syntax"
        ) from err
    return found


def _actions(scope: Mapping[str, Any]) -> Iterator[str]:
    """The actions that a policy's head names; a group or none at all is every action."""
    entities = [*scope.get("entities", ()), *([scope["entity"]] if "entity" in scope else ())]
    if not entities:
        yield "every action"
    for one in entities:
        yield str(one["id"])


def check_file(path: Path) -> int:
    """Check a file as the hub would load it, by the manifest in its folder or one above.

    Without a manifest it is held to the hub's own schema. Gives the number of policies; raises
    PolicyRefusedError.
    """
    folders = path.resolve().parents
    found = next((one / FILE_NAME for one in folders if (one / FILE_NAME).is_file()), None)
    if found is not None:
        plugin_engine(path, load_manifest(found))
    else:
        check(_read(path), core().schema_text, path.name)
    return len(parsed(_read(path), path.name)["staticPolicies"])


def plugin_engine(path: Path, manifest: Manifest) -> Engine:
    """Cedar with a plugin's actions and the policies of a file; raises PolicyRefusedError."""
    return checked(Contributed(manifest.id, actions_of(manifest), _read(path)), path.name)


def actions_of(manifest: Manifest) -> dict[str, Role]:
    """The actions that a plugin declares, with their least roles."""
    return {action.name: Role(action.role) for action in manifest.contributes.actions}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise PolicyRefusedError(
            f"{path}: cannot be read: {err}", cure="put the file into the plugin's package"
        ) from err

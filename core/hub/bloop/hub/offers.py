"""What plugins offer to whom: the actions they declare, with policies of their own or without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bloop.accounts.actions import ACTIONS, may, refusal, require
from bloop.kernel.grants import scopes_of
from bloop_sdk import Call, PrincipalKind, Role

if TYPE_CHECKING:
    from bloop.accounts.policy.engine import Decision, Engine
    from bloop.hub import Hub
    from bloop.kernel.discovery import Found
    from bloop_sdk import Manifest


class Offers:
    """Decides about the actions of plugins that are ready.

    A plugin's action is its least role's, by bitsets as the hub's own are, and Cedar's where the
    plugin has policies.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._live: Any = None
        self._engines: dict[str, Engine] = {}

    def least_role(self, plugin_id: str, action: str) -> Role | None:
        """The least role of an action of the hub or of this plugin's own; None: nobody has it."""
        if action in ACTIONS:
            return ACTIONS[action]
        for part in self._hub.kernel.contributions("actions"):
            if part.plugin_id == plugin_id and part.declaration.name == action:
                return Role(part.declaration.role)
        return None

    def may(self, call: Call, plugin_id: str, action: str) -> bool:
        """Whether a caller has an action that a plugin asks for."""
        engine = self._who_decides(plugin_id, action)
        if engine is None:
            return may(call, action, least=self.least_role(plugin_id, action))
        return _decided(engine, call, plugin_id, action).allowed

    def require(self, call: Call, plugin_id: str, action: str, *, changing: bool = False) -> None:
        """Raise LoginRequiredError or ForbiddenError unless the caller :meth:`may`.

        A request that changes something is Cedar's to decide, whatever the plugin has of policies.
        """
        least = self.least_role(plugin_id, action)
        engine = self._who_decides(plugin_id, action, changing=changing and least is not None)
        if engine is None:
            require(call, action, least=least)
            return
        from bloop.accounts.policy.judge import in_words

        found = _decided(engine, call, plugin_id, action)
        if not found.allowed:
            raise refusal(call, action, in_words(found), least=least)

    def narrowed(self, call: Call, manifest: Manifest) -> Call:
        """The call with which a plugin acts, for somebody or for itself.

        What the principal may, AND what their token may, AND what the plugin was granted.
        """
        principal = call.principal
        if principal.kind is PrincipalKind.SYSTEM:
            return call
        left = (action for action in scopes_of(manifest) if self.may(call, manifest.id, action))
        return replace(call, principal=replace(principal, scopes=frozenset(left)))

    def _who_decides(self, plugin_id: str, action: str, *, changing: bool = False) -> Engine | None:
        """Cedar, with the policies of a ready plugin for its own actions; None: the bitsets."""
        live = self._hub.kernel.live
        if action in ACTIONS and not changing:
            return None
        if action in ACTIONS:
            from bloop.accounts.policy.engine import core

            return core()
        ruled = any(part.plugin_id == plugin_id for part in live.contributions.get("policies", ()))
        if not ruled and not changing:
            return None
        if live is not self._live:
            self._live, self._engines = live, {}
        if plugin_id not in self._engines:
            found = live.plugins[plugin_id].found
            assert found is not None, "it is ready"
            self._engines[plugin_id] = engine_of(found)
        return self._engines[plugin_id]


def _decided(engine: Engine, call: Call, plugin_id: str, action: str) -> Decision:
    from bloop.accounts.policy.engine import Resource, institution_of

    if action in ACTIONS:
        return engine.decide(call, action, institution_of(call.institution))
    plugin = Resource("Plugin", plugin_id, call.institution, disabled=False)
    return engine.decide(call, action, plugin)


def check_policies(found: Found) -> None:
    """Raise PolicyRefusedError where a plugin's policies cannot be used."""
    if found.manifest is not None and found.manifest.contributes.policies is not None:
        engine_of(found)


def engine_of(found: Found) -> Engine:
    """Cedar with a plugin's actions and its policies; raises PolicyRefusedError."""
    from bloop.accounts.policy.contributed import actions_of, plugin_engine
    from bloop.accounts.policy.engine import Contributed, Engine

    manifest, package = found.manifest, found.package
    assert manifest is not None, "whoever asks has seen it"
    if manifest.contributes.policies is None or package is None:
        return Engine(ACTIONS, Contributed(manifest.id, actions_of(manifest), ""))
    return plugin_engine(package / manifest.contributes.policies, manifest)

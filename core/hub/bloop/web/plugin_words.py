"""What a plugin's own page tells of it, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bloop.ops.particulars import Secret
from bloop.ops.plugin_parts import Entry
from bloop.web.moments import Moment, moment, on_day
from bloop.web.plugin_cards import Card, CardRight
from bloop.web.render import role_names

_APART = ("network:", "secret:", "routes:", "inbound:", "panel:", "jobs:")
"""The rights that have a part of the page of their own."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a list: what, and quieter what belongs to it."""

    what: str
    more: str


@dataclass(frozen=True, slots=True)
class SwitchLine:
    """Who switched it, in a sentence, and when."""

    what: str
    at: Moment | None


@dataclass(frozen=True, slots=True)
class PluginWords:
    """Says it to one visitor in their language."""

    translate: Callable[[str], str]
    locale: str

    def rights(self, card: Card) -> list[CardRight]:
        """What it may do besides what is told apart; all that was not granted."""
        return [one for one in card.rights if not one.granted or not one.name.startswith(_APART)]

    def host(self, host: str, *, fetches: bool = False) -> Line:
        """A host as the manifest names it; one that it only ``fetches`` files from."""
        _ = self.translate
        setting = host.strip("{}")
        what = _("the address in its setting {name}").format(name=setting)
        more = _("only to fetch files, without credentials") if fetches else ""
        return Line(host if setting == host else what, more)

    def secret(self, secret: Secret) -> Line:
        """Whether and where one is set."""
        _ = self.translate
        if secret.set_by == "institution" and secret.set_at:
            day = on_day(secret.set_at, self.locale)
            return Line(secret.name, _("set for your institution on {day}").format(day=day))
        if secret.set_by is not None:
            return Line(secret.name, _("set by whoever runs the hub"))
        if secret.is_set is False:
            return Line(secret.name, _("not set"))
        told = {
            "connection": _("each connection has its own"),
            "user": _("people set their own"),
        }
        return Line(secret.name, told.get(secret.scope or "", _("known once it is loaded")))

    def entry(self, entry: Entry) -> Line:
        """A way in, and who may take it."""
        _ = self.translate
        if entry.action is None:
            return Line(f"POST {entry.path}", _("the plugin itself proves who calls"))
        named = role_names(_).get(entry.role or "")
        more = _("{action}, from {role} on").format(action=entry.action, role=named)
        if entry.kind == "panel":
            where = {"lesson": _("a part of lessons"), "course": _("a part of courses")}
            what = where.get(entry.path, _("a part of this administration"))
        else:
            what = f"{'/'.join(entry.methods)} {entry.path}"
        return Line(what, more if named else entry.action)

    def switches(self, rows: Iterable[Mapping[str, Any]]) -> list[SwitchLine]:
        """Who switched it, newest first."""
        return [
            SwitchLine(
                self._sentence(row["action"]).format(who=self._who(row)),
                moment(row["at"], self.locale),
            )
            for row in rows
        ]

    def _who(self, row: Mapping[str, Any]) -> str:
        named = row["actor_name"] or row["detail"].get("user")
        return str(named or row["actor"])

    def _sentence(self, action: str) -> str:
        _ = self.translate
        return {
            "plugins.enabled": _("{who} switched it on for the hub"),
            "plugins.disabled": _("{who} switched it off for the hub"),
            "plugins.undone": _("{who} took the last switch back"),
            "plugin.switched_on": _("{who} switched it on for your institution"),
            "plugin.switched_off": _("{who} switched it off for your institution"),
        }[action]

"""What needs attention, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from gettext import NullTranslations

from bloop.hub.attention import Attention, Kind
from bloop.web.amounts import number


@dataclass(frozen=True, slots=True)
class Words:
    """Says it to one visitor."""

    translations: NullTranslations
    locale: str

    def title(self, one: Attention) -> str:
        """What is the matter, in a few words."""
        named = self._named(severe=one.severe).get(one.kind)
        if named is not None:
            return named.format(name=one.subject)
        words = self._counted(one.count)[one.kind]
        return words.format(count=number(one.count, self.locale))

    def _named(self, *, severe: bool) -> Mapping[Kind, str]:
        _ = self.translations.gettext
        return {
            Kind.AUDIT: _("The audit log is broken"),
            Kind.PART: _("{name} does not work") if severe else _("{name} is impaired"),
            Kind.PLUGIN: _("The plugin {name} is wanted and does not work"),
            Kind.CONNECTION: _("{name} refuses the login")
            if severe
            else _("{name} could not be read as it should be"),
            Kind.SCHEDULE: _("{name}, which starts by itself, failed the last time"),
        }

    def _counted(self, count: int) -> Mapping[Kind, str]:
        ngettext = self.translations.ngettext
        return {
            Kind.PARKED: ngettext("{count} event is parked", "{count} events are parked", count),
            Kind.JOBS: ngettext("{count} job failed lately", "{count} jobs failed lately", count),
            Kind.QUARANTINE: ngettext(
                "{count} record could not be used", "{count} records could not be used", count
            ),
            Kind.CONFLICTS: ngettext(
                "{count} note was changed on both sides",
                "{count} notes were changed on both sides",
                count,
            ),
            Kind.WEBHOOKS: ngettext(
                "{count} webhook does not arrive", "{count} webhooks do not arrive", count
            ),
            Kind.KEYS: ngettext(
                "{count} key ends within 14 days", "{count} keys end within 14 days", count
            ),
            Kind.WAITING: ngettext(
                "{count} person waits to be let in", "{count} people wait to be let in", count
            ),
        }

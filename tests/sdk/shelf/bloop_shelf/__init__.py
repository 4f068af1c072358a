"""A good plugin, for the kit's own tests."""

from bloop_sdk import Health, Plugin, hookimpl


class ShelfPlugin(Plugin):
    """Says that it is well."""

    @hookimpl
    def health_checks(self):
        return [Health(name="shelf", ok=True)]

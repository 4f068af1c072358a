"""Natural voices of Piper, offline."""

from bloop_sdk import Plugin

__all__ = ["PiperPlugin"]


class PiperPlugin(Plugin):
    """Provides ``speech``."""

    def stop(self) -> None:
        """End the processes that hold the models."""
        from bloop_piper.process import end_all

        end_all()

"""From a line as it is written to what a voice is given."""

from bloop_studio.spoken.model import Span, Spoken

__all__ = ["Span", "Spoken"]

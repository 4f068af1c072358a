"""From a line as it is written to what a voice is given."""

from bloop_studio.spoken.model import Span, Spoken
from bloop_studio.spoken.plain import plain_formula
from bloop_studio.spoken.speak import speak

__all__ = ["Span", "Spoken", "plain_formula", "speak"]

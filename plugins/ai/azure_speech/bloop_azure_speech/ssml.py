"""Texts as SSML.

https://learn.microsoft.com/azure/ai-services/speech-service/speech-synthesis-markup
"""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from bloop_sdk.speech import sayable

LONGEST = 1000
"""Characters of a request: even Chinese at half the pace stays below Azure's ten minutes."""
NAME = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9:]{1,60}){2,4}")
"""Voices as Azure calls them for short: ``en-US-AvaMultilingualNeural``."""

_NO_XML = str.maketrans("\ufffe\uffff", "  ")


def plain(text: str) -> str:
    """As long, with spaces for what XML cannot hold."""
    return sayable(text).translate(_NO_XML)


def ssml(text: str, voice: str, pace: float) -> str:
    """A document in which ``text`` is text alone, spoken ``pace`` times as fast."""
    # Behind a colon stands a model, which may have hyphens too: en-US-Jasper:MAI-Voice-1.
    language = voice.partition(":")[0].rpartition("-")[0]
    spoken = escape(text)
    if abs(pace - 1) > 0.001:
        spoken = f'<prosody rate="{pace:.3f}">{spoken}</prosody>'
    return (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" '
        f"xml:lang={quoteattr(language)}><voice name={quoteattr(voice)}>{spoken}</voice></speak>"
    )

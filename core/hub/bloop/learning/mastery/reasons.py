"""Which model says what somebody knows, in words; and its reasons, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bloop_sdk.mastery import SENTENCES

Translate = Callable[[str], str]


def maker(why: Mapping[str, Any], _: Translate = str) -> str:
    """Whose the chance is, of what :func:`bloop.hub.estimating.explain` gives."""
    if why["trained_at"] is not None:
        text = _("Estimated by a model that was trained here on {day} ({kind}).")
        return text.format(day=str(why["trained_at"])[:10], kind=why["kind"])
    if why["stands_in"] == "off":
        return _("Estimated by the hub's own model: the plugin of the trained one is switched off.")
    if why["stands_in"] == "broken":
        return _("Estimated by the hub's own model: the trained one can't be asked just now.")
    if why["stands_in"] == "waiting":
        return _("Estimated by the hub's own model: the trained one will look at it in a moment.")
    if why["stands_in"] == "new":
        return _("Estimated by the hub's own model until there is an answer about it.")
    return _("Estimated by the hub's own model.")


def reasons(why: Mapping[str, Any], _: Translate = str) -> list[str]:
    """Its reasons as sentences, the weightiest first."""
    found = []
    for one in why["evidence"]:
        text = SENTENCES[one["kind"]]
        found.append(_(text).format(**one["facts"]))
    return found

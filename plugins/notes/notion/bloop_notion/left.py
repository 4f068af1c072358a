"""A page at another version than was expected, which is our own work: what earlier writes left."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from bloop_notion import notes, properties
from bloop_notion.content import Said
from bloop_notion.fields import obj
from bloop_notion.inlines import Target
from bloop_notion.parsing import parse
from bloop_sdk import NoteDraft
from bloop_sdk.between import is_between
from bloop_sdk.records import JSONObject


def is_half(draft: NoteDraft, page: JSONObject, said: Said, wanted: str) -> bool:
    """Whether an earlier try of the same change was cut off, and the rest is all that is missing.

    A change takes several requests, and a kill comes between any two of them. ``wanted`` is what
    the page says after the last.
    """
    before = obj(draft.base, "page")
    titles = {notes.titled(properties.title_of(before))[0], draft.title}
    tags = {frozenset(properties.tags_of(before)), frozenset(draft.tags)}
    return (
        notes.titled(properties.title_of(page))[0] in titles
        and frozenset(properties.tags_of(page)) in tags
        and is_between(draft.base_markdown, wanted, said.markdown)
    )


def is_only_given(draft: NoteDraft, page: JSONObject, said: Said) -> bool:
    """Whether nothing has changed but that files were attached, which the note now links to."""
    given = {
        quote(file, safe="")
        for file in (media.id for media in said.making.files.values())
        if quote(file, safe="") in draft.markdown
        and quote(file, safe="") not in draft.base_markdown
    }
    before = [one.key for one in parse(draft.base_markdown, Target())]
    now = [one.key for one in parse(said.markdown, Target())]
    left = [key for key in now if not any(f"bloop:file:{one})" in key for one in given)]
    title = properties.title_of(obj(draft.base, "page"))
    return bool(given) and left == before and title == properties.title_of(page)


def with_tags(draft: NoteDraft, page: JSONObject) -> NoteDraft:
    """A note with the tags that its page has, beside its own."""
    return replace(draft, tags=tuple(dict.fromkeys((*properties.tags_of(page), *draft.tags))))

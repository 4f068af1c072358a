from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from boards import storyboards
from hypothesis import given, settings

from bloop_sdk import MalformedRecordError
from bloop_sdk.storyboard import read_storyboard
from bloop_studio.parsing import ScriptError
from bloop_studio.script import from_markdown, to_markdown

ROOT = Path(__file__).parents[4]
SCRIPT = """\
---
title: Binary search
language: en
---

## The idea {#idea seconds=8.0}

concepts: [search, "halving, twice"]

- We look at [the middle]{show=item-1} first. {#l1}
- Then at one [half]{show=item-2 highlight=item-1} of the half. {#l2}

```visual
kind: bullets
title: How
items:
- The middle
- One half
```

## {#code}

```visual
kind: code
language: python
text: |-
  def f(x):
      return x
```
"""


def test_a_script_is_what_an_educator_would_write():
    storyboard = from_markdown(SCRIPT)
    first, second = storyboard.scenes
    assert (first.id, first.title, first.seconds) == ("idea", "The idea", 8.0)
    assert first.concepts == ["search", "halving, twice"]
    assert [line.text for line in first.narration] == [
        "We look at the middle first.",
        "Then at one half of the half.",
    ]
    assert [(c.line, c.word, c.nth, c.action, c.target) for c in first.cues] == [
        ("l1", "the middle", 1, "show", "item-1"),
        ("l2", "half", 1, "show", "item-2"),
        ("l2", "half", 1, "highlight", "item-1"),
    ]
    assert second.title == "" and second.visual.parts() == ("line-1", "line-2")
    assert to_markdown(storyboard) == SCRIPT.replace('"halving, twice"', "'halving, twice'")


def test_the_page_of_the_format_shows_a_script_as_it_is():
    page = (ROOT / "docs" / "plugins" / "storyboards.md").read_text("utf-8")
    (script,) = re.findall(r"````markdown\n(.*?)````", page, re.DOTALL)
    storyboard = from_markdown(script)
    tones, picture = storyboard.scenes
    assert (storyboard.title, picture.seconds, picture.title) == ("Beats", 6, "")
    assert [asset.id for asset in storyboard.assets] == [picture.visual.asset]
    assert [(c.line, c.word, c.nth, c.action, c.target) for c in tones.cues] == [
        ("line-1", "nearly the same", 1, "show", "item-1"),
        ("line-2", "louder", 1, "show", "item-2"),
        ("line-2", "louder", 1, "highlight", "item-1"),
        ("line-2", "louder", 2, "highlight", "item-2"),
    ]
    assert from_markdown(to_markdown(storyboard)) == storyboard
    with pytest.raises(ScriptError) as caught:
        from_markdown("---\ntitle: a\nlanguage: en\n---\n\n## One {#one}\n")
    assert f"`{caught.value}`" in page


@settings(max_examples=60, deadline=None)
@given(storyboards())
def test_nothing_is_lost_on_the_way_to_markdown_and_back(storyboard):
    text = to_markdown(storyboard)
    assert from_markdown(text) == storyboard
    assert read_storyboard(storyboard.model_dump_json()) == storyboard


def test_an_editor_may_break_lines_and_end_them_as_windows_does():
    edited = SCRIPT.replace("first. {#l1}", "first,\n  of course. {#l1}").replace("\n", "\r\n")
    lines = from_markdown(edited).scenes[0].narration
    assert lines[0].text == "We look at the middle first, of course."


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("---\ntitle", "title", 1, "starts with"),
        ("language: en", "language: [en", 3, "expected"),
        ("language: en", "language: English", 3, "language: it has to look like ^[a-z]"),
        ("title: Binary search\n", "", 1, "title: something is missing here"),
        ("{#idea seconds=8.0}", "", 6, "## Title {#id}"),
        ("{#idea seconds=8.0}", "{#idea seconds=long}", 6, "seconds: this is no number"),
        (" {#l1}", "", 10, "ends with its id"),
        ("[the middle]", "th[e middle]", 10, "[e middle] marks no whole word"),
        ("{show=item-1} first", "{show=item-9} first", 6, "'item-9'"),
        ("- One half", "- [One half", 18, "expected"),
        ("kind: bullets", "kind: bulletz", 13, "bulletz"),
        ("kind: code", "kind: code\nfont: big", 23, "font: there is no such field"),
        ("```\n\n## {#code}", "\n\n## {#code}", 13, "is missing at its end"),
        ("## {#code}", "Some text.", 21, "not understood"),
        ("## {#code}", "## {#idea}", 1, "used twice as an id: idea"),
        ("## {#code}", '## "open {#code}', 21, "JSON string"),
    ],
)
def test_faults_are_told_with_their_line(old, new, line, what):
    assert old in SCRIPT
    with pytest.raises(ScriptError) as caught:
        from_markdown(SCRIPT.replace(old, new, 1))
    found = caught.value.faults[0]
    assert found.line == line and what in str(found)
    assert str(caught.value).startswith(f"line {line}: ")


def test_anchors_and_enormous_scripts_are_refused():
    bomb = SCRIPT.replace("- The middle", "- &a [x, x]\n- *a")
    with pytest.raises(ScriptError, match="anchors"):
        from_markdown(bomb)
    with pytest.raises(ScriptError, match="longer than"):
        from_markdown(SCRIPT + "\n" * 1_000_001)


@pytest.mark.parametrize("body", ["\\" * 200_000 + " {#l1}", "x" + "\n  a" * 100_000])
def test_a_line_of_any_length_is_refused_in_a_moment(body):
    """These took minutes of processor time, in which the hub did nothing else."""
    script = f"---\ntitle: a\nlanguage: en\n---\n\n## One {{#one}}\n\n- {body}\n"
    begin = time.process_time()
    with pytest.raises(MalformedRecordError):
        from_markdown(script)
    assert time.process_time() - begin < 10

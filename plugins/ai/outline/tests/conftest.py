"""Tells lessons, and writes down what came of them."""

from __future__ import annotations

import pytest

from bloop_outline.board import outline
from bloop_outline.config import OutlineConfig
from bloop_sdk.providers.ai import Lesson


@pytest.fixture
def tell():
    """The storyboard of some HTML."""

    def tell(html, title="A lesson", language="en", pictures=(), concepts=(), **settings):
        lesson = Lesson(
            title=title, html=html, language=language, pictures=pictures, concepts=concepts
        )
        return outline(lesson, OutlineConfig(**settings))

    return tell


@pytest.fixture
def scene_of(tell):
    """The one scene of a kind that some HTML gives."""

    def scene_of(kind, html, **more):
        [scene] = [one for one in tell(html, **more).scenes if one.visual.kind == kind]
        return scene

    return scene_of

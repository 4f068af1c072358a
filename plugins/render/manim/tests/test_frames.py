"""What is drawn only where it changes is what manim draws."""

from __future__ import annotations

from plugins.render.manim.tests.plans import plan


async def test_every_frame_is_manims(renderer):
    compared = await renderer.check(plan("compared with manim"))
    assert [one.message for one in compared.faults] == ["frames 85"]

"""A lesson that videos are made of."""

from __future__ import annotations

from bloop.content import service
from bloop.store.database import in_unit
from tests.support.database import make_call

PAGE = """<p>A wave carries energy from one place to another. It does not carry matter.</p>
<h2>Kinds of waves</h2>
<ul><li>Sound is a longitudinal wave.</li><li>Light is a transverse wave.</li></ul>
<h2>Speed</h2>
<p>The speed of a wave is its wavelength times its frequency. Sound in air travels at 343 metres
per second. Light is much faster.</p>"""


def lesson_in(hub):
    """A published lesson's id."""
    call = make_call(hub.institution)
    course = in_unit(hub.database, call, service.create_container, title="Physics", published=True)
    made = in_unit(
        hub.database, call, service.create_item, course.id, kind="page", title="Waves", html=PAGE
    )
    publish = service.publish, type(made), made.id, None, lambda *_: None
    in_unit(hub.database, call, *publish)
    return made.id

"""A storyboard by a language model, which a double stands for."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

from bloop_sdk import Item, ItemFile
from bloop_sdk.providers.ai import Generation
from bloop_studio import writing
from bloop_studio.drafting import lesson_of

WAVES = {
    "id": "one",
    "narration": [{"id": "l", "text": "A wave."}],
    "visual": {"kind": "image", "asset": "picture-2"},
}


class Model:
    def __init__(self, *answers):
        self.answers, self.heard = list(answers), []

    async def get(self, _capability):
        return self

    async def generate(self, messages, _schema, _budget):
        self.heard.append([(one.role, one.text) for one in messages])
        answer = self.answers.pop(0)
        return Generation(
            text=json.dumps(answer), value=answer, model="m", tokens_in=1, tokens_out=1
        )


async def test_a_model_knows_what_pictures_show_and_what_it_wrote():
    files = {
        source: ItemFile(id=source, name=source, media_type="image/png", size=1, sha256="0")
        for source in ("a.png", "b.png")
    }
    html = '<p>Waves.</p><img src="a.png"><img src="b.png" alt="A wave on\n a string">'
    known = {"id": "i", "container": "c", "kind": "page", "title": "Waves", "language": "en"}
    item = Item(**known, html=html, version=1, files=files)
    lesson = lesson_of(item)
    wrong = {"title": "Waves", "scenes": [WAVES], "assets": [{"id": ["picture-2"]}, "b.png"]}
    assert (
        lesson_of(dataclasses.replace(item, html="<p>Волна переносит энергию.</p>")).language
        == "ru"
    )
    model = Model(wrong, wrong | {"assets": [{"id": "picture-2"}]})
    board = await writing.storyboard(SimpleNamespace(providers=model), lesson)
    assert '{"id": "picture-2", "alt": "A wave on a string"}' in model.heard[0][1][1]
    assert model.heard[1][2] == ("assistant", json.dumps(wrong))
    assert [(one.source, one.alt) for one in board.assets] == [("b.png", "A wave on a string")]

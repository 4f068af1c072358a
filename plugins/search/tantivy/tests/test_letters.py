"""Scripts other than plain Latin are found as people write them."""

from __future__ import annotations

import unicodedata

import pytest

from bloop_sdk.providers.search import Changes, Document, Match, SearchQuery
from bloop_sdk.testing import FakeContext
from bloop_tantivy.config import TantivyConfig
from bloop_tantivy.provider import TantivyIndex

HERE = "0199c0de-0000-7000-8000-000000000001"
TEXTS = {
    "zh": "细胞膜是防止细胞外物质自由进入细胞的屏障，使各种生化反应能够有序运行",
    "ja": "日本語の勉強がたのしい",
    "th": "การเรียนภาษาไทยเป็นเรื่องที่น่าสนใจมาก",
    "ar": "الكِتَابُ ومدرسة أحمد",
    "hi": "हिन्दी भाषा",
    "de": unicodedata.normalize("NFD", "Kräfte und Größe"),
    "vi": unicodedata.normalize("NFD", "Tiếng Việt"),
}


@pytest.fixture
async def index(tmp_path):
    made = TantivyIndex(FakeContext(config=TantivyConfig(), data_dir=tmp_path))
    documents = [
        Document(id=id_, kind="page", container="c", title="", text=text)
        for id_, text in TEXTS.items()
    ]
    await made.index(Changes(institution=HERE, documents=documents, mark="1"))
    return made


async def ids(index, word, match=Match.WORDS):
    query = SearchQuery(institution=HERE, words=(word,), match=match)
    return [hit.id for hit in await index.search(query)]


FOUND = [
    ("细胞", "zh"),
    ("屏障", "zh"),
    ("有序运行", "zh"),
    ("膜", "zh"),
    ("勉強", "ja"),
    ("日本語", "ja"),
    ("ภาษา", "th"),
    ("الكتاب", "ar"),
    ("ومدرسه", "ar"),
    ("احمد", "ar"),
    ("हिन्दी", "hi"),
    ("Kräfte", "de"),
    ("grosse", "de"),
    ("viet", "vi"),
    ("Việt", "vi"),
]


async def test_a_word_is_found_however_its_marks_are_written_and_where_no_space_ends_it(index):
    assert [(word, *await ids(index, word)) for word, _ in FOUND] == FOUND


async def test_what_is_not_there_is_not_found_and_a_beginning_is(index):
    assert await ids(index, "胞细") == []
    assert await ids(index, "か勉") == [], "a kana without its mark is another"
    assert await ids(index, "勉", Match.PREFIX) == ["ja"]
    assert await ids(index, "الكت", Match.PREFIX) == ["ar"]

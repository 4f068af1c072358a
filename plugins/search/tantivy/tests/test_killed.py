"""A process that is killed while it indexes leaves an index that is whole."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
import textwrap
from itertools import pairwise

import pytest

from bloop_sdk import UnavailableError
from bloop_sdk.providers.search import Changes, Document, SearchQuery
from bloop_sdk.testing import FakeContext
from bloop_tantivy.config import TantivyConfig
from bloop_tantivy.provider import TantivyIndex

HERE = "0199c0de-0000-7000-8000-000000000001"
KILLS = 3

INDEXER = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from bloop_sdk.providers.search import Changes, Document
    from bloop_sdk.testing import FakeContext
    from bloop_tantivy.config import TantivyConfig
    from bloop_tantivy.provider import TantivyIndex

    HERE = "0199c0de-0000-7000-8000-000000000001"
    index = TantivyIndex(FakeContext(config=TantivyConfig(), data_dir=Path(sys.argv[1])))

    async def main():
        number = int(await index.mark(HERE) or 0)
        while True:
            number += 1
            documents = [
                Document(id=f"{n}", kind="page", container="c", title=f"round{number}", text="t")
                for n in range(20)
            ]
            await index.index(Changes(institution=HERE, documents=documents, mark=str(number)))
            print(number, flush=True)

    asyncio.run(main())
    """
)


def index_in(folder) -> TantivyIndex:
    return TantivyIndex(FakeContext(config=TantivyConfig(), data_dir=folder))


async def test_the_mark_and_the_documents_are_of_one_commit_after_every_kill(tmp_path):
    marks = [0]
    for kill in range(KILLS):
        process = subprocess.Popen(  # noqa: ASYNC220 - nothing else waits
            [sys.executable, "-c", INDEXER, tmp_path], stdout=subprocess.PIPE, text=True
        )
        for _ in range(kill + 1):  # At another place each time, in the midst of the next one.
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        index = index_in(tmp_path)
        mark = int(await index.mark(HERE))
        assert mark >= told
        query = SearchQuery(institution=HERE, words=(f"round{mark}",), limit=50)
        assert len(await index.search(query)) == 20
        marks.append(mark)
    assert all(before < after for before, after in pairwise(marks))


async def test_an_index_that_is_torn_counts_as_none_and_is_made_anew(tmp_path):
    index = index_in(tmp_path)
    one = Document(id="1", kind="page", container="c", title="Leaf", text="")
    await index.index(Changes(institution=HERE, documents=[one], mark="1"))
    (meta,) = tmp_path.rglob("meta.json")
    meta.write_text(meta.read_text()[:40])
    index = index_in(tmp_path)
    assert await index.mark(HERE) is None
    assert await index.search(SearchQuery(institution=HERE, words=("leaf",))) == []
    await index.index(Changes(institution=HERE, documents=[one], mark="2"))
    assert await index.mark(HERE) == "2"


async def test_an_index_of_which_a_part_is_gone_is_made_anew(tmp_path):
    """Files of positions and of words are opened when they are first needed."""
    documents = [Document(id="1", kind="page", container="c", title="Leaf", text="")]
    await index_in(tmp_path).index(Changes(institution=HERE, documents=documents, mark="1"))
    for file in tmp_path.rglob("*.pos"):
        file.unlink()
    index = index_in(tmp_path)
    assert await index.mark(HERE) is None
    await index.index(Changes(institution=HERE, documents=documents, mark="2"))
    assert await index.mark(HERE) == "2"
    assert len(await index.search(SearchQuery(institution=HERE, words=("leaf",)))) == 1


async def test_a_process_that_lacks_file_handles_takes_no_index_for_torn(tmp_path):
    await index_in(tmp_path).index(Changes(institution=HERE, mark="1"))
    index, handles = index_in(tmp_path), resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, handles[1]))
        with pytest.raises(UnavailableError, match="can't be read now"):
            await asyncio.to_thread(index._mark, HERE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, handles)
    assert await index.mark(HERE) == "1"


async def test_processes_that_index_in_turn_leave_no_files_behind(tmp_path):
    number = 0
    for indexer in (index_in(tmp_path), index_in(tmp_path)) * 3 + (index_in(tmp_path),):
        for _ in range(4):
            number += 1
            one = Document(id=f"{number % 5}", kind="page", container="c", title="Leaf", text="")
            await indexer.index(Changes(institution=HERE, documents=[one], mark=str(number)))
    (meta,) = tmp_path.rglob("meta.json")
    known = {one["segment_id"].replace("-", "") for one in json.loads(meta.read_text())["segments"]}
    found = {file.name.partition(".")[0] for file in meta.parent.iterdir() if file.name[0] != "."}
    assert found == known | {"meta"}


async def test_while_another_process_indexes_it_says_so(tmp_path):
    index = index_in(tmp_path)
    await index.index(Changes(institution=HERE, mark="1"))
    writer = index._open[HERE].index.writer(15_000_000, 1)
    with pytest.raises(UnavailableError, match="can't be written now"):
        await index_in(tmp_path).index(Changes(institution=HERE, mark="2"))
    writer.wait_merging_threads()
    await index_in(tmp_path).index(Changes(institution=HERE, mark="2"))
    assert await index.mark(HERE) == "2"

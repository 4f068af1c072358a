"""What the benchmark of tracing reads: the public three-line files, however they are written."""

from __future__ import annotations

import pytest

from tests.bench._sequences import learners_of, read

TWO = [(("7", "7", "12"), (0, 1, 1)), (("3",), (0,))]


def write(path, text):
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "3\n7,7,12\n0,1,1\n1\n3\n0\n",
        "3\r\n7,7,12\r\n0,1,1\r\n1\r\n3\r\n0",
        "\ufeff3\n7,7,12,\n0,1,1,,\n\n\n1\n 3 \n0.0\n\n",
        "3\n7,7,12,-1,-1\n0,1,1,-1,-1\n2\n3,-1\n0,-1",
        "0\n\n\n3\n7, 7, 12\n0, 1, 1\n0\n1\n3\n0",
    ],
    ids=["plain", "crlf", "blank lines and commas", "padding", "who answered nothing"],
)
def test_each_way_of_writing_gives_the_same_learners(tmp_path, text):
    assert list(learners_of(write(tmp_path / "train.csv", text))) == TWO


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1\n3\n0\n2\n7,7\n1\n", r"train\.csv:4: 2 answers, but 2 skills and 1 answers follow"),
        ("2\n7\n1,0\n", r":1: 2 answers, but 1 skills and 2 answers"),
        ("3\n7,7\n1,0\n", r":1: 3 answers, but 2 skills and 2 answers"),
        ("2\n7,7\n", r":1: 2 answers, but 2 skills and 0 answers"),
        ("2\n7,7\n1,2\n", r":3: '2' is no answer"),
        ("2\n7,-1\n1,0\n", r":1: 2 answers, but 1 skills and 2 answers"),
        ("3\n7,-1,8\n1,0,1\n", r":2: an answer about no skill"),
        ("3\n7,,8\n1,0,1\n", r":2: an answer about no skill"),
        ("fold,uid,concepts\n0,1,2\n", r":1: 'fold,uid,concepts' is no count of answers"),
        ("7,7\n1,0\n", r":1: '7,7' is no count of answers"),
        (b"\xff\xfe3\x00", "no text in UTF-8"),
    ],
)
def test_what_is_amiss_is_named_with_its_line(tmp_path, text, told):
    with pytest.raises(SystemExit, match=told):
        list(learners_of(write(tmp_path / "train.csv", text)))


def test_nobody_of_the_test_file_is_trained_on(tmp_path):
    long = [f"20\n{','.join('7' * 20)}\n{number:020b}" for number in range(3)]
    long = [one[:-20] + ",".join(one[-20:]) for one in long]
    write(tmp_path / "train.csv", "\n".join([*long, "1\n3\n1"]))
    write(tmp_path / "test.csv", long[0])
    found = read(tmp_path)
    kept = [[answer.correct for answer in one] for one in [*found.train, *found.valid]]
    tested = [answer.correct for answer in found.test[0]]
    assert tested not in kept
    assert len(kept) == 3
    with pytest.raises(SystemExit, match=r"no train\*\.csv with learners"):
        read(tmp_path / "nowhere")

"""Blobs are whole or absent, whatever happens while they are written."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bloop.store import blobs as module
from bloop.store.blobs import Blobs
from bloop.store.errors import NotFoundError, StoreError
from bloop_sdk import HostileInputError

DIGEST = hashlib.sha256(b"hello world").hexdigest()


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "blobs")


def files(blobs):
    return sorted(path for path in blobs.root.rglob("[!.]*") if path.is_file())


def test_bytes_come_back_under_their_digest(blobs):
    ref = blobs.put([b"hello ", b"world"])
    assert (ref.sha256, ref.size) == (DIGEST, 11)
    with blobs.open(DIGEST) as file:
        assert file.read() == b"hello world"
    assert blobs.path(DIGEST).read_bytes() == b"hello world"


def test_equal_bytes_are_stored_once(blobs):
    assert blobs.put([b"hello world"]) == blobs.put([b"hello", b" world"])
    assert len(files(blobs)) == 1


def test_a_reader_keeps_its_bytes_while_the_same_come_again(blobs):
    blobs.put([b"hello world"])
    with blobs.open(DIGEST) as file:
        blobs.put([b"hello world"])
        assert file.read() == b"hello world"


def test_more_than_allowed_is_refused_and_leaves_nothing(blobs):
    assert blobs.put([b"1234"], limit=4).size == 4
    with pytest.raises(HostileInputError, match="larger than the 4 bytes allowed"):
        blobs.put([b"123", b"45"], limit=4)
    assert len(files(blobs)) == 1


def test_a_source_that_fails_leaves_nothing(blobs):
    def chunks():
        yield b"some"
        raise KeyError("gone")

    with pytest.raises(KeyError):
        blobs.put(chunks())
    assert files(blobs) == []


def test_an_aborted_writer_leaves_nothing(blobs):
    writer = blobs.writer()
    writer.write(b"some")
    writer.abort()
    assert files(blobs) == []


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "/" + "0" * 63])
def test_what_is_no_digest_names_no_file(blobs, digest):
    with pytest.raises(NotFoundError):
        blobs.path(digest)


def test_unknown_bytes_are_not_found(blobs):
    with pytest.raises(NotFoundError, match=f"no blob {'0' * 64}"):
        blobs.open("0" * 64)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "store_full"),
        (errno.EDQUOT, "store_full"),
        (errno.EFBIG, "store_full"),
        (errno.EROFS, "store_read_only"),
        (errno.EIO, "store_disk"),
    ],
)
def test_a_disk_that_fails_is_said_and_leaves_nothing(blobs, monkeypatch, call, number, code):
    def fail(*_arguments):
        raise OSError(number, os.strerror(number))

    target = module.os if call == "fsync" else type(blobs.root)
    monkeypatch.setattr(target, call, fail)
    with pytest.raises(StoreError) as caught:
        blobs.put([b"hello world"])
    assert caught.value.code == code
    monkeypatch.undo()
    assert files(blobs) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file.*: cannot write"):
        Blobs(tmp_path / "file")


def test_bytes_and_names_are_on_the_disk_before_the_blob_is_named(blobs, monkeypatch):
    done = []
    real_fsync, real_replace = os.fsync, type(blobs.root).replace

    def fsync(handle):
        done.append("folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "bytes")
        real_fsync(handle)

    def replace(path, target):
        done.append("named")
        return real_replace(path, target)

    monkeypatch.setattr(module.os, "fsync", fsync)
    monkeypatch.setattr(type(blobs.root), "replace", replace)
    blobs.put([b"hello world"])
    assert done == ["bytes", "folder", "named", "folder"]


KILLED = """
import sys
from pathlib import Path
from bloop.store.blobs import Blobs
writer = Blobs(Path(sys.argv[1])).writer()
writer.write(b"x" * 1_000_000)
print("written", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_writer_left_is_swept_away_and_a_living_ones_is_not(blobs):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", KILLED, blobs.root],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout.readline() == b"written\n"
    assert len(files(blobs)) == 2
    killed, living = processes
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    long_ago = time.time() - 3600
    for path in files(blobs):
        os.utime(path, (long_ago, long_ago))
    Blobs(blobs.root)
    assert len(files(blobs)) == 1
    living.communicate()
    Blobs(blobs.root)
    assert files(blobs) == []


def test_a_file_that_was_just_begun_is_left_alone(blobs):
    (blobs.root / "incoming-new").write_bytes(b"")
    Blobs(blobs.root)
    assert len(files(blobs)) == 1

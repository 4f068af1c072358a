"""A process that ends while its threads still read a cartridge."""

from __future__ import annotations

import subprocess
import sys

import pytest

READS_ON = """
import threading, time
from bloop_cartridge.index import Index

def read(index):
    while True:
        index.files(1)

for _ in range(12):
    threading.Thread(target=read, args=(Index(),), daemon=True).start()
time.sleep(0.1)
"""


@pytest.mark.parametrize("turn", range(3))
def test_a_process_ends_in_order_while_threads_read(turn):
    # Closed under them, SQLite crashed in most of such processes.
    done = subprocess.run([sys.executable, "-c", READS_ON], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()

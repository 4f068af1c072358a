"""What enex2notion's command does without a token: it parses an export to the blocks of Notion.

Run by a Python that has it; prints its seconds of processor time and its peak memory in MiB.
"""

from __future__ import annotations

import sys
import time
import warnings

from _memory import peak_mib
from enex2notion.cli import cli

warnings.simplefilter("ignore")
begin = time.process_time()
cli([sys.argv[1]])
seconds = time.process_time() - begin
print(seconds, peak_mib())

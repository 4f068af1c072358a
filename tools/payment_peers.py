"""Put what payments are checked against beside the sources: `python tools/payment_peers.py`.

localstripe, an independent server of Stripe's API, in a virtual environment of its own, since it is
no dependency of ours; and Prism, which answers as an OpenAPI document says, where there is npm.
Tests find both there, or where BLOOP_TEST_LOCALSTRIPE and BLOOP_TEST_PRISM name their commands.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCALSTRIPE = "localstripe==1.15.0"
PRISM = "@stoplight/prism-cli@5.14.2"


def main() -> None:
    """Install both, and say where."""
    home = ROOT / ".venv-peers-payments"
    venv.create(home, with_pip=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", LOCALSTRIPE]
    subprocess.run(pip, check=True)
    print(home / "bin" / "localstripe")
    npm = shutil.which("npm")
    if npm is None:
        print("no npm here: without Prism", file=sys.stderr)
        return

    asked = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home), PRISM]
    subprocess.run(asked, check=True)
    print(home / "node_modules" / ".bin" / "prism")


if __name__ == "__main__":
    main()

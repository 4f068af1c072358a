#!/bin/sh
# Find a Python that is new enough and hand over to tools/setup_env.py.
set -eu
cd "$(dirname "$0")/.."

for python in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
    [ -n "$python" ] && command -v "$python" >/dev/null 2>&1 || continue
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$python" tools/setup_env.py "$@"
    fi
done

found=$(python3 --version 2>/dev/null || echo "no python3")
echo "Bloop needs Python 3.11 or newer, and here is $found." >&2
echo "Install one (Debian 12+, Ubuntu 24.04+: sudo apt-get install python3 python3-venv)," >&2
echo "or name one: make PYTHON=/path/to/python3.12 ..." >&2
exit 1

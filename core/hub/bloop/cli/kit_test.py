"""What the contract asks of every plugin.

``bloop plugins test`` runs it where a plugin's own tests do not.
"""

from __future__ import annotations

import os

from bloop_sdk.testing import plugin_tests

TestContract = plugin_tests(os.environ["BLOOP_PLUGIN_PACKAGE"])

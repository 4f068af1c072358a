"""Makes the kit's sample plugin importable, which is not installed."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent / "shelf"))

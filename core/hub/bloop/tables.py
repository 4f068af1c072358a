"""All tables of the core together, for whoever compares them with a database."""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import MetaData

from bloop.store.models import Base


def core_metadata() -> MetaData:
    """The metadata with every domain's and subject's ``models.py`` imported."""
    root = Path(__file__).parent
    for models in sorted((*root.glob("*/models.py"), *root.glob("*/*/models.py"))):
        importlib.import_module(
            ".".join(("bloop", *models.relative_to(root).with_suffix("").parts))
        )
    return Base.metadata

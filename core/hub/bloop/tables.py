"""All tables of the core together, for whoever compares them with a database."""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import MetaData

from bloop.store.models import Base


def core_metadata() -> MetaData:
    """The metadata with every domain's ``models.py`` imported."""
    for models in sorted(Path(__file__).parent.glob("*/models.py")):
        importlib.import_module(f"bloop.{models.parent.name}.models")
    return Base.metadata

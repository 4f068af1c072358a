"""All tables of the core together, for whoever compares them with a database."""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import MetaData

from bloop.store.models import Base


def core_metadata() -> MetaData:
    """The metadata with every domain's ``models.py`` imported."""
    here = Path(__file__).parent
    for models in sorted(here.rglob("models.py")):
        importlib.import_module(
            ".".join(("bloop", *models.relative_to(here).with_suffix("").parts))
        )
    return Base.metadata

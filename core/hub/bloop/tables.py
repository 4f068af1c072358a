"""All tables of the core together, for whoever compares them with a database."""

from __future__ import annotations

import importlib
from pathlib import Path

from sqlalchemy import MetaData

from bloop.store.models import Base


def core_metadata() -> MetaData:
    """The metadata with every domain's ``models.py`` imported."""
    here = Path(__file__).parent
    for models in sorted(here.glob("**/models.py")):
        folders = models.parent.relative_to(here).parts
        importlib.import_module(".".join(("bloop", *folders, "models")))
    return Base.metadata

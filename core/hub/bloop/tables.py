"""All tables of the core together, for whoever compares them with a database."""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from sqlalchemy import MetaData

from bloop.store.models import Base


@cache
def core_metadata() -> MetaData:
    """The metadata with every domain's models imported, whatever ``*models.py`` holds them."""
    house = Path(__file__).parent
    for models in sorted(house.rglob("*models.py")):
        parts = models.relative_to(house).with_suffix("").parts
        importlib.import_module(".".join(("bloop", *parts)))
    return Base.metadata

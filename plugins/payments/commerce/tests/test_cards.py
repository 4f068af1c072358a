"""No card data may ever be taken: there is no field of any route or table that could hold it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from sqlalchemy import BigInteger

from bloop_commerce import catalogue
from bloop_commerce.tables import Line, metadata
from bloop_sdk import load_manifest

SOURCE = Path(__file__).parents[1]
CARD = re.compile(
    r"card|\bpan\b|cvv|cvc|iban|expir(?:y|ation)|exp_?(?:month|year)|account_?number|security_?code",
    re.IGNORECASE,
)


def asked_for():
    """The fields that handlers of programs read from a body, by module."""
    for path in (SOURCE / "bloop_commerce").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "body_of":
                fields = node.args[1]
                if isinstance(fields, ast.Tuple):
                    yield path.name, {one.value for one in fields.elts}
                else:
                    yield path.name, set(names_of(path, ast.unparse(fields)))


def names_of(path, written):
    import importlib

    module = importlib.import_module(f"bloop_commerce.{path.stem}")
    found = module
    for part in written.split("."):
        found = getattr(found, part)
    return found


def inputs_of_forms():
    for path in (SOURCE / "bloop_commerce" / "templates").glob("*.html"):
        yield path.name, set(re.findall(r'\bname="([^"{]+)"', path.read_text()))


def test_no_field_of_a_route_or_form_could_take_a_card():
    fields = [*asked_for(), *inputs_of_forms()]
    assert len(fields) >= 8
    assert set().union(*(names for _, names in fields)) >= {"product", "amount", "reason"}
    found = {(where, name) for where, names in fields for name in names if CARD.search(name)}
    assert found == set()


def test_every_handler_that_takes_a_body_reads_it_strictly():
    """One that reads JSON by itself could take fields that nobody has declared."""
    for path in (SOURCE / "bloop_commerce").glob("*.py"):
        if path.name != "asked.py":
            assert ".json()" not in path.read_text(), path
    paths = [one.path for one in load_manifest(SOURCE / "bloop-plugin.toml").contributes.routes]
    assert len(paths) > 20
    assert not [path for path in paths if CARD.search(path)]


def test_no_column_could_hold_a_card():
    names = {f"{table.name}.{column.name}" for table in metadata.tables.values()
             for column in table.c}  # fmt: skip
    assert len(names) > 100
    assert not [name for name in names if CARD.search(name.partition(".")[2])]
    assert isinstance(Line.__table__.c.amount.type, BigInteger)


@pytest.mark.parametrize("name", ["card", "card_number", "cvc", "number"])
def test_a_product_takes_no_other_field(name):
    assert name not in catalogue.Offer.model_fields

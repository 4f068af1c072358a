"""The API by its own description, as a stranger's tool reads it: nothing undeclared, no defect."""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from tests.api.test_fuzz import OPERATIONS, _is_live, served_course

HERE = {"host": "127.0.0.1"}
EXAMPLES = int(os.environ.get("BLOOP_FUZZ_EXAMPLES", "3"))
"""A case each; more find more, and take longer."""

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

# The one would end the session that all others use, a live answer would not end at all.
WALKED = [
    (method, path)
    for method, path, operation in OPERATIONS
    if (method, path) != ("delete", "/api/v1/session") and not _is_live(operation)
]


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    """The description as the hub serves it, and who asks."""
    text = "[plugins.cartridge]\nenabled = true\n"
    with served_course(tmp_path_factory.mktemp("described"), text) as (app, token, _):
        yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=HERE), token


@pytest.mark.parametrize(("method", "path"), WALKED, ids=lambda part: part.strip("/"))
def test_every_operation_answers_as_it_is_described(described, method, path):
    schema, token = described
    operation = schema[path][method.upper()]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def answers(case):
        case.call_and_validate(
            headers={"authorization": f"Bearer {token}", **HERE},
            checks=CHECKS,
        )

    answers()

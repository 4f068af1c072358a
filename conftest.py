"""Makes the fixtures of tests/support known to every test of the tree, plugins' included."""

pytest_plugins = [
    "tests.support.fixtures",
    "tests.support.database",
    "tests.support.hub",
    "tests.support.kafka",
    "tests.support.node_oidc",
    "tests.support.order",
    "tests.support.sharing",
]

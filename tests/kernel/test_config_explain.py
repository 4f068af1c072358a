import pytest
from pydantic import BaseModel, SecretStr

from bloop.kernel.config import load
from bloop.kernel.config_explain import explain
from bloop.kernel.config_layers import row_layer
from bloop.kernel.config_model import HttpSection
from bloop_sdk import PluginConfig, Scope, setting
from bloop_sdk.errors import ConfigError


class Retry(BaseModel):
    tries: int = setting(3, description="Tries")


class CanvasConfig(PluginConfig):
    token: SecretStr = setting(scope=Scope.INSTITUTION, description="Access token")
    page_size: int = setting(100, description="Records asked for at once")
    retry: Retry = setting(Retry(), description="Retries")


@pytest.fixture
def shown(tmp_path):
    def _shown(text, key, *rows, model=None, **env):
        path = tmp_path / "hub.toml"
        path.write_text(text, "utf-8")
        found = explain(load(path, env), key, model=model, rows=rows)
        assert "s3cr3t" not in repr(found)
        return [
            (view.layer, view.origin.replace(str(path), "hub.toml"), view.value, view.wins)
            for view in found.layers
        ]

    return _shown


def test_every_layer_is_told_and_which_one_wins(shown):
    assert shown("[http]\nport = 1", "http.port", BLOOP_HTTP__PORT="2") == [
        ("default", "default", "8080", False),
        ("file", "hub.toml:2", "1", False),
        ("environment", "env BLOOP_HTTP__PORT", '"2"', True),
    ]
    assert shown("", "http.public_url") == [("default", "default", "not set", True)]
    assert shown("", "plugins.canvas.enabled") == [("default", "default", "false", True)]
    assert shown("[plugins.canvas]\norder = 1", "plugins.canvas.order")[1][2:] == ("1", True)


def test_what_a_key_is_for_is_told(tmp_path):
    found = explain(load(None, {"BLOOP_CONFIG": ""}), "access.guests")
    assert (found.key, found.scope, found.secret) == ("access.guests", "institution", False)
    assert found.description.startswith("read: published content")


def test_a_secret_is_told_by_its_place(shown, tmp_path):
    (tmp_path / "t").write_text("s3cr3t")
    rows = [row_layer(Scope.INSTITUTION, {"token": SecretStr("s3cr3t")})]
    text = "[plugins.canvas]\ntoken = { env = 'CANVAS_TOKEN' }"
    key = "plugins.canvas.token"
    assert shown(text, key, *rows, model=CanvasConfig, CANVAS_TOKEN="s3cr3t") == [
        ("default", "default", "none, has to be set", False),
        ("file", "hub.toml:2", "set, from env CANVAS_TOKEN", False),
        ("institution", "institution row", "set", True),
    ]
    assert shown(text, key, model=CanvasConfig)[1][2] == (
        "not set: the environment variable CANVAS_TOKEN is not set"
    )
    assert shown(text.replace("env", "file").replace("CANVAS_TOKEN", "t"), key)[0][2] == (
        "set, from file t"
    )
    assert shown("", key, model=CanvasConfig, BLOOP_PLUGINS__CANVAS__TOKEN="s3cr3t")[1:] == [
        ("environment", "env BLOOP_PLUGINS__CANVAS__TOKEN", "set", True)
    ]
    assert shown("[plugins.canvas]\ntoken = 's3cr3t'", key, model=CanvasConfig)[1][2] == (
        "refused: a secret cannot stand here"
    )


def test_without_the_plugins_model_nothing_is_shown_that_may_be_secret(shown):
    text = "[plugins.canvas]\napi_key = 's3cr3t'\nsize = 5"
    assert shown(text, "plugins.canvas.api_key")[0][2].startswith("refused")
    assert shown(text, "plugins.canvas.size") == [("file", "hub.toml:3", "5", True)]
    assert shown("", "plugins.canvas.size", BLOOP_PLUGINS__CANVAS__SIZE="s3cr3t")[0][2] == "set"


def test_the_database_is_told_without_its_password(shown):
    url = "postgresql+psycopg://bloop_app:s3cr3t@db/bloop"
    assert shown("", "store.url", BLOOP_STORE__URL=url)[1][2] == (
        '"postgresql+psycopg://bloop_app:**********@db/bloop"'
    )
    text = "[store]\nurl = 'sqlite:///var/b.db'"
    assert shown(text, "store.url")[1][2:] == ('"sqlite:///var/b.db"', True)
    assert shown("[store]\nurl = { env = 'DB' }", "store.url", DB=url)[1][2] == "set, from env DB"


def test_what_a_layer_may_not_set_does_not_win(shown):
    row = row_layer(Scope.INSTITUTION, {"page_size": 5})
    assert shown("", "plugins.canvas.page_size", row, model=CanvasConfig) == [
        ("default", "default", "100", True),
        ("institution", "institution row", "ignored: belongs to the hub", False),
    ]


def test_keys_within_tables_are_told(shown):
    text = "[plugins.canvas.retry]\ntries = 5"
    assert shown(text, "plugins.canvas.retry.tries", model=CanvasConfig) == [
        ("default", "default", "3", False),
        ("file", "hub.toml:2", "5", True),
    ]
    assert shown(text, "plugins.canvas.retry.tries") == [("file", "hub.toml:2", "5", True)]


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("htp.port", "htp.port: unknown key (did you mean http?)"),
        ("http.potr", "http.potr: unknown key (did you mean port?)"),
        (
            "http",
            "http: names a table (name a key: " + ", ".join(sorted(HttpSection.model_fields)) + ")",
        ),
        ("http.port.x", "http.port.x: unknown key"),
        ("plugins", "plugins: names a table"),
        (
            "plugins.canvas",
            "names a table (name a key: enabled, granted, order, page_size, retry, token)",
        ),
        ("plugins.canvas.tokn", "plugins.canvas.tokn: unknown key (did you mean token?)"),
    ],
)
def test_a_key_that_is_none_is_told_with_the_nearest(key, message, shown):
    with pytest.raises(ConfigError) as caught:
        shown("", key, model=CanvasConfig)
    assert message in str(caught.value)


def test_a_key_that_is_set_nowhere_says_so(shown):
    with pytest.raises(ConfigError, match="is set nowhere"):
        shown("", "plugins.canvas.tokn")

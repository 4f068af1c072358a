import traceback

import pytest
from pydantic import BaseModel, HttpUrl, SecretBytes, SecretStr, field_validator, model_validator

from bloop.kernel.config import load
from bloop.kernel.config_layers import row_layer
from bloop_sdk import PluginConfig, Scope, setting
from bloop_sdk.errors import ConfigError


class Retry(BaseModel):
    model_config = {"extra": "forbid"}

    tries: int = setting(3, scope=Scope.INSTITUTION, description="Tries", ge=1)
    word: SecretStr | None = setting(None, description="A secret within")


class CanvasConfig(PluginConfig):
    base_url: HttpUrl = setting(scope=Scope.INSTITUTION, description="Address of your Canvas")
    token: SecretStr = setting(scope=Scope.INSTITUTION, description="Access token")
    page_size: int = setting(100, description="Records asked for at once", ge=1, le=1000)
    theme: str = setting("calm", scope=Scope.USER, description="Colours")
    tags: list[str] = setting([], scope=Scope.INSTITUTION, description="Tags")
    keys: dict[str, SecretStr] = setting({}, description="Keys by name")
    extra: list[SecretStr] = setting([], description="More keys")
    raw: SecretBytes | None = setting(None, description="A binary secret")
    retry: Retry = setting(Retry(), scope=Scope.INSTITUTION, description="Retries")


@pytest.fixture
def canvas(tmp_path):
    def _canvas(text, *rows, model=CanvasConfig, upto=None, **env):
        path = tmp_path / "hub.toml"
        path.write_text(f"[plugins.canvas]\nenabled = true\n{text}", "utf-8")
        return load(path, env).plugin("canvas", model, rows, upto=upto)

    return _canvas


@pytest.fixture
def refused(canvas, tmp_path):
    def _refused(text, *rows, **options):
        with pytest.raises(ConfigError) as caught:
            canvas(text, *rows, **options)
        told = "".join(traceback.format_exception(caught.value, limit=0))
        assert "s3cr3t" not in told
        return str(caught.value).replace(str(tmp_path / "hub.toml"), "hub.toml")

    return _refused


INSTITUTION = row_layer(
    Scope.INSTITUTION,
    {"base_url": "https://canvas.example.edu", "token": SecretStr("s3cr3t"), "tags": ["row"]},
)


def test_each_layer_goes_over_the_ones_before(canvas, tmp_path):
    found = canvas(
        "page_size = 1\ntheme = 'file'\ntags = ['file']",
        INSTITUTION,
        row_layer(Scope.USER, {"theme": "user"}),
        BLOOP_PLUGINS__CANVAS__PAGE_SIZE="2",
        BLOOP_PLUGINS__CANVAS__TAGS='["env"]',
    )
    assert found.config.page_size == 2
    assert found.config.theme == "user"
    assert found.config.tags == ["row"]
    assert found.config.retry.tries == 3
    assert found.config.token.get_secret_value() == "s3cr3t"
    assert found.origins == {
        "base_url": "institution row",
        "token": "institution row",
        "tags": "institution row",
        "page_size": "env BLOOP_PLUGINS__CANVAS__PAGE_SIZE",
        "theme": "user row",
        "keys": "default",
        "extra": "default",
        "raw": "default",
        "retry": "default",
    }
    assert "s3cr3t" not in repr(found)


def test_tables_within_a_plugins_table_are_merged_key_by_key(canvas, tmp_path):
    found = canvas(
        "retry.word = { env = 'WORD' }",
        INSTITUTION,
        row_layer(Scope.INSTITUTION, {"retry": {"tries": 9}}),
        WORD="w0rd",
    )
    assert found.config.retry.tries == 9
    assert found.config.retry.word.get_secret_value() == "w0rd"
    assert found.origins["retry.word"] == f"{tmp_path / 'hub.toml'}:3, from env WORD"
    assert found.origins["retry.tries"] == "institution row"


def test_the_hub_may_set_what_an_institution_may(canvas, tmp_path):
    (tmp_path / "raw").write_bytes(b"bytes\n")
    (tmp_path / "raw").chmod(0o600)
    found = canvas(
        "base_url = 'https://c.example'\ntoken = { env = 'T' }\nraw = { file = 'raw' }\n"
        "keys.a = { env = 'T' }\nextra = [{ env = 'T' }]",
        T="tok",
    )
    assert found.config.raw.get_secret_value() == b"bytes"
    assert found.config.keys["a"].get_secret_value() == "tok"
    assert found.config.extra[0].get_secret_value() == "tok"
    assert found.warnings == ()


def test_what_an_institution_has_to_set_may_be_missing_at_the_hubs_scope(canvas, refused):
    config = canvas("page_size = 5").config
    assert isinstance(config, CanvasConfig)
    assert (config.base_url, config.token, config.page_size) == (None, None, 5)
    assert refused("", row_layer(Scope.INSTITUTION, {})).splitlines() == [
        "hub.toml:1: [plugins.canvas] base_url: is missing; write base_url = ...",
        'hub.toml:1: [plugins.canvas] token: is missing; write token = { env = "CANVAS_TOKEN" }',
    ]
    assert "base_url: is missing" in refused("", upto=Scope.INSTITUTION)
    for address in ("lms.example.edu", "lms.example.edu:8443/a"):
        written = f'write base_url = "https://{address}"'
        assert written in refused(f"base_url = {address!r}", upto=Scope.INSTITUTION)
    assert "page_size: must be between 1 and 1000" in refused("page_size = 0")


def test_a_validator_still_guards_what_is_present_at_the_hubs_scope(refused):
    class Guarded(PluginConfig):
        name: str = setting(scope=Scope.INSTITUTION, description="Name")

        @field_validator("name")
        @classmethod
        def _short(cls, value):
            if len(value) > 3:
                raise ValueError("must be short")
            return value

    assert "hub.toml:3: [plugins.canvas] name: must be short" in refused(
        "name = 'long'", row_layer(Scope.INSTITUTION, {}), model=Guarded
    )


def test_a_literal_secret_is_refused_with_what_to_write(refused):
    message = (
        "hub.toml:3: [plugins.canvas] token: a secret cannot stand here; "
        'write { env = "CANVAS_TOKEN" }'
    )
    assert refused("token = 's3cr3t'") == message
    assert refused("token = 's3cr3t'", INSTITUTION) == message  # though the row overrides it


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("token = 's3cr3t'", "token"),
        ("token = 5", "token"),
        ("keys = { a = 's3cr3t' }", "keys"),
        ("extra = ['s3cr3t']", "extra"),
        ("retry = { word = 's3cr3t' }", "retry.word"),
        ("raw = 's3cr3t'", "raw"),
    ],
)
def test_a_literal_secret_is_found_wherever_it_stands(text, key, refused):
    message = refused(text)
    assert message.startswith(f"hub.toml:3: [plugins.canvas] {key}: a secret cannot stand here; ")
    assert len(message.splitlines()) == 1


def test_the_environment_may_hold_a_secret_itself(canvas):
    found = canvas("", BLOOP_PLUGINS__CANVAS__TOKEN="tok")
    assert found.config.token.get_secret_value() == "tok"


def test_a_missing_variable_names_plugin_key_and_what_to_write(refused):
    assert refused("token = { env = 'T' }") == (
        "hub.toml:3: [plugins.canvas] token: the environment variable T is not set; "
        'start the hub with T=..., or write { file = "PATH" } instead'
    )


def test_an_overridden_reference_is_not_read(canvas):
    found = canvas("token = { env = 'ABSENT' }", INSTITUTION)
    assert found.config.token.get_secret_value() == "s3cr3t"


@pytest.mark.parametrize("value", ["s3cr3t", {"env": "PATH"}, {"file": "/etc/passwd"}])
def test_a_row_reads_neither_the_hubs_environment_nor_its_files(value, refused):
    row = row_layer(Scope.INSTITUTION, {"base_url": "https://a.example", "token": value})
    assert refused("", row, PATH="s3cr3t") == (
        "institution row: [plugins.canvas] token: a secret is kept encrypted here; "
        "set it on its form"
    )


@pytest.mark.parametrize(
    ("scope", "values", "message"),
    [
        (
            Scope.INSTITUTION,
            {"page_size": 5},
            (
                "institution row: [plugins.canvas] page_size: belongs to the hub; "
                "a institution cannot set it; ask the operator to set it in hub.toml"
            ),
        ),
        (
            Scope.USER,
            {"tags": []},
            (
                "user row: [plugins.canvas] tags: belongs to the institution; "
                "a user cannot set it; remove it"
            ),
        ),
        (
            Scope.INSTITUTION,
            {"retry": {"word": SecretStr("s3cr3t")}},
            "institution row: [plugins.canvas] retry.word: belongs to the hub",
        ),
        (
            Scope.USER,
            {"themes": "x"},
            "user row: [plugins.canvas] themes: unknown key; did you mean theme?",
        ),
        (Scope.INSTITUTION, {"enabled": False}, "institution row: [plugins.canvas] enabled: un"),
    ],
)
def test_a_layer_sets_only_what_its_scope_allows(scope, values, message, refused):
    assert message in refused("", INSTITUTION, row_layer(scope, values), upto=Scope.USER)


def test_the_hubs_secret_is_not_sent_to_an_address_that_an_institution_chose(canvas, refused):
    text = "token = { env = 'T' }"
    row = row_layer(Scope.INSTITUTION, {"base_url": "https://evil.example"})
    assert refused(text, row, T="s3cr3t") == (
        "institution row: [plugins.canvas] base_url: this address would be sent the token of "
        "hub.toml:3, from env T; set token beside it"
    )
    assert canvas(text, INSTITUTION, T="hub").config.token.get_secret_value() == "s3cr3t"


def test_nor_to_one_in_a_setting_that_is_not_called_an_address(refused):
    class Site(PluginConfig):
        site: str = setting("", scope=Scope.INSTITUTION, description="Where it is")
        token: SecretStr = setting(description="Token")

    text = "token = { env = 'T' }"
    for url in ("https://evil.example", "//evil.example/x", " https://evil.example"):
        row = row_layer(Scope.INSTITUTION, {"site": url})
        assert "this address would be sent the token" in refused(text, row, model=Site, T="s3cr3t")


class Door(BaseModel):
    address: str
    title: str = "A door"


class Doors(PluginConfig):
    doors: dict[str, Door] = setting({}, scope=Scope.INSTITUTION, description="Doors by key")
    keys: dict[str, SecretStr] = setting({}, scope=Scope.INSTITUTION, description="Their keys")


def test_a_table_of_models_is_one_value(canvas):
    text = """
        doors.front = { address = "https://front.example", title = "Front" }
        doors.back = { address = "https://back.example" }
    """
    found = canvas(text, model=Doors)
    assert found.config.doors == {
        "front": Door(address="https://front.example", title="Front"),
        "back": Door(address="https://back.example"),
    }
    own = {"doors": {"side": {"address": "https://side.example"}}}
    found = canvas(text, row_layer(Scope.INSTITUTION, own), model=Doors)
    assert set(found.config.doors) == {"side"}


def test_nor_to_one_within_a_table(canvas, refused):
    text = "keys = { front = { env = 'T' } }"
    for door in ({"address": "https://evil.example"}, {"address": "x", "title": "//evil.example"}):
        row = row_layer(Scope.INSTITUTION, {"doors": {"front": door}})
        said = refused(text, row, model=Doors, T="s3cr3t")
        assert "doors: this address would be sent the keys of hub.toml:3" in said
    own = {
        "keys": {"front": SecretStr("own")},
        "doors": {"front": {"address": "https://a.example"}},
    }
    found = canvas(text, row_layer(Scope.INSTITUTION, own), model=Doors, T="s3cr3t")
    assert found.config.keys["front"].get_secret_value() == "own"


def test_a_secret_in_a_plugins_own_message_is_blanked(refused):
    class Chatty(PluginConfig):
        token: SecretStr = setting(description="Token")

        @model_validator(mode="after")
        def _tell(self):
            raise ValueError(f"do not like {self.token.get_secret_value()}")

    class Broken(PluginConfig):
        token: SecretStr = setting(description="Token")

        @model_validator(mode="after")
        def _fail(self):
            raise KeyError(self.token.get_secret_value())

    text = "token = { env = 'T' }"
    assert refused(text, model=Chatty, T="s3cr3t") == (
        "hub.toml:1: [plugins.canvas]: do not like **********"
    )
    assert "[plugins.canvas]: its check failed: KeyError: '**********'" in refused(
        text, model=Broken, T="s3cr3t"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "base_url = 'nowhere'",
            'base_url: must be a valid URL, relative URL without a base, got "',
        ),
        ("retry = 3", "retry: must be a valid dictionary or instance of Retry, got 3"),
        ("retry.tries = 0", "hub.toml:3: [plugins.canvas] retry.tries: must be at least 1, got 0;"),
        ("tags = [1]", "hub.toml:3: [plugins.canvas] tags: must be text in quotes, got 1"),
        ("base_url = 'https://u:s3cr3t@'", "base_url: must be a valid URL"),
    ],
)
def test_a_plugins_setting_is_faulted_like_the_hubs(text, message, refused):
    assert message in refused(text)


def test_a_wrong_value_is_not_repeated_where_its_name_sounds_secret(refused):
    class Careless(PluginConfig):
        api_key: int = setting(description="Should have been a SecretStr")

    assert refused("api_key = 's3cr3t'", model=Careless) == (
        "hub.toml:3: [plugins.canvas] api_key: must be a whole number; Should have been a SecretStr"
    )


def test_a_plugin_may_not_take_the_hubs_own_keys(refused):
    class Greedy(PluginConfig):
        order: int = setting(1, description="Order")

    assert "settings order are the hub's own" in refused("", model=Greedy)

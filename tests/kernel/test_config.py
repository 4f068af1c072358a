import os
import re
import subprocess
import sys
import tomllib
import traceback
from pathlib import Path

import pytest

from bloop.kernel.config import LoadedConfig, default_path, load, parse
from bloop.kernel.config_model import HubConfig
from bloop_sdk.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def write(tmp_path):
    def _write(text, **env):
        path = tmp_path / "hub.toml"
        path.write_text(text, "utf-8")
        return load(path, env)

    return _write


@pytest.fixture
def refused(write, tmp_path):
    def _refused(text, **env):
        with pytest.raises(ConfigError) as caught:
            write(text, **env)
        return str(caught.value).replace(str(tmp_path / "hub.toml"), "hub.toml")

    return _refused


def test_without_a_file_the_built_in_values_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = load(None, {})
    assert loaded.path is None
    assert loaded.value.http.port == 8080
    assert loaded.value.access.guests == "none"
    assert loaded.wanted() == ()
    assert loaded.origin("http.port") == "default"


def test_the_file_of_the_current_folder_is_found_and_the_environment_names_another(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert default_path({}) is None
    Path("hub.toml").write_text("[http]\nport = 1")
    Path("other.toml").write_text("[http]\nport = 2")
    assert load(None, {}).value.http.port == 1
    assert load(None, {"BLOOP_CONFIG": "other.toml"}).value.http.port == 2


def test_the_environment_goes_over_the_file_and_each_key_knows_its_origin(write, tmp_path):
    loaded = write("[http]\nhost = '::1'\nport = 1", BLOOP_HTTP__PORT="9000")
    assert (loaded.value.http.host, loaded.value.http.port) == ("::1", 9000)
    assert loaded.origin("http.host") == f"{tmp_path / 'hub.toml'}:2"
    assert loaded.origin("http.port") == "env BLOOP_HTTP__PORT"
    assert loaded.origin("http.public_url") == "default"


def test_other_variables_of_that_name_are_left_alone(write):
    assert write("", BLOOP_TEST_DATABASE_URL="x", BLOOP_CONFIG="y", OTHER__PORT="1")


def test_paths_start_at_the_folder_of_the_file(write, tmp_path):
    value = write("[hub]\ndata_dir = 'state'\n[store]\nurl = 'sqlite:///a/b.db'").value
    assert value.hub.data_dir == tmp_path / "state"
    assert value.store.blobs == tmp_path / "state" / "blobs"
    assert value.store.url.get_secret_value() == f"sqlite:///{tmp_path}/a/b.db"


@pytest.mark.parametrize("url", ["sqlite:////a/b.db", "sqlite:///:memory:", "sqlite://"])
def test_an_address_that_is_no_relative_file_stays(url, write):
    assert write(f"[store]\nurl = '{url}'").value.store.url.get_secret_value() == url


def test_the_database_is_in_the_data_folder_by_default(write, tmp_path):
    value = write("[hub]\ndata_dir = '/srv/x'\n[store]\nblobs = 'b'").value
    assert value.store.url.get_secret_value() == "sqlite:////srv/x/bloop.db"
    assert value.store.blobs == tmp_path / "b"


def test_the_public_address_is_where_the_hub_listens_unless_it_is_set(write):
    assert write("[http]\nport = 9000").value.public_url == "http://127.0.0.1:9000"
    assert write("[http]\nhost = '::1'").value.public_url == "http://[::1]:8080"
    text = "[http]\npublic_url = 'https://learn.example.edu/hub/'"
    assert write(text).value.public_url == "https://learn.example.edu/hub"


def test_wanted_plugins_come_in_their_order_with_their_settings(write):
    loaded = write(
        """
        [plugins.bb]
        enabled = true
        [plugins.aa]
        enabled = true
        size = 1
        [plugins.first]
        enabled = true
        order = 1
        [plugins.off]
        enabled = false
        [plugins.unsaid]
        """,
        BLOOP_PLUGINS__AA__SIZE="2",
        BLOOP_PLUGINS__CC__ENABLED="true",
        BLOOP_PLUGINS__DD__SIZE="2",
    )
    assert [(p.id, p.order, p.settings) for p in loaded.wanted()] == [
        ("first", 1, {}),
        ("aa", 100, {"size": "2"}),
        ("bb", 100, {}),
        ("cc", 100, {}),
    ]
    assert loaded.origin("plugins.cc.enabled") == "env BLOOP_PLUGINS__CC__ENABLED"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[http]\n\nport = 99999",
            "hub.toml:3: [http] port: must be between 1 and 65535, got 99999; write port = 8080",
        ),
        ("[http]\npots = 1", "hub.toml:2: [http] pots: unknown key; did you mean port?"),
        ("[htp]\nport = 1", "hub.toml:1: [htp]: unknown key; did you mean http?"),
        (
            "[access]\nzzz = 1",
            "hub.toml:2: [access] zzz: unknown key; known keys are: guests",
        ),
        (
            "[http]\nport = 'x'",
            'hub.toml:2: [http] port: must be a whole number, got "x"; write port = 8080',
        ),
        ("http.port = 0", "hub.toml:1: [http] port: must be between 1 and 65535, got 0; "),
        (
            "[limits]\nbreaker_failures = 0",
            (
                "hub.toml:2: [limits] breaker_failures: must be at least 1, got 0; "
                "write breaker_failures = 5"
            ),
        ),
        (
            "[limits]\nimport_seconds = 'soon'",
            (
                'hub.toml:2: [limits] import_seconds: must be a number, got "soon"; '
                "write import_seconds = 10.0"
            ),
        ),
        (
            "[access]\nguests = 'all'",
            (
                "hub.toml:2: [access] guests: must be 'read' or 'none', got \"all\"; "
                'write guests = "none"'
            ),
        ),
        (
            "[http]\npublic_url = 'learn'",
            (
                'hub.toml:2: [http] public_url: has not the form that is expected, got "learn"; '
                'write public_url = "https://learn.example.edu"'
            ),
        ),
        ("[hub]\nname = 3", "hub.toml:2: [hub] name: must be text in quotes, got 3; "),
        ("[hub]\nname = ''", "hub.toml:2: [hub] name: must have at least 1 character"),
        ("[hub]\nname = ['a']", "hub.toml:2: [hub] name: must be text in quotes; write name ="),
        ("http = 1", "hub.toml:1: [http]: must be a table; write [http] and its keys below it"),
        (
            "[plugins]\ncanvas = true",
            "hub.toml:2: [plugins.canvas]: must be a table; write [plugins.canvas]",
        ),
        (
            "[plugins.canvas]\nenabled = 'maybe'",
            "hub.toml:2: [plugins.canvas] enabled: must be true or false",
        ),
        ("[plugins.Canvas]", "hub.toml:1: [plugins.Canvas]: no plugin has such an id; write"),
        (
            "[store]\nurl = 'mysql://h/x'",
            '[store] url: must start with "sqlite:///" or "postgresql+psycopg://"',
        ),
        ("[store]\nurl = 'http://[x/'", '[store] url: must start with "sqlite:///"'),
        (
            "[store]\nurl = 'postgresql+psycopg://bloop:s3cr3t@db/x'",
            (
                "hub.toml:2: [store] url: a secret cannot stand here; "
                'write { env = "BLOOP_STORE_URL" }'
            ),
        ),
        (
            "[http]\nhost = { env = 'HOST' }",
            (
                "hub.toml:2: [http] host: only a secret can be a reference; write the value, "
                "or set BLOOP_HTTP__HOST instead of env HOST"
            ),
        ),
        ("a = 1\n\nb = [1", "hub.toml:3:end: not TOML: Unclosed array"),
        ("a = 1\na = 2", "hub.toml:2:end: not TOML: Cannot overwrite a value"),
        ("a = " + "[" * 5000, "hub.toml: not TOML: nested too deeply"),
    ],
)
def test_an_error_names_line_key_and_cure(text, message, refused):
    found = refused(text)
    assert message in found
    assert "s3cr3t" not in found


def test_all_errors_are_told_at_once(refused):
    lines = refused(
        "[http]\nport = 0\npots = 1\n[log]\nlevel = 'x'", BLOOP_HUB__NAME=""
    ).splitlines()
    assert [line.split(";")[0].split(",")[0] for line in lines] == [
        "env BLOOP_HUB__NAME: [hub] name: must have at least 1 character",
        "hub.toml:3: [http] pots: unknown key",
        "hub.toml:2: [http] port: must be between 1 and 65535",
        "hub.toml:5: [log] level: must be 'debug'",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BLOOP_HTP__PORT", "env BLOOP_HTP__PORT: [htp]: unknown key; did you mean http?"),
        ("BLOOP_HTTP__POTR", "env BLOOP_HTTP__POTR: [http] potr: unknown key; did you mean port?"),
        ("BLOOP_HTTP__PORT__X", "names no setting; write BLOOP_SECTION__KEY"),
        ("BLOOP_HTTP__", "names no setting"),
        ("BLOOP_PLUGINS__CANVAS", "[plugins.canvas]: must be a table"),
        ("BLOOP_HTTP__PORT", "env BLOOP_HTTP__PORT: [http] port: must be a whole number"),
    ],
)
def test_a_wrong_variable_is_named(name, message, refused):
    env = {"BLOOP_HTTP__PORT": "1", name: "x"} if name.endswith("__X") else {name: "x"}
    assert message in refused("", **env)


def test_a_list_in_the_environment_is_json(write, refused):
    assert write("", BLOOP_NET__ALLOW='["a", "b"]').value.net.allow == ("a", "b")
    assert "env BLOOP_NET__ALLOW: [net] allow: must be JSON" in refused("", BLOOP_NET__ALLOW="a, b")


def test_a_database_address_with_a_password_comes_from_elsewhere(write):
    url = "postgresql+psycopg://bloop_app:s3cr3t@db/bloop"
    loaded = write("[store]\nurl = { env = 'DB' }\nowner_url = { env = 'DB' }", DB=url)
    assert loaded.value.store.url.get_secret_value() == url
    assert loaded.value.store.owner_url.get_secret_value() == url
    assert loaded.origin("store.url").endswith("hub.toml:2, from env DB")
    assert write("", BLOOP_STORE__URL=url).value.store.url.get_secret_value() == url
    assert "s3cr3t" not in repr(loaded)
    assert "s3cr3t" not in loaded.value.model_dump_json()
    literal = "postgresql+psycopg://bloop_app@db/bloop"
    assert write(f"[store]\nurl = '{literal}'").value.store.url.get_secret_value() == literal


def test_no_error_repeats_a_secret_even_in_its_chain(tmp_path):
    path = tmp_path / "hub.toml"
    path.write_text("[store]\nurl = { env = 'DB' }\n[http]\nport = 0")
    env = {"DB": "mysql://u:s3cr3t@h/x"}
    with pytest.raises(ConfigError) as caught:
        load(path, env)
    assert "[store] url" in str(caught.value)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


def test_a_secret_file_that_others_can_read_is_warned_of(write, tmp_path):
    (tmp_path / "db").write_text("postgresql+psycopg://h/x")
    (tmp_path / "db").chmod(0o644)
    (warning,) = write("[store]\nowner_url = { file = 'db' }").warnings
    assert "hub.toml:2: [store] owner_url: " in warning
    assert "chmod 600" in warning


def test_a_missing_variable_is_named_where_it_is_asked_for(refused):
    assert refused("[store]\nowner_url = { env = 'DB' }") == (
        "hub.toml:2: [store] owner_url: the environment variable DB is not set; "
        'start the hub with DB=..., or write { file = "PATH" } instead'
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\n\n# \xff", "hub.toml:3: not UTF-8"),
        (b"#" * (1024 * 1024 + 1), "is larger than"),
    ],
)
def test_a_file_that_is_no_text_is_refused(data, message, tmp_path):
    (tmp_path / "hub.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path / "hub.toml", {})


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"not found .write one with `bloop init`"):
        load(tmp_path / "hub.toml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_byte_order_mark_does_no_harm(tmp_path):
    (tmp_path / "hub.toml").write_bytes("\ufeff[http]\nport = 1".encode())
    assert load(tmp_path / "hub.toml", {}).value.http.port == 1


def test_a_table_that_a_child_implies_is_named_at_its_own_header(refused):
    found = refused("[plugins.a]\nenabled = true\n[plugins]\nb = 1\n[http]\nport = 'x'")
    assert "hub.toml:4: [plugins.b]" in found


def test_the_sample_is_valid_and_opens_the_demo_to_guests():
    loaded = load(ROOT / "hub.toml", {})
    assert isinstance(loaded, LoadedConfig)
    assert loaded.value.access.guests == "read"
    assert loaded.value.http.host == "127.0.0.1"
    assert loaded.value.hub.data_dir == ROOT / "var"
    assert "cartridge" in [plugin.id for plugin in loaded.wanted()]


def test_the_sample_names_every_setting_of_the_hub():
    text = (ROOT / "hub.toml").read_text("utf-8")
    for section, info in HubConfig.model_fields.items():
        if section == "plugins":
            continue
        assert f"[{section}]" in text
        for key in info.annotation.model_fields:
            assert f"\n{key} = " in text or f"\n# {key} = " in text, f"{section}.{key}"


def test_what_the_sample_shows_behind_a_hash_is_the_default():
    text = (ROOT / "hub.toml").read_text("utf-8")
    bounds = text[text.index("[limits]") : text.index("# Plugins.")]
    shown = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", bounds, flags=re.MULTILINE))
    assert shown["limits"] | {"memory_bytes": None} == HubConfig().limits.model_dump()
    assert shown["net"] | {"allow": ()} == HubConfig().net.model_dump()


def test_the_configuration_loads_no_web_framework_and_no_database():
    code = (
        "import sys; import bloop.kernel.config, bloop.kernel.hubfile, bloop.kernel.config_watch\n"
        "print(*{'fastapi', 'sqlalchemy', 'tomlkit', 'watchfiles', 'stevedore'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("key", ["enabeld", "enable", "Enabled", "grantd"])
def test_a_misspelt_switch_of_a_plugin_is_a_fault_and_no_setting(key):
    with pytest.raises(ConfigError, match=rf"hub.toml:2: \[plugins.canvas\] {key}: is misspelt"):
        parse(f"[plugins.canvas]\n{key} = true\n", Path("hub.toml"), {})


def test_a_plugins_own_setting_may_be_called_almost_anything():
    parse("[plugins.canvas]\norders = 3\nenabling = 1\ngrant_type = 'x'\n", Path("hub.toml"), {})


@pytest.mark.parametrize(
    "url",
    ["redis://127.0.0.1:6379/0", "rediss://cache.example.edu", "redis://[::1]:7000/3?protocol=3"],
)
def test_a_redis_without_a_password_may_stand_in_the_file(write, url):
    assert write(f"[redis]\nurl = '{url}'").value.redis.url.get_secret_value() == url
    assert write("").value.redis.url is None


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://h/0", 'must be like "redis://HOST:PORT/NUMBER"'),
        ("redis:///0", 'must be like "redis://HOST:PORT/NUMBER"'),
        ("redis://h/first", 'must be like "redis://HOST:PORT/NUMBER"'),
        ("redis://:s3cr3t/x@h:6379", 'must be like "redis://HOST:PORT/NUMBER"'),
        ("redis://:s3cr3t@h:port/0", 'must be like "redis://HOST:PORT/NUMBER"'),
        ("redis://h/0?password=s3cr3t", "must hold its password before the host"),
    ],
)
def test_an_address_that_is_no_redis_is_told_without_its_password(refused, url, fault):
    told = refused("[redis]\nurl = { env = 'R' }", R=url)
    assert told.startswith("hub.toml:2, from env R: [redis] url: ") and fault in told
    assert "redis://HOST:PORT/NUMBER, or rediss:// over TLS" in told
    assert "s3cr3t" not in told


def test_a_redis_with_a_password_belongs_elsewhere(refused, write):
    told = refused("[redis]\nurl = 'redis://:s3cr3t@h:6379/0'")
    assert 'write { env = "BLOOP_REDIS_URL" }' in told and "s3cr3t" not in told
    url = "redis://:s3cr3t@h:6379/0"
    loaded = write("[redis]\nurl = { env = 'R' }", R=url)
    assert loaded.value.redis.url.get_secret_value() == url
    assert "s3cr3t" not in repr(loaded) + str(loaded.value.redis)

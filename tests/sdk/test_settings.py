"""What a field of a plugin's settings says of itself."""

from __future__ import annotations

from pydantic import SecretStr

from bloop_sdk import PluginConfig, Scope, setting
from bloop_sdk.settings import is_advanced, is_renewed, is_secret, scope_of


class Config(PluginConfig):
    """Of everything one."""

    size: int = setting(100, description="Records at once")
    address: str = setting(scope=Scope.CONNECTION, description="Where", title="Address")
    token: SecretStr | None = setting(
        None, scope=Scope.CONNECTION, description="From a login", renewed=True
    )
    account: str = setting("", scope=Scope.CONNECTION, description="Which", advanced=True)


def test_a_field_says_whose_it_is_and_who_is_asked_for_it():
    assert [scope_of(Config, name) for name in Config.model_fields] == [
        Scope.HUB,
        Scope.CONNECTION,
        Scope.CONNECTION,
        Scope.CONNECTION,
    ]
    told = {
        name: (is_secret(Config, name), is_renewed(Config, name), is_advanced(Config, name))
        for name in Config.model_fields
    }
    assert told == {
        "size": (False, False, False),
        "address": (False, False, False),
        "token": (True, True, False),
        "account": (False, False, True),
    }
    assert Config.model_fields["address"].title == "Address"

"""Settings that fit together, and what librdkafka is told of them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bloop_kafka.config import KafkaConfig

SERVERS = ["kafka-1.example.edu:9093", "[2001:db8::1]:9093"]


def test_one_setting_is_needed_and_nothing_is_encrypted_by_itself():
    assert KafkaConfig(bootstrap_servers=SERVERS).client() == {
        "bootstrap.servers": "kafka-1.example.edu:9093,[2001:db8::1]:9093",
        "client.id": "bloop",
        "security.protocol": "PLAINTEXT",
    }
    with pytest.raises(ValidationError, match="bootstrap_servers"):
        KafkaConfig()


def test_a_login_over_tls_is_handed_on_with_its_secrets(tmp_path):
    config = KafkaConfig(
        bootstrap_servers=SERVERS,
        security_protocol="SASL_SSL",
        username="bloop",
        password="hunter2hunter2",
        ca_file=tmp_path / "ca.pem",
        cert_file=tmp_path / "own.pem",
        key_file=tmp_path / "own.key",
        key_password="hunter3hunter3",
    )
    client = config.client()
    assert client["sasl.mechanism"] == "SCRAM-SHA-512"
    assert (client["sasl.username"], client["sasl.password"]) == ("bloop", "hunter2hunter2")
    assert client["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert client["ssl.key.password"] == "hunter3hunter3"
    assert "hunter" not in repr(config)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"bootstrap_servers": ["https://kafka.example.edu"]}, "bootstrap_servers"),
        ({"bootstrap_servers": []}, "bootstrap_servers"),
        ({"security_protocol": "SASL_SSL", "username": "bloop"}, "needs username and password"),
        ({"username": "bloop", "password": "x"}, "uses no username and password; use SASL_SSL"),
        (
            {
                "security_protocol": "SASL_PLAINTEXT",
                "sasl_mechanism": "PLAIN",
                "username": "bloop",
                "password": "x",
            },
            "would send the password unencrypted",
        ),
        ({"security_protocol": "SSL", "cert_file": "own.pem"}, "belong together"),
        ({"topic_prefix": "no/slash"}, "topic_prefix"),
        ({"events": ["con*tent"]}, "events"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        KafkaConfig(**({"bootstrap_servers": SERVERS} | settings))

"""What Kafka reports, as errors that say what to do about it."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from bloop_kafka.faults import fault_of, most_telling
from bloop_sdk import (
    AuthError,
    FatalError,
    MalformedRecordError,
    PermissionMissingError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("code", "kind", "cure"),
    [
        (KafkaError._ALL_BROKERS_DOWN, UnavailableError, "see that the brokers run"),
        (KafkaError._TRANSPORT, UnavailableError, "see that the brokers run"),
        (KafkaError.NOT_ENOUGH_REPLICAS, UnavailableError, "see that the brokers run"),
        (KafkaError._RESOLVE, UnavailableError, "correct bootstrap_servers"),
        (KafkaError._AUTHENTICATION, AuthError, "correct username, password"),
        (KafkaError.SASL_AUTHENTICATION_FAILED, AuthError, "correct username, password"),
        (KafkaError.UNSUPPORTED_SASL_MECHANISM, AuthError, "set sasl_mechanism"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, PermissionMissingError, "grant the user Write"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, FatalError, "create the topic"),
        (KafkaError.INVALID_REPLICATION_FACTOR, FatalError, "set replication"),
        (KafkaError._SSL, FatalError, "look at security_protocol, ca_file"),
    ],
)
def test_each_trouble_has_its_kind_its_place_and_its_cure(code, kind, cure):
    fault = fault_of(KafkaError(code), "kafka-1:9092", "e1")
    assert type(fault) is kind
    assert fault.message.startswith("Kafka at kafka-1:9092: ")
    assert cure in fault.cure


def test_a_record_that_brokers_refuse_names_its_event():
    fault = fault_of(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), "kafka-1:9092", "e1")
    assert isinstance(fault, MalformedRecordError)
    assert fault.ref == "event:e1"


def test_a_refused_login_explains_more_than_that_no_broker_is_up():
    down = KafkaError(KafkaError._ALL_BROKERS_DOWN)
    login = KafkaError(KafkaError._AUTHENTICATION)
    assert most_telling([down, login, down]) is login
    refused = KafkaError(KafkaError._TRANSPORT)
    assert most_telling([refused, down]) is refused
    assert most_telling([down]) is down
    assert most_telling([]) is None

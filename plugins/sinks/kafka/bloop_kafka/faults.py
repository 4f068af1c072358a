"""What librdkafka and brokers report, as errors of the contract that say what to do."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException

from bloop_sdk import (
    AuthError,
    BloopError,
    ConfigError,
    FatalError,
    MalformedRecordError,
    PermissionMissingError,
    UnavailableError,
)

_LOGIN = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}  # noqa: SLF001 - so they are named
_MECHANISM = {KafkaError.UNSUPPORTED_SASL_MECHANISM, KafkaError._UNSUPPORTED_FEATURE}  # noqa: SLF001
_FORBIDDEN = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
_MISSING = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}
_NUMBERS = {KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.INVALID_PARTITIONS}
_REFUSED = {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_RECORD,
    KafkaError.INVALID_MSG,
}
_BATCH = _REFUSED | {KafkaError._INVALID_DIFFERENT_RECORD}  # noqa: SLF001
_TLS = {KafkaError._SSL}  # noqa: SLF001
_NAME = {KafkaError._RESOLVE}  # noqa: SLF001
_TELLING = (_LOGIN | _MECHANISM, _TLS, _NAME, {KafkaError._TRANSPORT})  # noqa: SLF001


def fault_of(error: KafkaError, where: str, event: str | None = None) -> BloopError:
    """The error of the contract for one of Kafka's; ``event`` is the id of whose record it met."""
    code, said = error.code(), f"Kafka at {where}: {error.str()}"
    if event is not None and code in _REFUSED:
        return MalformedRecordError(
            f"{said}: event {event}",
            ref=f"event:{event}",
            cure="lower max_message_bytes to what the brokers take, or raise theirs",
        )
    if code in _LOGIN:
        return AuthError(said, cure="correct username, password and sasl_mechanism")
    if code in _MECHANISM:
        return AuthError(said, cure="set sasl_mechanism to one that the brokers offer")
    if code in _FORBIDDEN:
        return PermissionMissingError(
            said,
            permission="Write and Describe on the topics, and Create with create_topics",
            cure="grant the user Write, Describe and, with create_topics, Create on the topics, "
            "and of brokers before 2.8 IdempotentWrite on the cluster",
        )
    if code in _MISSING:
        return FatalError(said, cure="create the topic, or set create_topics = true")
    if code in _NUMBERS:
        return FatalError(said, cure="set replication to at most the number of brokers")
    if code in _TLS:
        return FatalError(said, cure="look at security_protocol, ca_file, cert_file and key_file")
    if code == KafkaError.POLICY_VIOLATION:
        return FatalError(said, cure="set partitions and replication to what the brokers allow")
    if code in _NAME:
        return UnavailableError(f"{said}: no such host", cure="correct bootstrap_servers")
    return UnavailableError(
        said, cure="see that the brokers run, can be reached, and speak this security_protocol"
    )


def is_of_a_batch(error: KafkaError) -> bool:
    """Whether a record may have failed for what stands beside it.

    Brokers take a batch as a whole or not at all, and only newer ones say which of its records was
    at fault; the batch may also be larger than they take while each record is not. (librdkafka
    takes no batch apart, as Java's client does.)
    """
    return error.code() in _BATCH


def most_telling(errors: Sequence[KafkaError]) -> KafkaError | None:
    """Of what was reported while nothing went through, what explains it best.

    After a refused login librdkafka goes on to report that no broker is up.
    """
    for codes in _TELLING:
        for error in errors:
            if error.code() in codes:
                return error
    return errors[-1] if errors else None


def config_fault(error: Exception) -> ConfigError:
    """Settings with which no client can be made: a file that is not there, most often."""
    said = error.args[0].str() if isinstance(error, KafkaException) else str(error)
    return ConfigError(f"plugins.kafka: no client can be made: {said}", cure="correct the setting")

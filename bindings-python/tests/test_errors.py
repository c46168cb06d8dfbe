"""One class for each kind, natural builtin bases, and errors that survive pickling."""

import pickle

import pytest

import kinetik
from kinetik import Producer, _kinetik
from kinetik.errors import CLASSES, make


def test_every_kind_has_a_class_of_its_own_below_the_base():
    kinds = _kinetik.error_kinds()
    assert len(kinds) >= 20
    assert len({CLASSES[code] for _, code, _, _ in kinds}) == len(kinds)
    for _, code, retry, meaning in kinds:
        cls = CLASSES[code]
        assert issubclass(cls, kinetik.KinetikError)
        assert (cls.code, cls.retry, cls.__doc__) == (code, retry, meaning)
        assert getattr(kinetik, cls.__name__) is cls
        assert cls.__module__ == "kinetik"


def test_an_error_of_every_kind_survives_pickling_with_its_attributes():
    for code in CLASSES:
        error = make(code, "text", {"stream": "orders", "attempts": 3})
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is CLASSES[code]
        assert (str(again), again.stream, again.attempts) == ("text", "orders", 3)


def test_a_record_error_is_also_of_its_kind_and_survives_pickling():
    error = make(kinetik.InvalidArgumentError.code, "text", {"index": 4, "accepted": 4})
    for error in (error, pickle.loads(pickle.dumps(error))):
        assert isinstance(error, kinetik.RecordError)
        assert isinstance(error, kinetik.InvalidArgumentError)
        assert (error.index, error.accepted, error.code) == (4, 4, kinetik.InvalidArgumentError.code)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidArgumentError", ValueError),
        ("InvalidTypeError", TypeError),
        ("RecordTooLarge", ValueError),
        ("TimedOut", TimeoutError),
        ("FlushTimeout", TimeoutError),
        ("NotFound", LookupError),
        ("AccessDenied", PermissionError),
        ("ConnectionFailed", ConnectionError),
    ],
)
def test_kinds_are_the_builtin_exceptions_that_say_the_same(name, builtin):
    assert issubclass(getattr(kinetik, name), builtin)


def test_a_denied_listing_of_shards_at_opening_is_caused_by_the_services_answer(engine):
    engine.create_stream("orders")
    engine.faults.fail("ListShards", "AccessDeniedException", message="no such right", times=10)
    with pytest.raises(kinetik.AccessDenied, match="kinesis:ListShards") as denied:
        Producer("orders", aggregate=True, endpoint=engine)
    cause = denied.value.__cause__
    assert isinstance(cause, kinetik.AccessDenied)
    assert (cause.operation, cause.aws_code) == ("ListShards", "AccessDeniedException")
    assert "no such right" in str(cause) and cause.__cause__ is None


def test_a_connection_that_is_refused_is_caused_by_the_operating_systems_error():
    client = kinetik.client("kinesis", endpoint_url="http://127.0.0.1:9", region_name="us-east-1", max_attempts=1)
    with pytest.raises(kinetik.ConnectionFailed) as failed:
        client.list_streams()
    causes, error = [], failed.value
    while (error := error.__cause__) is not None:
        causes.append(type(error))
    assert causes[-1] is ConnectionRefusedError, causes


def test_a_refusal_of_the_service_has_no_cause(engine):
    with pytest.raises(kinetik.NotFound) as missing:
        kinetik.client("kinesis", endpoint_url=engine).describe_stream(StreamName="missing")
    assert missing.value.__cause__ is None


def test_what_flush_and_close_raise_carries_what_is_left_and_what_failed(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException")
    producer = Producer("orders", aggregate=False, endpoint=engine, linger=0.0)
    producer.put("user-1", b"refused")
    while producer.ledger.pending.records:
        pass
    engine.faults.fail("PutRecords", "ProvisionedThroughputExceededException", times=1_000_000)
    producer.put("user-2", b"waits")
    with pytest.raises(kinetik.FlushTimeout) as late:
        producer.flush(timeout=0.05)
    with pytest.raises(kinetik.FlushTimeout) as left:
        producer.close(timeout=0.05)
    data = lambda failures: [failure.data for failure in failures]
    for error, failures, leftover in [(late.value, [b"refused"], []), (left.value, [], [b"waits"])]:
        assert (data(error.failures), data(error.leftover)) == (failures, leftover)
        assert (error.ledger, error.pending.records) == (producer.ledger, 1)
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), again.stream, again.ledger, again.failures) == (kinetik.FlushTimeout, "orders", None, ())


@pytest.mark.parametrize("kind", [kinetik.FlushTimeout, kinetik.DeliveryError, kinetik.InternalError])
def test_the_errors_of_flush_and_close_have_the_same_members(kind):
    error = make(kind.code, "text", {})
    assert (error.ledger, error.pending, error.failures, error.leftover) == (None, None, (), ())

"""The producer: what it takes, what comes back, and what it says when it cannot deliver."""

import concurrent.futures
import contextlib
import pickle
import re
import signal
import threading

import pytest

import kinetik
from kinetik import Producer

THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture
def producer(engine):
    engine.create_stream("orders", 2)
    with Producer("orders", aggregate=True, endpoint=engine, shard_limit=False) as producer:
        yield producer


def stored(engine, stream="orders"):
    return sorted((record.key, record.data) for record in engine.records(stream))


@pytest.mark.parametrize("aggregate", [True, False])
def test_every_put_record_is_stored_once(engine, aggregate):
    engine.create_stream("orders", 3)
    records = [(f"user-{n % 17}", b"order %d" % n) for n in range(1_000)]
    with Producer("orders", aggregate=aggregate, endpoint=engine) as producer:
        for key, data in records:
            assert producer.put(key, data) is None
    assert stored(engine) == sorted(records)
    assert producer.ledger.delivered.records == producer.ledger.accepted.records == 1_000


def test_put_many_takes_lists_and_iterators_and_any_buffer(engine, producer):
    assert producer.put_many([("a", b"1"), ("b", bytearray(b"2")), ["c", memoryview(b"3")]]) == 3
    assert producer.put_many((f"k{n}", b"4", n) for n in range(600)) == 600
    assert producer.put_many([]) == 0
    producer.flush()
    assert stored(engine)[:3] == [("a", b"1"), ("b", b"2"), ("c", b"3")]
    assert len(engine.records("orders")) == 603


def test_put_many_takes_subclasses_of_text_bytes_and_tuples_between_plain_records(engine, producer):
    text, data, row = (type("Mine", (base,), {}) for base in (str, bytes, tuple))
    records = [("a", b"1"), (text("b"), b"2"), ("c", data(b"3")), row(("d", b"4")), ("e", b"5")]
    assert producer.put_many(records) == 5
    producer.flush()
    assert stored(engine) == [("a", b"1"), ("b", b"2"), ("c", b"3"), ("d", b"4"), ("e", b"5")]


def test_an_explicit_hash_key_picks_the_shard(engine, producer):
    for hash_key, shard in [(0, 0), (2**128 - 1, 1), (str(2**127), 1), (2**127 - 1, 0)]:
        receipt = producer.put_and_wait("same key", b"x", hash_key)
        assert receipt.shard_id == f"shardId-{shard:012}"


def test_a_receipt_says_where_the_record_lies(engine, producer):
    receipt = producer.put_and_wait("user-1", b"x")
    (record,) = engine.records("orders")
    assert (receipt.shard_id, receipt.sequence_number) == (record.shard_id, record.sequence_number)
    assert (receipt.attempts, receipt.may_be_duplicate) == (1, False)


def test_submitted_records_complete_their_futures_in_one_thread(producer):
    threads = set()
    futures = [producer.submit(f"user-{n}", b"x") for n in range(500)]
    futures[-1].add_done_callback(lambda _: threads.add(threading.current_thread().name))
    done, pending = concurrent.futures.wait(futures, timeout=30)
    assert not pending
    assert len({(f.result().sequence_number, f.result().sub_sequence_number) for f in done}) == 500
    assert threads <= {"kinetik-outcomes", "MainThread"}


def test_a_cancelled_future_takes_nothing_back(engine, producer):
    future = producer.submit("user-1", b"x")
    future.cancel()
    producer.flush()
    assert len(engine.records("orders")) == 1


def test_flush_returns_behind_the_futures_that_it_waited_for(producer):
    futures = [producer.submit("user-1", b"x") for _ in range(100)]
    producer.flush()
    assert all(future.done() for future in futures)


def test_a_full_buffer_refuses_at_once_or_after_the_put_timeout(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", THROTTLED, times=1_000_000)
    with Producer(
        "orders", aggregate=True, endpoint=engine, linger=60.0, buffer_records=4, put_timeout=0.1
    ) as producer:
        taken = producer.put_many([("k", b"x")] * 4)
        assert taken == 4
        with pytest.raises(kinetik.BufferFull) as refused:
            producer.put_nowait("k", b"x")
        assert (refused.value.retry, refused.value.stream) == ("after", "orders")
        with pytest.raises(kinetik.BufferFull):
            producer.put("k", b"x")
        with pytest.raises(kinetik.BufferFull) as refused:
            producer.put_many([("k", b"x")])
        assert isinstance(refused.value, kinetik.RecordError)
        assert (refused.value.index, refused.value.accepted) == (0, 0)
        assert producer.ledger.accepted.records == 4
        engine.faults.clear()
    assert stored(engine) == [("k", b"x")] * 4


def test_producers_of_a_buffer_group_share_one_budget(engine):
    for stream in ("orders", "clicks"):
        engine.create_stream(stream)
    group = {"aggregate": True, "endpoint": engine, "linger": 60.0, "buffer_group": "ingest"}
    with Producer("orders", **group, buffer_records=4) as orders, Producer(
        "clicks", **group, buffer_records=4
    ) as clicks:
        orders.put_many([("k", b"x")] * 3)
        clicks.put_nowait("k", b"y")
        with pytest.raises(kinetik.BufferFull):
            clicks.put_nowait("k", b"z")
        orders.flush()
        clicks.put_nowait("k", b"z")
        with pytest.raises(kinetik.InvalidArgumentError, match="buffer_records=4"):
            Producer("orders", **group, buffer_records=5)
    assert stored(engine, "clicks") == [("k", b"y"), ("k", b"z")]


def test_put_waits_for_room_and_goes_on(engine):
    engine.create_stream("orders")
    with Producer("orders", aggregate=True, endpoint=engine, buffer_records=50, linger=0.0) as producer:
        assert producer.put_many([("k", b"%d" % n) for n in range(2_000)]) == 2_000
    assert len(engine.records("orders")) == 2_000


def test_a_list_that_is_emptied_while_put_many_waits_for_room_is_put_as_it_was(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", THROTTLED, times=1_000_000)
    expected = [(f"user-{n}", b"order %d" % n) for n in range(8)]
    records = [(f"user-{n}", b"order %d" % n) for n in range(8)]
    with Producer("orders", aggregate=True, endpoint=engine, linger=0.0, buffer_records=4) as producer:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            putting = pool.submit(producer.put_many, records)
            while producer.ledger.pending.records < 4 and not putting.done():
                pass
            records.clear()
            engine.faults.clear()
            assert putting.result(30) == 8
    assert stored(engine) == sorted(expected)


def test_ctrl_c_ends_a_put_that_waits_for_room(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", THROTTLED, times=1_000_000)
    producer = Producer("orders", aggregate=True, endpoint=engine, linger=60.0, buffer_records=4)
    producer.put_many([("k", b"x")] * 4)
    # A background job of a shell is started with SIGINT ignored, which Python leaves so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(KeyboardInterrupt):
        producer.put("k", b"y")
    engine.faults.clear()
    producer.close()
    assert stored(engine) == [("k", b"x")] * 4


BAD = [
    (("", b"x"), kinetik.InvalidArgumentError, "1 to 256"),
    (("k" * 257, b"x"), kinetik.InvalidArgumentError, "1 to 256"),
    (("a\ud800", b"x"), kinetik.InvalidArgumentError, "surrogate"),
    ((b"k", b"x"), kinetik.InvalidTypeError, "key: expected str, got bytes"),
    ((None, b"x"), kinetik.InvalidTypeError, "key"),
    (("k", "text"), kinetik.InvalidTypeError, "encode the text first"),
    (("k", None), kinetik.InvalidTypeError, "data"),
    (("k", [1, 2]), kinetik.InvalidTypeError, "data"),
    (("k", b"x", -1), kinetik.InvalidArgumentError, "explicit_hash_key"),
    (("k", b"x", 2**128), kinetik.InvalidArgumentError, "2^128 - 1"),
    (("k", b"x", "+1"), kinetik.InvalidArgumentError, "explicit_hash_key"),
    (("k", b"x", "one"), kinetik.InvalidArgumentError, "explicit_hash_key"),
    (("k", b"x", 1.0), kinetik.InvalidTypeError, "explicit_hash_key"),
    (("k", b"x" * (1 << 20)), kinetik.RecordTooLarge, "1048576"),
]


@pytest.mark.parametrize(("record", "kind", "words"), BAD)
@pytest.mark.parametrize("method", ["put", "put_nowait", "put_and_wait", "submit"])
def test_a_bad_record_is_refused_with_field_and_limit(producer, method, record, kind, words):
    with pytest.raises(kind, match=re.escape(words)) as refused:
        getattr(producer, method)(*record)
    assert "text" not in str(refused.value).replace("the text", "").replace("Unicode text", "")
    assert producer.ledger.accepted.records == 0


@pytest.mark.parametrize(("record", "kind", "words"), BAD)
@pytest.mark.parametrize("before", [0, 1, 300])
def test_put_many_takes_what_stands_before_a_bad_record(producer, record, kind, words, before):
    with pytest.raises(kind, match=re.escape(words)) as refused:
        producer.put_many([("k", b"x")] * before + [record] + [("k", b"x")] * 3)
    assert isinstance(refused.value, kinetik.RecordError)
    assert (refused.value.index, refused.value.accepted) == (before, before)
    assert producer.ledger.accepted.records == before


@pytest.mark.parametrize("records", [5, None, ["text"], [("k",)], [("k", b"x", 1, 2)], [5]])
def test_put_many_refuses_what_is_no_list_of_records(producer, records):
    with pytest.raises(kinetik.InvalidTypeError, match="record"):
        producer.put_many(records)


@pytest.mark.parametrize("count", [0, 1, 300])
def test_what_came_before_an_exception_of_the_callers_iterator_is_taken(producer, count):
    def records():
        for _ in range(count):
            yield ("k", b"x")
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine") as raised:
        producer.put_many(records())
    assert raised.value.accepted == producer.ledger.accepted.records == count


def test_what_came_before_an_error_of_the_reader_that_is_relayed_is_taken(producer):
    def records():
        for _ in range(300):
            yield ("k", b"x")
        raise kinetik.Closed("the reader was closed")

    with pytest.raises(kinetik.RecordError, match="the reader was closed") as raised:
        producer.put_many(records())
    assert (raised.value.index, raised.value.accepted) == (300, 300)
    assert producer.ledger.accepted.records == 300


def test_a_record_of_an_iterator_is_taken_before_the_next_one_is_waited_for(producer):
    taken = []

    def records():
        for _ in range(3):
            yield ("k", b"x")
            taken.append(producer.ledger.accepted.records)

    assert producer.put_many(records()) == 3
    assert taken == [1, 2, 3]


def test_a_closed_producer_refuses_records_and_closes_again_without_effect(engine):
    engine.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=engine)
    producer.close()
    producer.close()
    for call in [producer.put, producer.put_nowait, producer.put_and_wait, producer.submit]:
        with pytest.raises(kinetik.Closed):
            call("k", b"x")
    with pytest.raises(kinetik.Closed):
        producer.put_many([("k", b"x")])


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"linger": -1}, kinetik.InvalidArgumentError, "linger"),
        ({"linger": "soon"}, kinetik.InvalidArgumentError, "linger"),
        ({"buffer_bytes": 5}, kinetik.InvalidArgumentError, "buffer_bytes"),
        ({"buffer_records": 1.5}, kinetik.InvalidArgumentError, "buffer_records"),
        ({"buffer_group": "two words"}, kinetik.InvalidArgumentError, "buffer_group"),
        ({"deadline": float("nan")}, kinetik.InvalidArgumentError, "deadline"),
        ({"lazy": []}, kinetik.InvalidTypeError, "lazy"),
        ({"endpoint": "localhost:4567"}, kinetik.InvalidArgumentError, "endpoint"),
        ({"endpoint": 5}, kinetik.InvalidTypeError, "endpoint"),
        ({"reports": "failures"}, kinetik.InvalidArgumentError, "reports.*futures.*on_failure"),
        ({"reports": "all"}, kinetik.InvalidArgumentError, "reports"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(engine, settings, kind, words):
    engine.create_stream("orders")
    with pytest.raises(kind, match=words):
        Producer("orders", aggregate=True, **{"endpoint": engine, **settings})


def test_aggregate_must_be_said_and_an_unknown_setting_is_refused(engine):
    for unsaid in [{}, {"aggregate": None}]:
        with pytest.raises(kinetik.InvalidArgumentError, match="aggregate: must be said"):
            Producer("orders", endpoint=engine, **unsaid)
    with pytest.raises(kinetik.InvalidArgumentError, match="did you mean linger"):
        Producer("orders", aggregate=True, endpoint=engine, lingr=1)


@pytest.mark.parametrize("stream", ["missing", "not a name", ""])
def test_opening_on_a_stream_that_is_not_there_fails(engine, stream):
    with pytest.raises((kinetik.NotFound, kinetik.InvalidArgumentError)):
        Producer(stream, aggregate=True, endpoint=engine)
    with pytest.raises(kinetik.InvalidTypeError):
        Producer(5, aggregate=True, endpoint=engine)


def test_records_that_cannot_be_delivered_reach_the_callback_on_a_thread_of_kinetik(engine):
    engine.create_stream("orders")
    batches, threads = [], set()

    def on_failure(failures):
        threads.add(threading.current_thread())
        batches.append(failures)

    producer = Producer("orders", aggregate=True, endpoint=engine, on_failure=on_failure, linger=1.0, deadline=1.5)
    producer.put("user-1", b"payload", 7)
    kinetik.client("kinesis", endpoint_url=engine).delete_stream(StreamName="orders")
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer.close()
    (failure,) = [failure for batch in batches for failure in batch]
    assert (failure.key, failure.data, failure.explicit_hash_key) == ("user-1", b"payload", 7)
    assert (failure.error.code, failure.persisted) == (kinetik.Expired.code, "no")
    assert failed.value.failures == []
    assert failed.value.ledger.failed.records == 1
    assert threading.main_thread() not in threads


def test_failures_that_nobody_took_come_with_the_delivery_error(engine):
    engine.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=engine, linger=1.0, deadline=1.5)
    producer.put("user-1", b"payload")
    kinetik.client("kinesis", endpoint_url=engine).delete_stream(StreamName="orders")
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer.flush()
    (failure,) = failed.value.failures
    assert (failure.key, failure.data) == ("user-1", b"payload")
    producer.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_callback_that_raises_loses_nothing(engine):
    engine.create_stream("orders")

    def on_failure(failures):
        raise RuntimeError("mine")

    producer = Producer("orders", aggregate=True, endpoint=engine, on_failure=on_failure, linger=0.2, deadline=0.5)
    producer.put("user-1", b"payload")
    kinetik.client("kinesis", endpoint_url=engine).delete_stream(StreamName="orders")
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer.close()
    assert [failure.data for failure in failed.value.failures] == [b"payload"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_callback_that_raises_was_given_keeps_its_room_until_it_is_taken(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException", times=100)
    called = threading.Event()

    def on_failure(failures):
        called.set()
        raise RuntimeError("mine")

    producer = Producer("orders", aggregate=True, endpoint=engine, on_failure=on_failure, buffer_records=4, linger=0.0)
    producer.put_many([("k", b"payload")] * 4)
    assert called.wait(30)
    with pytest.raises(kinetik.BufferFull):
        producer.put_nowait("k", b"more")
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer.flush()
    assert [failure.data for failure in failed.value.failures] == [b"payload"] * 4
    assert producer.take_failures() == []
    producer.flush()
    engine.faults.clear()
    producer.put_nowait("k", b"more")
    producer.close()
    assert producer.ledger.delivered.records == 1


def test_a_callback_that_only_asyncio_could_await_is_refused(engine):
    async def on_failure(failures):
        pass

    with pytest.raises(kinetik.InvalidTypeError, match="on_failure.*kinetik.aio"):
        Producer("orders", aggregate=True, endpoint=engine, on_failure=on_failure)


def test_a_flush_that_runs_out_of_time_says_what_is_pending_and_a_close_gives_it_back():
    engine = kinetik.Engine()
    engine.create_stream("orders")
    producer = Producer("orders", aggregate=False, endpoint=engine)
    producer.put_many([("k", b"x" * 1_000)] * 5_000)
    with pytest.raises(kinetik.FlushTimeout) as late:
        producer.flush(0.01)
    assert late.value.pending.records > 0
    with pytest.raises(kinetik.FlushTimeout) as late:
        producer.close(timeout=0.01)
    assert late.value.pending.records == len(late.value.leftover) == producer.ledger.pending.records
    assert late.value.leftover[0].data == b"x" * 1_000


def test_a_failed_submission_raises_from_its_future(engine):
    engine.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=engine, linger=0.2, deadline=0.5)
    future = producer.submit("user-1", b"payload")
    kinetik.client("kinesis", endpoint_url=engine).delete_stream(StreamName="orders")
    with pytest.raises(kinetik.Expired):
        future.result(30)
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer.close()
    assert failed.value.failures == []
    with pytest.raises(TypeError, match="pickle"):
        __import__("pickle").dumps(producer)


def test_many_threads_put_into_one_producer(engine, producer):
    def work(name):
        for n in range(500):
            producer.put(f"{name}-{n}", b"x")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    producer.flush()
    assert len({record.key for record in engine.records("orders")}) == 2_000


def test_closing_does_not_hide_the_exception_that_left_the_block(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException")
    with pytest.raises(kinetik.DeliveryError) as failed:
        with Producer("orders", aggregate=True, endpoint=engine) as producer:
            producer.put("k", b"x")
            raise RuntimeError("mine")
    assert repr(failed.value.__context__) == "RuntimeError('mine')"


def test_after_a_failed_record_its_key_is_broken_until_it_is_resumed(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException", times=1)
    producer = Producer("orders", aggregate=True, endpoint=engine, ordered=True)
    with pytest.raises(kinetik.AccessDenied):
        producer.put_and_wait("user-1", b"first")
    with pytest.raises(kinetik.OrderBroken) as broken:
        producer.put_and_wait("user-1", b"second")
    assert broken.value.retry == "never"
    producer.put_and_wait("user-2", b"of another key")
    assert producer.resume("user-1") is True
    assert producer.resume() is False
    producer.put_and_wait("user-1", b"first")
    producer.put_and_wait("user-1", b"second")
    of_key = [record.data for record in engine.records("orders") if record.key == "user-1"]
    assert of_key == [b"first", b"second"]
    with pytest.raises(kinetik.DeliveryError):
        producer.close()


def test_a_receipt_tells_of_the_attempts_that_failed(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", THROTTLED, times=2)
    with Producer("orders", aggregate=True, endpoint=engine) as producer:
        receipt = producer.put_and_wait("user-1", b"x")
        assert (receipt.attempts, len(receipt.failed_attempts)) == (3, 2)
        first, second = receipt.failed_attempts
        assert isinstance(first.error, kinetik.Throttled)
        assert first.sent_at <= second.sent_at and first.took >= 0.0
        assert producer.put_and_wait("user-1", b"x").failed_attempts == []


@pytest.mark.parametrize(
    "wait", [Producer.put_and_wait, lambda *record: Producer.submit(*record).result(30)], ids=["put_and_wait", "submit"]
)
def test_a_failed_wait_says_whether_the_record_may_be_stored(engine, wait):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException")
    producer = Producer("orders", aggregate=False, endpoint=engine, deadline=1.0)
    with pytest.raises(kinetik.AccessDenied) as failed:
        wait(producer, "user-1", b"refused", 7)
    failure = failed.value.failure
    assert (failure.key, failure.data, failure.explicit_hash_key) == ("user-1", b"refused", 7)
    assert (failure.persisted, failure.attempts, len(failure.failed_attempts)) == ("no", 1, 1)
    assert type(failure.error) is type(failed.value)
    engine.faults.lose_answer("PutRecords", times=1_000)
    with pytest.raises(kinetik.Expired) as failed:
        wait(producer, "user-1", b"stored")
    assert failed.value.failure.persisted == "maybe"
    failure = failed.value.failure
    assert len(failure.failed_attempts) == min(failure.attempts, 16) > 0
    again = pickle.loads(pickle.dumps(failed.value))
    assert (type(again), again.failure) == (kinetik.Expired, None)
    with pytest.raises(kinetik.KinetikError) as refused:
        wait(producer, "", b"x")
    assert refused.value.failure is None
    with pytest.raises(kinetik.DeliveryError):
        producer.close()


@pytest.mark.parametrize("is_called", [True, False])
def test_failures_of_cancelled_futures_go_to_on_failure_and_stay_charged(engine, is_called):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException", times=1_000)
    told = []
    producer = Producer(
        "orders", aggregate=False, endpoint=engine, linger=30.0, buffer_records=4, put_timeout=0.2,
        on_failure=told.extend if is_called else None,
    )
    for n in range(4):
        producer.submit("k", b"%d" % n).cancel()
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer.flush()
    kept = failed.value.failures
    assert sorted(failure.data for failure in (told if is_called else kept)) == [b"0", b"1", b"2", b"3"]
    assert not (kept if is_called else told)
    producer.flush()
    producer.close()


def test_failures_of_cancelled_futures_fill_the_buffer_until_they_are_taken(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException", times=1_000)
    producer = Producer(
        "orders", aggregate=False, endpoint=engine, linger=0.0, buffer_bytes=1 << 20, put_timeout=0.2
    )
    with pytest.raises(kinetik.BufferFull):
        for _ in range(1_000):
            producer.submit("k", b"x" * 20_000).cancel()
            while producer.ledger.pending.records:
                pass
    held = sum(len(failure.data) for failure in producer.take_failures())
    assert (1 << 19) < held <= 1 << 20
    engine.faults.clear()
    producer.put_nowait("k", b"x")
    with contextlib.suppress(kinetik.DeliveryError):
        producer.close()

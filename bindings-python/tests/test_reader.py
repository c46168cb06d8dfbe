"""The reader: every record once and in order, positions, ends and waits."""

import asyncio
import gc
import json
import re
import threading
import time
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

import pytest

import kinetik
import kinetik.aio
from kinetik import Producer, Reader


@pytest.fixture
def filled(engine):
    """Two shards with 1,000 records, aggregated, and 10 that are not."""
    engine.create_stream("orders", 2)
    with Producer("orders", aggregate=True, endpoint=engine) as producer:
        producer.put_many([(f"user-{n % 50}", b"%d" % n) for n in range(1_000)])
    with Producer("orders", aggregate=False, endpoint=engine) as producer:
        producer.put_many([(f"user-{n % 50}", b"%d" % n) for n in range(1_000, 1_010)])
    return engine


def open_reader(engine, **settings):
    return Reader("orders", **{"start": "TRIM_HORIZON", "until": "now", "endpoint": engine, **settings})


def test_every_record_comes_once_and_in_order_within_its_key(filled):
    by_key = {}
    with open_reader(filled) as reader:
        for record in reader:
            by_key.setdefault(record.key, []).append(int(record.data))
            assert record.in_range
            assert record.arrived_at.tzinfo is timezone.utc
            assert abs(datetime.now(timezone.utc) - record.arrived_at) < timedelta(minutes=10)
    assert sum(map(len, by_key.values())) == 1_010
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


def test_records_know_their_shard_and_their_place_in_an_aggregate(filled):
    shards = kinetik.ShardMap(2)
    records = list(open_reader(filled))
    assert all(shards.shard_of(record.key) == record.shard_id for record in records)
    assert {record.sub_sequence_number is None for record in records} == {True, False}


def test_the_garbage_collector_does_not_walk_through_records(filled):
    with open_reader(filled) as reader:
        batch = reader.next_batch()
        records = [next(reader), batch[0], *batch, *filled.records("orders")]
    aggregate = kinetik.aggregate([("user-1", b"one"), ("user-2", b"two")])
    assert not any(map(gc.is_tracked, records + kinetik.deaggregate(aggregate)))


def test_batches_are_of_one_shard_and_at_most_as_long_as_asked(filled):
    seen = 0
    for batch in open_reader(filled).batches(max_records=64):
        assert 1 <= len(batch) <= 64
        assert {record.shard_id for record in batch} == {batch.shard_id}
        assert batch.keys() == [record.key for record in batch]
        assert batch.data() == [record.data for record in batch]
        assert batch[0].data == batch.data()[0]
        assert batch[-1].data == batch.data()[-1]
        assert batch.millis_behind_latest >= 0
        with pytest.raises(IndexError):
            batch[len(batch)]
        seen += len(batch)
    assert seen == 1_010


@pytest.mark.parametrize("stop_after", [0, 1, 7, 500, 1_009, 1_010])
def test_a_reader_that_starts_from_saved_positions_goes_on_without_gap_or_repetition(filled, stop_after):
    first = open_reader(filled)
    read = [next(first).data for _ in range(stop_after)]
    saved = json.loads(json.dumps(first.positions))
    read += [record.data for record in open_reader(filled, start=saved)]
    assert sorted(map(int, read)) == list(range(1_010))


@pytest.mark.parametrize("stop_after", [1, 3])
def test_positions_stand_behind_the_batches_that_were_taken(filled, stop_after):
    first = open_reader(filled)
    read = [data for _ in range(stop_after) for data in first.next_batch(max_records=33).data()]
    read += [record.data for record in open_reader(filled, start=first.positions)]
    assert sorted(map(int, read)) == list(range(1_010))


def test_a_stream_is_read_by_its_arn_up_to_a_time(filled):
    summary = kinetik.client("kinesis", endpoint_url=filled).describe_stream_summary(StreamName="orders")
    arn = summary["StreamDescriptionSummary"]["StreamARN"]
    for until in (datetime.now(timezone.utc) + timedelta(milliseconds=50), time.time()):
        with Reader(arn, start="TRIM_HORIZON", until=until, endpoint=filled) as reader:
            assert sorted(int(record.data) for record in reader) == list(range(1_010))
    before = datetime.now(timezone.utc) - timedelta(hours=1)
    with Reader(arn, start="TRIM_HORIZON", until=before, endpoint=filled) as reader:
        assert list(reader) == []


def test_an_empty_batch_comes_when_the_wait_is_over(filled):
    reader = open_reader(filled, start="LATEST", until=None)
    batch = reader.next_batch(max_wait=0.05)
    assert (len(batch), list(batch), batch.shard_id) == (0, [], None)
    kinetik.client("kinesis", endpoint_url=filled).put_record(StreamName="orders", Data=b"new", PartitionKey="k")
    while not (batch := reader.next_batch(max_wait=5.0)):
        pass
    assert batch.data() == [b"new"]


def test_reading_from_a_time_begins_there_and_not_in_the_future(filled):
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    with pytest.raises(kinetik.InvalidArgumentError, match="timestamp"):
        next(open_reader(filled, start=later))
    assert len(list(open_reader(filled, start=later.timestamp() - 7200))) == 1_010


def test_without_deaggregation_records_come_as_they_are_stored(filled):
    data = [record.data for record in open_reader(filled, deaggregate=False)]
    assert sum(kinetik.deaggregate(each) is not None for each in data) >= 2
    assert sum(kinetik.deaggregate(each) is None for each in data) == 10


def test_a_reader_over_http_reads_what_a_producer_over_http_put(server):
    server.create_stream("orders", 2)
    with Producer("orders", aggregate=True, endpoint=server) as producer:
        producer.put_many([(f"k{n}", b"%d" % n) for n in range(500)])
    assert sorted(int(record.data) for record in open_reader(server)) == list(range(500))


def test_the_end_stays_the_end(filled):
    reader = open_reader(filled)
    assert len(list(reader)) == 1_010
    assert reader.next_batch() is None
    assert list(reader) == []


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"start": "NOW"}, kinetik.InvalidArgumentError, "TRIM_HORIZON"),
        ({"start": None}, kinetik.InvalidArgumentError, "start: must be said"),
        ({"start": []}, kinetik.InvalidTypeError, "start"),
        ({"start": -1.0}, kinetik.InvalidArgumentError, "start"),
        ({"start": {"shards": {"x": {}}}}, kinetik.InvalidArgumentError, "start: expected shard ids"),
        ({"start": {"stream": "other", "shards": {}}}, kinetik.InvalidArgumentError, "other"),
        ({"until": "later"}, kinetik.InvalidArgumentError, "until"),
        ({"range_filter": "none"}, kinetik.InvalidArgumentError, "range_filter"),
        ({"max_records": 0}, kinetik.InvalidArgumentError, "max_records"),
        ({"endpoint": "ftp://x"}, kinetik.InvalidArgumentError, "endpoint"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(filled, settings, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        open_reader(filled, **settings)


def test_a_stream_that_is_not_there_is_not_found(engine):
    with pytest.raises(kinetik.NotFound) as missing:
        open_reader(engine)
    assert missing.value.stream == "orders"
    with pytest.raises(TypeError, match="start"):
        Reader("orders")


def test_a_batch_becomes_arrow_columns(filled):
    pyarrow = pytest.importorskip("pyarrow")
    rows = []
    for batch in open_reader(filled).batches(max_records=300):
        table = batch.to_arrow()
        table.validate(full=True)
        assert table.schema.field("data").type == pyarrow.large_binary()
        assert table.to_pylist() == [
            {
                "key": record.key,
                "data": record.data,
                "sequence_number": record.sequence_number,
                "sub_sequence_number": record.sub_sequence_number,
                "arrived_at": record.arrived_at,
                "in_range": record.in_range,
            }
            for record in batch
        ]
        rows += table.to_pylist()
    assert len(rows) == 1_010
    assert kinetik.Reader("orders", start="LATEST", endpoint=filled).next_batch(max_wait=0.0).to_arrow().num_rows == 0


def consumers(engine):
    kinesis = kinetik.client("kinesis", endpoint_url=engine)
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    return [one["ConsumerName"] for one in kinesis.list_stream_consumers(StreamARN=arn)["Consumers"]]


def test_fan_out_pushes_records_and_closing_deregisters_the_readers_own_consumer(filled):
    with Reader("orders", start="TRIM_HORIZON", mode="fan_out", endpoint=filled) as reader:
        assert len(consumers(filled)) == 1
        seen = 0
        while seen < 1_010:
            seen += len(reader.next_batch(max_wait=30.0))
        assert set(reader.lag) == {"shardId-000000000000", "shardId-000000000001"}
        assert all(lag is None or lag >= 0.0 for lag in reader.lag.values())
        stats = reader.stats
        assert stats["records"] == 1_010 and stats["subscriptions"] == 2 and stats["reads"] == 0
    assert consumers(filled) == []
    named = Reader("orders", start="LATEST", mode="auto", consumer="billing", endpoint=filled)
    named.close()
    assert consumers(filled) == ["billing"]


def test_a_wait_in_another_thread_ends_when_the_reader_is_closed(filled):
    reader = Reader("orders", start="LATEST", endpoint=filled)
    raised = []

    def follow():
        try:
            reader.next_batch()
        except kinetik.KinetikError as error:
            raised.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    reader.close()
    thread.join(30.0)
    assert [error.code for error in raised] == [2001]
    assert reader.positions["shards"]


def test_settings_are_the_cores_own_and_a_misspelt_one_is_answered_with_the_nearest(filled):
    reader = open_reader(filled, concurrency=1, silence=5.0, give_up_after=1, strip_glue=True, deaggregate=False)
    assert sum(len(batch) for batch in reader.batches()) < 1_010
    for wrong in [{"mode": "push"}, {"silence": -1.0}, {"max_records": 0}, {"until": "tomorrow"}]:
        with pytest.raises(kinetik.KinetikError, match=next(iter(wrong))):
            open_reader(filled, **wrong)
    with pytest.raises(kinetik.KinetikError, match="did you mean silence"):
        kinetik._kinetik.Reader("orders", {"start": "LATEST", "silense": 1.0})
    since = open_reader(filled, start="2020-01-01T00:00:00Z")
    assert sum(len(batch) for batch in since.batches()) == 1_010


@pytest.fixture
def misplaced(engine):
    """Two shards; in the lower one an aggregate whose second record belongs to the upper, and one with Glue's header."""
    engine.create_stream("orders", 2)
    low, high = 1, 2**128 - 1
    whole = kinetik.aggregate([("k", b"1", low), ("k", b"2", high), ("k", b"3", low)])
    kinesis = kinetik.client("kinesis", endpoint_url=engine)
    for data in [whole, bytes([3, 0]) + bytes(16) + b"g"]:
        kinesis.put_record(StreamName="orders", PartitionKey="a", ExplicitHashKey="1", Data=data)
    return engine


@pytest.mark.parametrize(
    ("range_filter", "expected", "dropped"),
    [("report", [b"1", b"2", b"3"], 0), ("drop", [b"1", b"3"], 1), ("kcl", [], 3), (None, [b"1", b"2", b"3"], 0)],
)
def test_records_of_another_range_are_reported_dropped_or_dropped_whole_as_asked(misplaced, range_filter, expected, dropped):
    reader = open_reader(misplaced, range_filter=range_filter, strip_glue=True)
    records = list(reader)
    assert [record.data for record in records] == [*expected, b"g"]
    assert all(record.in_range == (record.data != b"2") for record in records)
    stats = reader.stats
    assert (stats["out_of_range_records"], stats["dropped_records"], stats["glue_headers"]) == (1, dropped, 1)


def test_the_backlog_tells_what_was_fetched_and_not_handed_out(misplaced):
    reader = open_reader(misplaced, until=None, max_records=1)
    left = []
    for _ in range(4):
        assert len(reader.next_batch(max_wait=30.0)) == 1
        left.append(reader.backlog["shardId-000000000000"].records)
    assert left == [3, 2, 1, 0]
    assert reader.backlog["shardId-000000000000"] == kinetik.Backlog(records=0, bytes=0)
    assert reader.lag["shardId-000000000000"] == 0.0
    assert all(isinstance(value, int) for value in reader.stats.values())


def test_copies_that_lost_answers_left_are_handed_out_once(engine):
    engine.create_stream("orders", 2)
    engine.faults.lose_answer("PutRecords", times=1)
    with kinetik.Producer("orders", aggregate=True, endpoint=engine, stamp=True) as producer:
        producer.put_many((f"key-{n}", b"%d" % n) for n in range(100))
        producer.flush()
    assert len(engine.records("orders")) > 100, "there are copies"
    options = {"start": "TRIM_HORIZON", "until": "now", "endpoint": engine}
    with kinetik.Reader("orders", **options, drop_duplicates=True, duplicate_window=1000) as reader:
        data = sorted(int(record.data) for record in reader)
        stats = reader.stats
    assert data == list(range(100))
    assert stats["duplicates"] > 0 and stats["beyond_window"] == 0

    async def read():
        async with kinetik.aio.Reader("orders", **options, drop_duplicates=True) as reader:
            return [record async for record in reader]

    assert len(asyncio.run(read())) == 100
    with pytest.raises(kinetik.KinetikError, match="deaggregate"):
        kinetik.Reader("orders", **options, drop_duplicates=True, deaggregate=False)
    with pytest.raises(kinetik.KinetikError, match="stamp"):
        kinetik.Producer("orders", aggregate=False, endpoint=engine, stamp=True)


@pytest.mark.parametrize("aggregate", [True, False])
def test_positions_before_a_batch_that_is_at_hand_and_was_not_taken(engine, aggregate):
    engine.create_stream("orders", 3)
    with Producer("orders", aggregate=aggregate, endpoint=engine, aggregate_records=7) as producer:
        producer.put_many([(f"user-{n % 50}", b"%d" % n) for n in range(300)])
    reader, read = open_reader(engine, max_records=10), []
    while reader.prepare() is not None:
        # Fetched, but not handed out: whoever starts from here reads it.
        rest = [int(record.data) for record in open_reader(engine, start=reader.positions)]
        assert sorted([*read, *rest]) == list(range(300))
        read += map(int, reader.take_batch().data())


def test_positions_before_a_batch_of_a_child(engine):
    engine.create_stream("orders")
    kinesis = kinetik.client("kinesis", endpoint_url=engine)
    put = dict(StreamName="orders", PartitionKey="k")
    kinesis.put_record(Data=b"parent", **put)
    kinesis.split_shard(StreamName="orders", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    kinesis.get_waiter("stream_exists").wait(StreamName="orders")
    kinesis.put_record(Data=b"child", **put)
    reader, read = open_reader(engine), []
    for expected in [b"parent", b"child"]:
        assert reader.prepare() is True
        rest = [record.data for record in open_reader(engine, start=reader.positions)]
        assert [*read, *rest] == [b"parent", b"child"]
        read += reader.take_batch().data()
        assert read[-1] == expected
    assert reader.prepare() is None


def test_positions_and_stats_are_told_while_another_thread_waits_and_after_a_close(filled):
    reader = open_reader(filled, until=None, max_records=100)
    assert sum(len(reader.next_batch()) for _ in range(3)) > 0

    def read_until_closed():
        with pytest.raises(kinetik.Closed):
            list(reader)

    waiting = threading.Thread(target=read_until_closed, daemon=True)
    waiting.start()
    until = time.monotonic() + 30
    while reader.stats["records"] < 1_010 and time.monotonic() < until:
        pass
    positions = reader.positions
    assert set(positions["shards"]) == set(reader.lag)
    reader.close()
    waiting.join(30)
    # What was at hand is handed out all the same.
    with pytest.raises(kinetik.Closed):
        list(reader)
    assert reader.positions["shards"].keys() == positions["shards"].keys()
    assert reader.stats["records"] == 1_010
    reader.close()


def test_a_batch_costs_the_same_in_a_stream_of_many_shards():
    def cost(shards):
        engine = kinetik.Engine(quotas=False)
        engine.create_stream("orders", shards)
        with Reader("orders", start="TRIM_HORIZON", endpoint=engine, max_records=1) as reader:
            while len(reader.next_batch(max_wait=0.2)):
                pass
            client = kinetik.client("kinesis", endpoint_url=engine)
            records = [{"Data": b"x", "PartitionKey": "k"} for _ in range(400)]
            client.put_records(StreamName="orders", Records=records)
            reader.next_batch()
            began = time.process_time()
            for _ in range(300):
                reader.next_batch()
            return time.process_time() - began

    few, many = cost(4), cost(4_000)
    assert many < few * 10 + 0.05, (few, many)


def test_saved_positions_may_be_mappings_of_any_kind(stream):
    with kinetik.Producer("orders", aggregate=True, endpoint=stream) as producer:
        producer.put_many([("k", b"1"), ("k", b"2")])
    with kinetik.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=stream) as reader:
        assert next(reader).data == b"1"
        saved = reader.positions
    of = {name: MappingProxyType(value) if isinstance(value, dict) else value for name, value in saved.items()}
    frozen = MappingProxyType(of)
    with kinetik.Reader("orders", start=frozen, until="now", endpoint=stream) as reader:
        assert [record.data for record in reader] == [b"2"]

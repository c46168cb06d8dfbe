"""Bad input in Python, in both faces: every row of docs/bad-input.md, which the other languages read, too."""

import asyncio
import datetime
import os
import warnings
from pathlib import Path

import pytest

import kinetik
from kinetik import Engine, Producer, Reader, _kinetik, aio
from kinetik.errors import CLASSES

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
KINDS = {kind: CLASSES[code] for kind, code, _, _ in _kinetik.error_kinds()}


def rows():
    """Case, class and words of each row that Python tries."""
    found = []
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]
    for line in table:
        case, kind, words, tried_in = (cell.strip() for cell in line.strip("|").split("|"))
        if "Python" in tried_in.split(", "):
            found.append(pytest.param(case, KINDS[kind], words.split("; "), id=case))
    return found


#: The arguments of a put.
RECORDS = {
    "an empty key": ("", b"data"),
    "a key of 257 characters": ("k" * 257, b"data"),
    "a key of 257 characters of four bytes": ("😀" * 257, b"data"),
    "a key that is no Unicode text": ("kkk\ud800", b"data"),
    "a key that is no string": (b"kkk", b"data"),
    "text in place of bytes": ("k", "secret"),
    "nothing in place of bytes": ("k", None),
    "an explicit hash key of 2^128": ("k", b"data", 2**128),
    "an explicit hash key below zero": ("k", b"data", -1),
    "an explicit hash key with a leading zero": ("k", b"data", "01"),
    "an explicit hash key in letters": ("k", b"data", "one"),
    "an explicit hash key of another type": ("k", b"data", 1.0),
    "a record one byte over the stream's limit": ("k", bytes(1 << 20)),
}

#: The settings of a producer, in place of the good ones.
SETTINGS = {
    "a stream that is not there": {"stream": "nowhere"},
    "a stream's name with a blank": {"stream": "no blanks"},
    "a producer that does not say whether it aggregates": {"aggregate": None},
    "a setting below zero": {"linger": -1.0},
    "an endpoint of an unknown scheme": {"endpoint": "ftp://example.com"},
}


def position(position, shard="shardId-000000000000"):
    return {"start": {"stream": "orders", "shards": {shard: position}}}


#: The settings of a reader, in place of the good ones.
READERS = {
    "a reader that does not say where it begins": {"start": None},
    "a start that is no word, time or positions": {"start": "OLDEST"},
    "a start of another type": {"start": True},
    "a start before 1970": {"start": -1.0},
    "a start in the future": {"start": datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)},
    "positions that are no JSON": {"start": '{"shards":'},
    "positions that JSON cannot hold": position(object()),
    "positions without shards": {"start": {}},
    "positions of something that is no shard": position({}, "orders"),
    "a position that is none": position({"at": "LATER"}),
    "a position at a sequence number in letters": position({"sequence_number": "one"}),
    "a position at the sequence number of another shard": position(
        {"sequence_number": "49646437577130777162115407028967465143858078037781250066"}
    ),
    "a position at a sequence number that never was": position({"sequence_number": "9" * 56}),
    "a position at the end of a shard that is open": position({"at": "SHARD_END"}),
    "a position in a shard that the stream never had": position({"at": "TRIM_HORIZON"}, "shardId-000000000007"),
    "positions of another stream": {"start": {"stream": "others", "shards": {}}},
    "an end that is no word and no time": {"until": "tomorrow"},
    "an end of another type": {"until": True},
    "a mode that is none": {"mode": "push"},
    "a range filter that is none": {"range_filter": "none"},
    "a consumer's name with a blank": {"consumer": "no blanks"},
    "a consumer's ARN that is a stream's": {"consumer": "arn:aws:kinesis:us-east-1:000000000000:stream/orders"},
    "the ARN of another stream's consumer": {
        "consumer": "arn:aws:kinesis:us-east-1:000000000000:stream/others/consumer/app:1"
    },
    "duplicates dropped without taking aggregates apart": {"drop_duplicates": True, "deaggregate": False},
    "batches of no records": {"max_records": 0},
    "a buffer below zero": {"buffer_bytes": -1},
    "a silence below zero": {"silence": -1.0},
    "a setting that a reader does not have": {"untill": "now"},
    "a wait below zero": {},
    "a reader of a stream that is not there": {"stream": "nowhere"},
    "a reader of a stream's name with a blank": {"stream": "no blanks"},
    "a closed reader": {},
}

FORKED = {"a producer of the parent in a forked child", "a reader of the parent in a forked child"}


def opened(face, engine, **settings):
    return face(**{"stream": "orders", "aggregate": True, "endpoint": engine, **settings})


def open_reader(face, engine, **settings):
    return face(**{"stream": "orders", "start": "TRIM_HORIZON", "endpoint": engine, **settings})


def max_wait(case):
    return -1.0 if case == "a wait below zero" else 30.0


def with_threads(case, engine):
    if case in READERS:
        with open_reader(Reader, engine, **READERS[case]) as reader:
            if case == "a closed reader":
                reader.close()
            return reader.next_batch(max_wait=max_wait(case))
    if case in SETTINGS:
        return opened(Producer, engine, **SETTINGS[case])
    producer = opened(Producer, engine)
    if case == "a closed producer":
        producer.close()
    try:
        return producer.put(*RECORDS.get(case, ("k", b"data")))
    finally:
        assert producer.ledger.accepted.records == 0


def with_asyncio(case, engine):
    async def read():
        async with open_reader(aio.Reader, engine, **READERS[case]) as reader:
            if case == "a closed reader":
                await reader.close()
            await reader.next_batch(max_wait=max_wait(case))

    async def work():
        producer = await opened(aio.Producer, engine, **SETTINGS.get(case, {}))
        if case == "a closed producer":
            await producer.close()
        try:
            await producer.put(*RECORDS.get(case, ("k", b"data")))
        finally:
            assert producer.ledger.accepted.records == 0

    asyncio.run(read() if case in READERS else work())


def in_a_forked_child(case, engine):
    """Raises in this process what using the parent's producer or reader raises in a forked child."""
    with opened(Producer, engine) as producer, open_reader(Reader, engine) as reader:
        told, tell = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                if "producer" in case:
                    producer.put("k", b"data")
                else:
                    reader.next_batch(max_wait=30.0)
            except kinetik.KinetikError as error:
                os.write(tell, f"{error.code} {error}".encode())
            finally:
                os._exit(0)
        os.close(tell)
        with open(told) as report:
            code, text = report.read().split(" ", 1)
        assert os.waitpid(child, 0)[1] == 0
    raise CLASSES[int(code)](text)


@pytest.mark.parametrize("face", [with_threads, with_asyncio])
@pytest.mark.parametrize(("case", "kind", "words"), rows())
def test_every_row_of_the_table_is_refused_with_its_kind_field_and_limit(case, kind, words, face):
    engine = Engine(quotas=False)
    engine.create_stream("orders")
    with pytest.raises(kinetik.KinetikError) as refused:
        if case in FORKED:
            in_a_forked_child(case, engine)
        else:
            face(case, engine)
    assert type(refused.value) is kind
    text = str(refused.value)
    assert all(word in text for word in words), text
    assert not any(shown in text for shown in ["kkk", "😀", "secret"]), text


def test_every_case_has_its_row():
    named = {row.id for row in rows()}
    assert named == {*RECORDS, *SETTINGS, *READERS, *FORKED, "a closed producer"}


INVALID, WRONG = kinetik.InvalidArgumentError, kinetik.InvalidTypeError


#: What is called with the engine, a producer and a reader; its kind; what the text names.
ARGUMENTS = [
    (lambda engine, producer, reader: engine.create_stream("x", -1), INVALID, "shards"),
    (lambda engine, producer, reader: engine.create_stream("x", 1.5), WRONG, "shards"),
    (lambda engine, producer, reader: engine.create_stream(5), WRONG, "name"),
    (lambda engine, producer, reader: engine.metrics("orders", -1), INVALID, "shard"),
    (lambda engine, producer, reader: engine.records(5), WRONG, "stream"),
    (lambda engine, producer, reader: setattr(engine, "quotas", "no"), WRONG, "quotas"),
    (lambda engine, producer, reader: engine.clock.advance("1"), WRONG, "seconds"),
    (lambda engine, producer, reader: Engine.named(5), WRONG, "name"),
    (lambda engine, producer, reader: Engine.named("\ud800"), INVALID, "name"),
    (lambda engine, producer, reader: Engine(memory=10**5000), INVALID, "memory"),
    (lambda engine, producer, reader: kinetik.Server(port=70_000), INVALID, "port"),
    (lambda engine, producer, reader: kinetik.Server(port="80"), WRONG, "port"),
    (lambda engine, producer, reader: kinetik.Server({"a": -1}), INVALID, "streams"),
    (lambda engine, producer, reader: kinetik.Server({1: 1}), WRONG, "streams"),
    (lambda engine, producer, reader: kinetik.Server(["a"]), WRONG, "streams"),
    (lambda engine, producer, reader: kinetik.Server(host=1), WRONG, "host"),
    (lambda engine, producer, reader: kinetik.Server(engine="memory://"), WRONG, "engine"),
    (lambda engine, producer, reader: engine.faults.fail("PutRecord", "InternalFailure", times=-1), INVALID, "times"),
    (lambda engine, producer, reader: engine.faults.fail("PutRecord", 5), WRONG, "error"),
    (lambda engine, producer, reader: engine.faults.delay("PutRecord", "1"), WRONG, "delay"),
    (lambda engine, producer, reader: producer.flush("1"), WRONG, "timeout"),
    (lambda engine, producer, reader: producer.close(10**400), INVALID, "timeout"),
    (lambda engine, producer, reader: producer.put_many(None), WRONG, "records"),
    (lambda engine, producer, reader: producer.metrics_text(5), WRONG, "format"),
    (lambda engine, producer, reader: reader.next_batch(max_records=-1), INVALID, "max_records"),
    (lambda engine, producer, reader: reader.next_batch(max_wait="x"), WRONG, "max_wait"),
    (lambda engine, producer, reader: kinetik.Reader("orders", start=10**400, endpoint=engine), INVALID, "start"),
    (lambda engine, producer, reader: kinetik.Reader("orders", start=b"LATEST", endpoint=engine), WRONG, "start: expected TRIM_HORIZON"),
    (lambda engine, producer, reader: kinetik.Reader("orders", start={"a": object()}, endpoint=engine), WRONG, "start"),
    (lambda engine, producer, reader: opened(Producer, engine, on_failure=5), WRONG, "on_failure"),
    (lambda engine, producer, reader: kinetik.aggregate(None), WRONG, "records"),
    (lambda engine, producer, reader: kinetik.deaggregate(b"", strict="no"), WRONG, "strict"),
]


@pytest.mark.parametrize(("call", "kind", "name"), ARGUMENTS)
def test_an_argument_that_cannot_be_read_is_refused_by_its_name(call, kind, name):
    engine = Engine(quotas=False)
    engine.create_stream("orders")
    with opened(Producer, engine) as producer, kinetik.Reader("orders", start="LATEST", endpoint=engine) as reader:
        with pytest.raises(kinetik.KinetikError, match=rf"\b{name}\b") as refused:
            call(engine, producer, reader)
    assert type(refused.value) is kind


@pytest.mark.parametrize(
    ("config", "kind", "words"),
    [
        ({"Delay": -1}, INVALID, "Delay"),
        ({"Delay": float("nan")}, INVALID, "Delay"),
        ({"Delay": "1"}, WRONG, "Delay"),
        ({"MaxAttempts": 1.5}, WRONG, "MaxAttempts"),
        (5, WRONG, "WaiterConfig"),
    ],
)
def test_a_configuration_of_a_waiter_that_means_nothing_is_refused(config, kind, words):
    waiter = kinetik.client("kinesis", endpoint_url=Engine()).get_waiter("stream_exists")
    with pytest.raises(kinetik.KinetikError, match=words) as refused:
        waiter.wait(StreamName="orders", WaiterConfig=config)
    assert type(refused.value) is kind

"""The core's events come to Python's logging."""

import logging
import subprocess
import sys
import threading

import pytest

from kinetik import Engine, Producer, client

DENIED = "AccessDeniedException"


class Waiting(logging.Handler):
    """Keeps records, and says when one has come."""

    def __init__(self):
        super().__init__()
        self.records = []
        self.came = threading.Condition()

    def emit(self, record):
        with self.came:
            self.records.append(record)
            self.came.notify_all()

    def wait_for(self, count):
        with self.came:
            assert self.came.wait_for(lambda: len(self.records) >= count, timeout=10)
        return self.records


@pytest.fixture
def events():
    logger, handler = logging.getLogger("kinetik"), Waiting()
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def fail(engine, stream):
    engine.create_stream(stream, 1)
    producer = Producer(stream, aggregate=True, endpoint=engine)
    engine.faults.fail("PutRecords", DENIED, times=1)
    producer.put("private key", b"private payload")
    with pytest.raises(Exception, match="failed"):
        producer.flush()
    producer.close()


def use_up_a_quota(engine):
    engine.create_stream("busy", 1)
    records = [{"Data": b".", "PartitionKey": "k"}] * 500
    for _ in range(3):
        client("kinesis", endpoint_url=engine).put_records(StreamName="busy", Records=records)


def test_a_failure_is_an_event_of_the_producer_with_its_fields_and_without_payload_and_key(engine, events):
    fail(engine, "orders")
    [record] = events.wait_for(1)
    assert (record.name, record.levelname) == ("kinetik.producer", "WARNING")
    assert record.kinetik["stream"] == "orders" and "AccessDenied" in record.kinetik["error"]
    text = record.getMessage()
    assert text.startswith("records fail") and "stream=orders" in text
    assert "private" not in text + str(record.kinetik)


def test_a_level_that_is_not_wanted_is_not_told(engine, events):
    logging.getLogger("kinetik.producer").setLevel(logging.ERROR)
    try:
        fail(engine, "quiet")
        # Events come in their order, on a thread of their own: with this one the one before was judged.
        use_up_a_quota(Engine())
        [record] = events.wait_for(1)
    finally:
        logging.getLogger("kinetik.producer").setLevel(logging.NOTSET)
    assert record.name == "kinetik.engine"


def test_a_handler_that_raises_stops_neither_the_sender_nor_later_events(engine, events, monkeypatch):
    told = threading.Event()
    monkeypatch.setattr(sys, "unraisablehook", lambda _: told.set())

    class Broken(logging.Handler):
        def handle(self, record):
            raise SystemExit

    logger, broken = logging.getLogger("kinetik.producer"), Broken()
    logger.addHandler(broken)
    fail(engine, "first")
    assert told.wait(10)
    logger.removeHandler(broken)
    fail(engine, "second")
    assert [record.kinetik["stream"] for record in events.wait_for(1)][-1] == "second"


PROGRAM = """
import logging
import kinetik

logging.basicConfig(level=logging.DEBUG)
engine = kinetik.Engine()
engine.create_stream("orders", 1)
producer = kinetik.Producer("orders", aggregate=True, endpoint=engine)
engine.faults.fail("PutRecords", "AccessDeniedException", times=1)
producer.put("k", b"x")
try:
    producer.close()
except kinetik.KinetikError:
    pass
"""


def test_events_on_their_way_do_not_hold_up_the_end_of_the_interpreter():
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

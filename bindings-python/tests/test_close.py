"""What close() owes to those who wait for an outcome."""

import concurrent.futures
import sys
import threading

import pytest

import kinetik


def unreachable(**settings):
    """A producer whose records go nowhere: nothing listens on port 1."""
    return kinetik.Producer(
        "orders", aggregate=True, endpoint="http://127.0.0.1:1", region="us-east-1", lazy=True, **settings
    )


def test_a_future_that_is_pending_when_close_runs_out_of_time_is_told():
    producer = unreachable()
    future = producer.submit("key", b"data")
    with pytest.raises(kinetik.FlushTimeout) as error:
        producer.close(timeout=0.3)
    assert [(left.key, left.data) for left in error.value.leftover] == [("key", b"data")]
    with pytest.raises(kinetik.KinetikError):
        future.result(timeout=10)


def test_a_callback_that_raises_does_not_take_other_outcomes_with_it(monkeypatch):
    told = threading.Event()
    monkeypatch.setattr(sys, "unraisablehook", lambda _: told.set())
    endpoint = "memory://a-callback-that-raises"
    kinetik.client("kinesis", endpoint_url=endpoint).create_stream(StreamName="orders", ShardCount=1)

    def leave(_):
        raise SystemExit

    # Nothing is sent, and no future is complete, before the flush.
    with kinetik.Producer("orders", aggregate=True, endpoint=endpoint, linger=30.0) as producer:
        futures = [producer.submit("key", b"data") for _ in range(50)]
        futures[0].add_done_callback(leave)
        producer.flush()
        done, waiting = concurrent.futures.wait(futures, timeout=10)
    assert (len(done), len(waiting)) == (50, 0)
    # From the thread that completes futures, perhaps after the last of them.
    assert told.wait(10)


class CancelledMeanwhile:
    """A future that is cancelled between the look at it and its completion."""

    def done(self):
        return False

    def set_exception(self, _):
        raise concurrent.futures.InvalidStateError


def test_a_failure_whose_future_is_cancelled_meanwhile_is_not_lost():
    producer = unreachable(deadline=0.2, linger=0.0)
    producer.submit_to(CancelledMeanwhile(), "key", b"data")
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer.flush(timeout=10)
    assert [(failure.key, failure.data) for failure in failed.value.failures] == [("key", b"data")]
    producer.close()

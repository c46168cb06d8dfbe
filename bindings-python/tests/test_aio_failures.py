"""Failures in asyncio: to the callback on the loop, to whoever awaits, and never lost between."""

import asyncio
import contextlib
import sys

import pytest
from helpers import cancelled_too_late, failing, full, others, refused

import kinetik
from kinetik import aio
from kinetik.aio._loop import here


def test_failures_reach_the_callback_on_the_loop(stream):
    batches = []

    async def work():
        loop = asyncio.get_running_loop()

        def on_failure(failures):
            assert asyncio.get_running_loop() is loop
            batches.append(failures)

        producer = await aio.Producer(
            "orders", aggregate=True, endpoint=stream, linger=0.2, deadline=0.5, on_failure=on_failure
        )
        await producer.put("k", b"payload")
        lost = producer.submit("k", b"other")
        kinetik.client("kinesis", endpoint_url=stream).delete_stream(StreamName="orders")
        with pytest.raises(kinetik.Expired):
            await lost
        with pytest.raises(kinetik.DeliveryError):
            await producer.close()
        assert [failure.data for batch in batches for failure in batch] == [b"payload"]

    asyncio.run(work())


async def raise_later(failures):
    await asyncio.sleep(0)
    raise RuntimeError("mine")


def raise_now(failures):
    raise RuntimeError("mine")


@pytest.mark.parametrize("end", ["flush", "close", "take_failures"])
@pytest.mark.parametrize("on_failure", [raise_now, raise_later])
def test_a_callback_that_raises_loses_nothing_and_is_told_of(stream, monkeypatch, on_failure, end):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)

    async def work():
        async with failing(stream, on_failure) as producer:
            await producer.put_many([("k", b"%d" % n) for n in range(20)])
            if end == "take_failures":
                with pytest.raises(kinetik.DeliveryError) as failed:
                    await producer.flush()
                await producer.put("k", b"20")
                while (ledger := producer.ledger).pending.records:
                    await asyncio.sleep(0)
                failures = failed.value.failures
                while len(failures) < ledger.failed.records:
                    failures += producer.take_failures()
                    await asyncio.sleep(0)
            else:
                with pytest.raises(kinetik.DeliveryError) as failed:
                    await getattr(producer, end)()
                failures = failed.value.failures
        return failures, producer.ledger.failed.records

    failures, count = asyncio.run(work())
    assert len(failures) == count >= 20
    assert {failure.data for failure in failures} == {b"%d" % n for n in range(count)}
    assert told and all(str(one.exc_value) == "mine" and on_failure.__name__ in repr(one.object) for one in told)


def test_a_flush_waits_for_a_callback_that_is_awaited(stream):
    async def work():
        begun, go_on, handled = asyncio.Event(), asyncio.Event(), []

        async def on_failure(failures):
            begun.set()
            await go_on.wait()
            handled.extend(failure.data for failure in failures)

        async with failing(stream, on_failure) as producer:
            await producer.put("k", b"payload")
            flush = asyncio.create_task(producer.flush())
            await begun.wait()
            with pytest.raises(kinetik.FlushTimeout):
                await producer.flush(timeout=0.01)
            assert not flush.done()
            go_on.set()
            with pytest.raises(kinetik.DeliveryError) as failed:
                await flush
            assert (handled, failed.value.failures) == ([b"payload"], [])

    asyncio.run(work())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_flush_ends_well_before_what_came_back_is_told(stream):
    async def work():
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def on_failure(failures):
            begun.set()
            await go_on.wait()
            raise RuntimeError("mine")

        async with failing(stream, on_failure) as producer:
            await producer.put("k", b"first")
            await begun.wait()
            with pytest.raises(kinetik.FlushTimeout):
                await producer.flush(timeout=0.01)
            go_on.set()
            with pytest.raises(kinetik.DeliveryError) as failed:
                await producer.flush()
            await producer.flush()
        return failed.value.failures

    assert [failure.data for failure in asyncio.run(work())] == [b"first"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_callback_that_is_cancelled_before_its_first_step_gives_its_batch_back(stream):
    async def on_failure(failures):
        raise AssertionError("it never begins")

    async def work():
        async with failing(stream, on_failure) as producer:
            await producer.put("k", b"payload")
            while not (tasks := others()):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            with pytest.raises(kinetik.DeliveryError) as failed:
                await producer.flush(timeout=10)
        return failed.value.failures

    assert [failure.data for failure in asyncio.run(work())] == [b"payload"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("is_awaited", [True, False])
def test_what_a_callback_holds_when_its_loop_ends_is_not_lost(stream, is_awaited):
    async def work():
        begun = asyncio.Event()

        async def never_done(failures):
            begun.set()
            await asyncio.Event().wait()

        def stopped(failures):
            raise AssertionError("the loop has ended")

        producer = await refused(stream, never_done if is_awaited else stopped)
        producer.put_nowait("k", b"payload")
        if is_awaited:
            await begun.wait()
        else:
            while producer.ledger.failed.records == 0:
                pass
        return producer

    producer = asyncio.run(work())
    with pytest.raises(kinetik.DeliveryError) as failed:
        producer._inner.close_with(30.0)
    assert [failure.data for failure in failed.value.failures] == [b"payload"]


@pytest.mark.parametrize("is_called", [True, False])
def test_failures_of_cancelled_futures_go_to_on_failure_and_stay_charged(stream, is_called):
    async def cancelled(producer, data):
        with contextlib.suppress(TimeoutError, kinetik.AccessDenied):
            await asyncio.wait_for(producer.submit("k", data), 0)

    async def work():
        told = []
        settings = dict(buffer_records=4, put_timeout=0.2)
        async with failing(stream, told.extend if is_called else None, **settings) as producer:
            await asyncio.gather(*(cancelled(producer, b"%d" % n) for n in range(4)))
            with pytest.raises(kinetik.DeliveryError) as failed:
                await producer.flush()
            kept = failed.value.failures
            assert sorted(failure.data for failure in (told if is_called else kept)) == [b"0", b"1", b"2", b"3"]
            assert not (kept if is_called else told)
            await producer.flush()
            if is_called:
                return
            while producer.ledger.failed.records < 8:
                producer.submit("k", b"again").cancel()
                await asyncio.sleep(0)
            # Whoever never takes failures gets a full buffer, and no more memory is held than it has.
            with pytest.raises(kinetik.BufferFull):
                await producer.put("k", b"more")
            assert len(producer.take_failures()) == 4

    asyncio.run(work())


@pytest.mark.parametrize("is_called", [True, False])
def test_a_failure_that_came_just_before_its_wait_was_cancelled_is_not_lost(stream, is_called):
    async def work():
        told = []
        async with failing(stream, told.extend if is_called else None) as producer:
            await cancelled_too_late(producer.put_and_wait("k", b"payload"), producer._inner.deliver)
            with pytest.raises(kinetik.DeliveryError) as failed:
                await producer.flush()
            assert [failure.data for failure in (told if is_called else failed.value.failures)] == [b"payload"]

    asyncio.run(work())


@pytest.mark.parametrize("end", ["flush", "close"])
def test_what_a_flush_or_close_told_just_before_its_wait_was_cancelled_is_not_lost(stream, end):
    async def work():
        async with failing(stream) as producer:
            await producer.put("k", b"payload")
            await cancelled_too_late(getattr(producer, end)(), here().drain)
            with pytest.raises(kinetik.DeliveryError) as failed:
                await getattr(producer, end)()
            assert [failure.data for failure in failed.value.failures] == [b"payload"]
            await producer.flush() if end == "flush" else await producer.close()

    asyncio.run(work())


def test_what_a_close_left_just_before_its_wait_was_cancelled_is_not_lost(stream):
    async def work():
        async with full(stream) as producer:
            await cancelled_too_late(producer.close(timeout=0.05), here().drain)
            assert [record.data for record in producer.take_failures()] == [b"0", b"1", b"2", b"3"]

    asyncio.run(work())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_close_waits_for_the_callback_with_the_failures_of_cancelled_futures(stream):
    async def work():
        begun = asyncio.Event()

        async def on_failure(failures):
            begun.set()
            await asyncio.sleep(0.05)
            raise RuntimeError("mine")

        producer = await refused(stream, on_failure)
        producer.submit("k", b"payload").cancel()
        with pytest.raises(kinetik.DeliveryError) as failed:
            await producer.close()
        assert begun.is_set()
        return failed.value.failures

    assert [failure.data for failure in asyncio.run(work())] == [b"payload"]


def test_an_awaited_receipt_that_fails_says_whether_the_record_may_be_stored(stream):
    async def work():
        async with failing(stream) as producer:
            for wait in [producer.put_and_wait, producer.submit]:
                with pytest.raises(kinetik.AccessDenied) as failed:
                    await wait("k", b"payload")
                failure = failed.value.failure
                assert (failure.key, failure.data, failure.persisted, failure.attempts) == ("k", b"payload", "no", 1)

    asyncio.run(work())

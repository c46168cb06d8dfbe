"""kinetik for asyncio."""

import asyncio
import contextlib
import gc
import sys
import weakref

import pytest

import kinetik
from kinetik import aio


@pytest.fixture
def stream(engine):
    engine.create_stream("orders", 2)
    return engine


def test_records_go_out_and_come_back(stream):
    async def work():
        async with aio.Producer("orders", aggregate=True, endpoint=stream) as producer:
            await producer.put("a", b"1")
            producer.put_nowait("b", b"2")
            assert await producer.put_many((f"k{n}", b"%d" % n) for n in range(500)) == 500
            receipt = await producer.put_and_wait("c", b"3")
            assert receipt.attempts == 1
            await producer.flush()
            assert producer.ledger.delivered.records == 503
        async with aio.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=stream) as reader:
            read = [record.data async for record in reader]
            saved = reader.positions
        async with aio.Reader("orders", start=saved, until="now", endpoint=stream) as reader:
            assert [record async for record in reader] == []
        return read

    assert len(asyncio.run(work())) == 503


def test_a_thousand_receipts_are_awaited_together(stream):
    async def work():
        producer = await aio.Producer("orders", aggregate=True, endpoint=stream)
        receipts = await asyncio.gather(*(producer.submit(f"k{n}", b"x") for n in range(1_000)))
        await producer.close()
        return {(receipt.sequence_number, receipt.sub_sequence_number) for receipt in receipts}

    assert len(asyncio.run(work())) == 1_000


def test_puts_wait_for_room_without_blocking_the_loop(stream):
    async def work():
        async with aio.Producer(
            "orders", aggregate=True, endpoint=stream, buffer_records=20, linger=0.0
        ) as producer:
            for n in range(200):
                await producer.put(f"k{n}", b"x")
            await producer.put_many([(f"m{n}", b"x") for n in range(300)])
            await asyncio.gather(*(producer.submit(f"s{n}", b"x") for n in range(300)))

    asyncio.run(work())
    assert len(stream.records("orders")) == 800


def test_a_buffer_that_stays_full_is_an_error_after_the_put_timeout(stream):
    stream.faults.fail("PutRecords", "ProvisionedThroughputExceededException", times=1_000_000)

    async def work():
        producer = await aio.Producer(
            "orders", aggregate=True, endpoint=stream, buffer_records=4, linger=60.0, put_timeout=0.05
        )
        await producer.put_many([("k", b"x")] * 4)
        with pytest.raises(kinetik.BufferFull):
            await producer.put("k", b"y")
        with pytest.raises(kinetik.BufferFull):
            await producer.submit("k", b"y")
        with pytest.raises(kinetik.RecordError):
            await producer.put_many([("k", b"y")])
        stream.faults.clear()
        await producer.close()

    asyncio.run(work())


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


def failing(engine, on_failure, **settings):
    """A producer whose next records fail, each put alone."""
    engine.faults.fail("PutRecords", "AccessDeniedException", times=1_000)
    return aio.Producer("orders", aggregate=False, endpoint=engine, on_failure=on_failure, linger=0.0, **settings)


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
        producer = await failing(stream, on_failure)
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
        stream.faults.clear()
        with contextlib.suppress(kinetik.DeliveryError):
            await producer.close()
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

        producer = await failing(stream, on_failure)
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
        stream.faults.clear()
        with contextlib.suppress(kinetik.DeliveryError):
            await producer.close()

    asyncio.run(work())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_flush_ends_well_before_what_came_back_is_told(stream):
    async def work():
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def on_failure(failures):
            begun.set()
            await go_on.wait()
            raise RuntimeError("mine")

        producer = await failing(stream, on_failure)
        await producer.put("k", b"first")
        await begun.wait()
        with pytest.raises(kinetik.FlushTimeout):
            await producer.flush(timeout=0.01)
        go_on.set()
        with pytest.raises(kinetik.DeliveryError) as failed:
            await producer.flush()
        stream.faults.clear()
        await producer.flush()
        await producer.close()
        return failed.value.failures

    assert [failure.data for failure in asyncio.run(work())] == [b"first"]


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

        producer = await failing(stream, never_done if is_awaited else stopped)
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


def test_reports_are_refused_and_aggregate_must_be_said(stream):
    async def work():
        for reports in ["none", "failures", "all"]:
            with pytest.raises(kinetik.InvalidArgumentError, match="reports.*futures.*on_failure"):
                await aio.Producer("orders", aggregate=True, endpoint=stream, reports=reports)
        for unsaid in [{}, {"aggregate": None}]:
            with pytest.raises(kinetik.InvalidArgumentError, match="aggregate: must be said"):
                await aio.Producer("orders", endpoint=stream, **unsaid)

    asyncio.run(work())


def test_a_wait_for_a_batch_can_be_cancelled_and_loses_nothing(stream):
    async def work():
        reader = await aio.Reader("orders", start="LATEST", endpoint=stream)
        waiting = asyncio.create_task(reader.next_batch())
        await asyncio.sleep(0.05)
        waiting.cancel()
        client = kinetik.client("kinesis", endpoint_url=stream)
        client.put_record(StreamName="orders", Data=b"x", PartitionKey="k")
        batch = await asyncio.wait_for(reader.next_batch(), 30)
        assert batch.data() == [b"x"]
        assert len(await reader.next_batch(max_wait=0.01)) == 0

    asyncio.run(work())


def test_opening_what_is_not_there_and_using_what_is_not_open_are_errors(stream):
    async def work():
        with pytest.raises(kinetik.NotFound):
            await aio.Producer("missing", aggregate=True, endpoint=stream)
        with pytest.raises(kinetik.NotFound):
            await aio.Reader("missing", start="LATEST", endpoint=stream)
        with pytest.raises(kinetik.InvalidArgumentError, match="not open"):
            await aio.Producer("orders", aggregate=True, endpoint=stream).put("k", b"x")

    asyncio.run(work())


def test_a_loop_that_is_closed_is_not_kept_alive(stream):
    async def work():
        async with aio.Producer("orders", aggregate=True, endpoint=stream) as producer:
            await producer.put_and_wait("k", b"x")
        return weakref.ref(asyncio.get_running_loop())

    gone = asyncio.run(work())
    gc.collect()
    assert gone() is None


def test_a_loop_that_is_closed_early_drops_what_comes_later(stream):
    async def work():
        producer = await aio.Producer("orders", aggregate=True, endpoint=stream, linger=0.2)
        producer.submit("k", b"x")
        return producer

    producer = asyncio.run(work())
    producer._inner.close_with(30.0)
    assert len(stream.records("orders")) == 1


def test_fan_out_is_awaited_and_closing_ends_a_wait(stream):
    async def work():
        reader = await aio.Reader("orders", start="LATEST", mode="fan_out", endpoint=stream)
        async with aio.Producer("orders", aggregate=True, endpoint=stream) as producer:
            await producer.put("a", b"1")
        batch = await reader.next_batch()
        assert batch.data() == [b"1"]
        assert reader.stats["subscriptions"] == 2 and len(reader.lag) == 2
        assert set(reader.backlog) == set(reader.lag)
        waiting = asyncio.create_task(reader.next_batch())
        await asyncio.sleep(0)
        await reader.close()
        with pytest.raises(kinetik.KinetikError, match="closed"):
            await waiting
        return True

    assert asyncio.run(work())


def test_a_broken_key_is_resumed(stream):
    async def work():
        stream.faults.fail("PutRecords", "AccessDeniedException", times=1)
        producer = await aio.Producer("orders", aggregate=False, endpoint=stream, ordered=True)
        with pytest.raises(kinetik.AccessDenied):
            await producer.put_and_wait("user-1", b"first")
        with pytest.raises(kinetik.OrderBroken):
            await producer.put_and_wait("user-1", b"second")
        assert await producer.resume("user-1") is True
        await producer.put_and_wait("user-1", b"second")
        with pytest.raises(kinetik.DeliveryError):
            await producer.close()

    asyncio.run(work())


def test_every_setting_of_the_reader_is_taken_by_its_name_and_no_other(stream):
    async def work():
        settings = dict(
            region="eu-west-1", mode="polling", consumer="c", range_filter="drop", deaggregate=False, strip_glue=True,
            max_records=3, buffer_bytes=1 << 20, concurrency=2, silence=5.0, give_up_after=1.0,
        )
        async with aio.Producer("orders", aggregate=False, endpoint=stream) as producer:
            await producer.put_many([(f"k{n}", b"x") for n in range(10)])
        async with aio.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=stream, **settings) as reader:
            sizes = [len(batch) async for batch in reader.batches()]
        assert sum(sizes) == 10 and max(sizes) <= 3
        with pytest.raises(kinetik.InvalidArgumentError, match="did you mean silence"):
            await aio.Reader("orders", start="LATEST", endpoint=stream, silense=1.0)

    asyncio.run(work())


@pytest.mark.parametrize("waits", [False, True])
def test_submits_of_a_full_buffer_are_taken_in_their_order(stream, waits):
    async def work():
        producer = await aio.Producer("orders", aggregate=True, endpoint=stream, ordered=True, buffer_records=64)
        submitted = []
        for n in range(3_000):
            submitted.append(producer.submit("k", b"%d" % n))
            if waits and n % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*submitted)
        await producer.close()

    asyncio.run(work())
    assert [int(record.data) for record in stream.records("orders")] == list(range(3_000))


def test_whatever_is_put_while_a_put_waits_comes_behind_it(stream):
    async def work():
        producer = await aio.Producer("orders", aggregate=True, endpoint=stream, ordered=True, buffer_records=8, linger=0.0)
        puts, n = [], 0

        def numbers(count):
            nonlocal n
            n += count
            return [("k", b"%d" % number) for number in range(n - count, n)]

        for _ in range(40):
            puts.append(producer.submit(*numbers(1)[0]))
            puts.append(asyncio.create_task(producer.put(*numbers(1)[0])))
            puts.append(asyncio.create_task(producer.put_many(numbers(30))))
            await asyncio.sleep(0)
            with pytest.raises(kinetik.BufferFull) as refused:
                producer.put_nowait("k", b"overtakes")
            assert (refused.value.stream, refused.value.retry) == ("orders", "after")
        await producer.flush()
        assert [await put for put in puts[2::3]] == [30] * 40
        assert all(put.done() for put in puts)
        await producer.close()
        return n

    count = asyncio.run(work())
    assert [int(record.data) for record in stream.records("orders")] == list(range(count))


def test_a_put_that_waits_can_be_cancelled_and_the_others_go_on(stream):
    stream.faults.fail("PutRecords", "ProvisionedThroughputExceededException", times=1_000_000)

    async def work():
        producer = await aio.Producer("orders", aggregate=True, endpoint=stream, buffer_records=4, ordered=True)
        await producer.put_many([("k", b"%d" % n) for n in range(4)])
        waiting = [producer.submit("k", b"%d" % n) for n in range(4, 8)]
        bad = producer.submit("", b"")
        rest = asyncio.create_task(producer.put_many([("k", b"8"), ("k", "text"), ("k", b"9")]))
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        waiting[2].cancel()
        stream.faults.clear()
        await producer.flush()
        with pytest.raises(kinetik.InvalidArgumentError):
            await bad
        with pytest.raises(kinetik.RecordError) as refused:
            await rest
        assert refused.value.accepted == 1
        await producer.close()
        with pytest.raises(kinetik.Closed):
            await producer.put("k", b"x")

    asyncio.run(work())
    assert [record.data for record in stream.records("orders")] == [b"0", b"1", b"2", b"3", b"5", b"7", b"8"]


def test_each_put_of_a_buffer_that_stays_full_is_refused_after_its_own_put_timeout(stream):
    stream.faults.fail("PutRecords", "ProvisionedThroughputExceededException", times=1_000_000)

    async def work():
        producer = await aio.Producer(
            "orders", aggregate=True, endpoint=stream, buffer_records=4, linger=60.0, put_timeout=0.2
        )
        await producer.put_many([("k", b"x")] * 4)
        loop = asyncio.get_running_loop()
        began = loop.time()
        puts = [producer.submit("k", b"y") for _ in range(20)]
        puts += [asyncio.create_task(producer.put_many([("k", b"y")])) for _ in range(20)]
        refused = await asyncio.gather(*puts, return_exceptions=True)
        took = loop.time() - began
        assert all(isinstance(error, kinetik.BufferFull) for error in refused)
        assert {(error.index, error.accepted) for error in refused[20:]} == {(0, 0)}
        assert 0.2 <= took < 2.0
        stream.faults.clear()
        await producer.close()
        assert producer.ledger.accepted.records == 4

    asyncio.run(work())


@pytest.mark.parametrize("is_called", [True, False])
def test_failures_of_cancelled_futures_go_to_on_failure_and_stay_charged(stream, is_called):
    async def work():
        told = []
        producer = await failing(stream, told.extend if is_called else None, buffer_records=4, put_timeout=0.2)

        async def cancelled(data):
            try:
                await asyncio.wait_for(producer.submit("k", data), 0)
            except (TimeoutError, kinetik.AccessDenied):
                pass

        await asyncio.gather(*(cancelled(b"%d" % n) for n in range(4)))
        with pytest.raises(kinetik.DeliveryError) as failed:
            await producer.flush()
        kept = failed.value.failures
        assert sorted(failure.data for failure in (told if is_called else kept)) == [b"0", b"1", b"2", b"3"]
        assert not (kept if is_called else told)
        await producer.flush()
        if not is_called:
            while producer.ledger.failed.records < 8:
                try:
                    producer.submit("k", b"again").cancel()
                except kinetik.BufferFull:
                    pass
                await asyncio.sleep(0)
            # Whoever never takes failures gets a full buffer, and no more memory is held than it has.
            with pytest.raises(kinetik.BufferFull):
                await producer.put("k", b"more")
            assert len(producer.take_failures()) == 4
        stream.faults.clear()
        with contextlib.suppress(kinetik.DeliveryError):
            await producer.close()

    asyncio.run(work())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_close_waits_for_the_callback_with_the_failures_of_cancelled_futures(stream):
    async def work():
        begun = asyncio.Event()

        async def on_failure(failures):
            begun.set()
            await asyncio.sleep(0.05)
            raise RuntimeError("mine")

        producer = await failing(stream, on_failure)
        producer.submit("k", b"payload").cancel()
        with pytest.raises(kinetik.DeliveryError) as failed:
            await producer.close()
        assert begun.is_set()
        return failed.value.failures

    assert [failure.data for failure in asyncio.run(work())] == [b"payload"]


def test_an_awaited_receipt_that_fails_says_whether_the_record_may_be_stored(stream):
    async def work():
        producer = await failing(stream, None)
        for wait in [producer.put_and_wait, producer.submit]:
            with pytest.raises(kinetik.AccessDenied) as failed:
                await wait("k", b"payload")
            failure = failed.value.failure
            assert (failure.key, failure.data, failure.persisted, failure.attempts) == ("k", b"payload", "no", 1)
        with contextlib.suppress(kinetik.DeliveryError):
            await producer.close()

    asyncio.run(work())

"""kinetik for asyncio."""

import asyncio
import gc
import weakref

import pytest

import kinetik
from kinetik import aio


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


def test_reports_are_refused_and_aggregate_must_be_said(stream):
    async def work():
        for reports in ["none", "failures", "all"]:
            with pytest.raises(kinetik.InvalidArgumentError, match="reports.*futures.*on_failure"):
                await aio.Producer("orders", aggregate=True, endpoint=stream, reports=reports)
        for unsaid in [{}, {"aggregate": None}]:
            with pytest.raises(kinetik.InvalidArgumentError, match="aggregate: must be said"):
                await aio.Producer("orders", endpoint=stream, **unsaid)

    asyncio.run(work())


def test_what_is_said_beside_a_kpl_file_wins(stream):
    async def work():
        kpl = {"kpl_properties": "AggregationEnabled = true"}
        async with aio.Producer("orders", aggregate=False, endpoint=stream, **kpl) as producer:
            receipts = await asyncio.gather(*(producer.submit("k", b"x") for _ in range(10)))
        assert {receipt.sub_sequence_number for receipt in receipts} == {None}

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


def test_entering_what_was_awaited_before_does_not_open_it_again(stream):
    async def work():
        producer = await aio.Producer("orders", aggregate=True, endpoint=stream)
        await producer.put("k", b"1")
        async with producer as entered:
            assert entered is producer
            await producer.put("k", b"2")
            assert producer.ledger.accepted.records == 2
        assert producer.ledger.delivered.records == 2
        reader = await aio.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=stream)
        first = await anext(reader)
        async with reader:
            return [first.data, *[record.data async for record in reader]]

    assert asyncio.run(work()) == [b"1", b"2"]


def test_a_failure_callback_that_is_no_function_is_refused_at_opening(stream):
    async def work():
        await aio.Producer("orders", aggregate=True, endpoint=stream, on_failure=5)

    with pytest.raises(kinetik.InvalidTypeError, match="on_failure"):
        asyncio.run(work())


def test_put_many_refuses_what_is_no_iterable_by_its_name(stream):
    async def work():
        async with aio.Producer("orders", aggregate=True, endpoint=stream) as producer:
            await producer.put_many(None)

    with pytest.raises(kinetik.InvalidTypeError, match="records"):
        asyncio.run(work())

"""Puts of asyncio that wait for room: in their order, each for its time."""

import asyncio

import pytest
from helpers import full, in_virtual_time, others

import kinetik
from kinetik import aio
from kinetik.aio._room import Line, Turn


@pytest.mark.parametrize("put_timeout", [{"put_timeout": 0.05}, {"put_timeout_ms": 50}])
def test_a_buffer_that_stays_full_is_an_error_after_the_put_timeout(stream, put_timeout):
    async def work():
        async with full(stream, linger=60.0, **put_timeout) as producer:
            with pytest.raises(kinetik.BufferFull):
                await producer.put("k", b"y")
            with pytest.raises(kinetik.BufferFull):
                await producer.submit("k", b"y")
            with pytest.raises(kinetik.RecordError):
                await producer.put_many([("k", b"y")])

    asyncio.run(work())


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
    async def work():
        async with full(stream, ordered=True) as producer:
            waiting = [producer.submit("k", b"%d" % n) for n in range(4, 8)]
            bad = producer.submit("", b"")
            rest = asyncio.create_task(producer.put_many([("k", b"8"), ("k", "text"), ("k", b"9")]))
            await asyncio.sleep(0)
            waiting[0].cancel()
            waiting[2].cancel()
            stream.faults.clear()
            await producer.flush()
            with pytest.raises(kinetik.InvalidArgumentError):
                await bad
            with pytest.raises(kinetik.RecordError) as refused:
                await rest
            assert refused.value.accepted == 1
        with pytest.raises(kinetik.Closed):
            await producer.put("k", b"x")

    asyncio.run(work())
    assert [record.data for record in stream.records("orders")] == [b"0", b"1", b"2", b"3", b"5", b"7", b"8"]


def test_each_put_of_a_buffer_that_stays_full_is_refused_after_its_own_put_timeout(stream):
    async def work():
        async with full(stream, linger=60.0, put_timeout=0.2) as producer:
            loop = asyncio.get_running_loop()
            began = loop.time()
            puts = [producer.submit("k", b"y") for _ in range(20)]
            puts += [asyncio.create_task(producer.put_many([("k", b"y")])) for _ in range(20)]
            refused = await asyncio.gather(*puts, return_exceptions=True)
            took = loop.time() - began
            assert all(isinstance(error, kinetik.BufferFull) for error in refused)
            assert {(error.index, error.accepted) for error in refused[20:]} == {(0, 0)}
            assert 0.2 <= took < 2.0
        assert producer.ledger.accepted.records == 4

    asyncio.run(work())


def test_a_flush_takes_no_longer_than_its_timeout_while_puts_wait_before_it(stream):
    async def work():
        async with full(stream, put_timeout=60.0, flush_timeout=0.2) as producer:
            waiting = producer.submit("k", b"later")
            loop = asyncio.get_running_loop()
            for timeout in [None, 0.1]:
                began = loop.time()
                with pytest.raises(kinetik.FlushTimeout, match="puts that came before still wait for room") as behind:
                    await producer.flush(timeout)
                assert (timeout or 0.2) <= loop.time() - began < 10.0
                assert (behind.value.pending.records, behind.value.ledger) == (4, producer.ledger)
            with pytest.raises(kinetik.InvalidArgumentError, match="timeout"):
                await producer.flush(-1.0)
            stream.faults.clear()
            await producer.flush(timeout=30)
            assert waiting.done()

    asyncio.run(work())


def test_a_close_takes_no_longer_than_its_timeout_and_refuses_the_puts_that_wait(stream):
    async def work():
        async with full(stream, put_timeout=60.0, flush_timeout=0.2) as producer:
            waiting = producer.submit("k", b"later")
            with pytest.raises(kinetik.FlushTimeout) as left:
                await asyncio.wait_for(producer.close(), 10)
            assert [record.data for record in left.value.leftover] == [b"0", b"1", b"2", b"3"]
            with pytest.raises(kinetik.Closed):
                await asyncio.wait_for(waiting, 10)

    asyncio.run(work())


def test_a_flush_does_not_end_well_before_puts_that_wait_for_the_room_of_another_producer(stream):
    async def work():
        async with full(stream, buffer_group="shared") as other:
            producer = await aio.Producer(
                "orders", aggregate=True, endpoint=stream, buffer_records=4, buffer_group="shared"
            )
            waiting = producer.submit("k", b"later")
            with pytest.raises(kinetik.FlushTimeout) as behind:
                await producer.flush(timeout=0.05)
            assert behind.value.pending.records == 0 and not waiting.done()
            stream.faults.clear()
            await producer.close()
            assert (await waiting).attempts == 1

    asyncio.run(work())


def test_when_the_task_behind_waiting_puts_is_cancelled_they_are_told_and_later_ones_go(stream):
    async def work():
        async with full(stream) as producer:
            waiting = producer.submit("k", b"later")
            for task in others():
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(waiting), 10)
            stream.faults.clear()
            await producer.put("k", b"4")

    asyncio.run(work())
    assert [record.data for record in stream.records("orders")] == [b"0", b"1", b"2", b"3", b"4"]


class Buffer:
    """A producer's buffer with room for so many records, which ends no wait for more by itself."""

    stream = "orders"

    def __init__(self):
        self.room = 0
        self.waits = []

    def ready(self, _completions):
        self.waits.append(asyncio.get_running_loop().create_future())
        return self.waits[-1]

    def put(self, start, count):
        taken = min(self.room, count - start)
        self.room -= taken
        if start + taken < count:
            full = kinetik.BufferFull("full")
            full.accepted = start + taken
            raise full
        return count

    def make_room(self, records):
        self.room += records
        self.waits[-1].set_result(None)

    def turn(self, count=1, patience=1.0):
        future = asyncio.get_running_loop().create_future()
        return Turn(lambda start: self.put(start, count), count, 0, patience, future)


def test_a_put_behind_a_flush_is_refused_at_its_own_time_though_the_first_goes_on():
    async def work():
        buffer = Buffer()
        line, loop = Line(buffer), asyncio.get_running_loop()
        first = line.join(buffer.turn(count=2))
        flush = asyncio.create_task(line.passed(None))
        await asyncio.sleep(0)
        third = line.join(buffer.turn())
        loop.call_later(0.6, buffer.make_room, 1)
        with pytest.raises(kinetik.BufferFull):
            await third
        assert (loop.time(), first.done()) == (pytest.approx(1.0), False)
        with pytest.raises(kinetik.BufferFull) as refused:
            await first
        assert (loop.time(), refused.value.accepted, await flush) == (pytest.approx(1.6), 1, True)

    in_virtual_time(work())


def test_whoever_waits_behind_a_put_that_is_given_up_goes_on_at_once():
    async def work():
        buffer = Buffer()
        line, loop = Line(buffer), asyncio.get_running_loop()
        first = line.join(buffer.turn())
        flush = asyncio.create_task(line.passed(None))
        loop.call_later(0.5, first.cancel)
        assert (await flush, loop.time()) == (True, pytest.approx(0.5))

    in_virtual_time(work())


def test_a_flush_that_gives_up_leaves_nothing_in_the_line():
    async def work():
        buffer = Buffer()
        line, loop = Line(buffer), asyncio.get_running_loop()
        first = line.join(buffer.turn())
        assert not await line.passed(0.25)
        assert (loop.time(), [turn.future for turn in line.turns]) == (pytest.approx(0.25), [first])
        buffer.make_room(1)
        assert await line.passed(0.25)
        assert (first.result(), not line.turns) == (1, True)

    in_virtual_time(work())


def test_a_list_that_is_emptied_while_its_records_wait_for_room_is_put_as_it_was(stream):
    async def work():
        async with full(stream) as producer:
            records = [("k", b"x")] * 10
            put = asyncio.create_task(producer.put_many(records))
            await asyncio.sleep(0)
            records.clear()
            stream.faults.clear()
            assert await put == 10

    asyncio.run(work())


def test_a_close_whose_time_went_by_in_line_tells_the_time_that_it_had(stream):
    async def work():
        async with full(stream) as producer:
            put = asyncio.create_task(producer.put("k", b"x"))
            await asyncio.sleep(0)
            with pytest.raises(kinetik.FlushTimeout, match=r"after 7\.0 s 4 records"):
                await producer.close(7.0)
            with pytest.raises(kinetik.KinetikError):
                await put

    in_virtual_time(work())

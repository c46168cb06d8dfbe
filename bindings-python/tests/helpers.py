"""What tests of asyncio share: producers whose records fail, and a loop whose time passes by itself."""

import asyncio
import contextlib

import kinetik
from kinetik import aio

THROTTLED = "ProvisionedThroughputExceededException"


def refused(engine, on_failure=None, **settings):
    """A producer to be opened whose next records fail, each put alone."""
    engine.faults.fail("PutRecords", "AccessDeniedException", times=1_000)
    return aio.Producer("orders", aggregate=False, endpoint=engine, on_failure=on_failure, linger=0.0, **settings)


@contextlib.asynccontextmanager
async def failing(engine, on_failure=None, **settings):
    """The same, open; closed in peace behind a test that has looked at what failed."""
    producer = await refused(engine, on_failure, **settings)
    yield producer
    engine.faults.clear()
    with contextlib.suppress(kinetik.DeliveryError):
        await producer.close()


@contextlib.asynccontextmanager
async def full(engine, records=4, **settings):
    """A producer whose buffer is full of records of the key "k", for the stream throttles them until the end."""
    engine.faults.fail("PutRecords", THROTTLED, times=1_000_000)
    producer = await aio.Producer("orders", aggregate=True, endpoint=engine, buffer_records=records, **settings)
    await producer.put_many([("k", b"%d" % n) for n in range(records)])
    yield producer
    engine.faults.clear()
    await producer.close(timeout=30)


def others():
    """The tasks of the running loop beside the one that asks."""
    return asyncio.all_tasks() - {asyncio.current_task()}


async def cancelled_too_late(work, deliver):
    """Cancels a wait whose outcome `deliver` has brought to its future, before the task that waits could look."""
    waiting = asyncio.create_task(work)
    await asyncio.sleep(0)
    while not waiting._fut_waiter.done():
        deliver()
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    assert waiting.cancelled()


class VirtualTime(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next moment at which something is due, when nothing is left to do before."""

    def __init__(self):
        super().__init__()
        self.now, select = 0.0, self._selector.select

        def jump(timeout):
            self.now += timeout or 0.0
            return select(timeout and 0)

        self._selector.select = jump

    def time(self):
        return self.now


def in_virtual_time(work):
    """Runs a coroutine on such a loop."""
    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        return runner.run(work)

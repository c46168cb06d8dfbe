"""The interpreter's exit: open producers are flushed for a bounded time, and what was left is told."""

import subprocess
import sys
import time

import pytest

import kinetik


def run(program, **options):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, **options)


def test_what_an_open_producer_took_is_delivered_at_exit(server):
    server.create_stream("orders")
    program = f"""
import kinetik
def put():
    producer = kinetik.Producer("orders", aggregate=True, endpoint={server.endpoint!r}, linger=30.0)
    producer.put_many([("k", b"x")] * 100)
put()
"""
    shown = run(program)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert len(server.records("orders")) == 100


def test_what_cannot_be_delivered_in_time_is_told_and_the_exit_does_not_hang(server):
    server.create_stream("orders")
    program = f"""
import kinetik
producer = kinetik.Producer(
    "orders", aggregate=True, endpoint="http://127.0.0.1:9", region="us-east-1", lazy=True, exit_timeout=0.5
)
producer.put_many([("k", b"x")] * 100)
"""
    began = time.monotonic()
    shown = run(program)
    assert "100 records were left" in shown.stderr
    assert "Traceback" not in shown.stderr
    assert shown.returncode == 0
    assert time.monotonic() - began < 20


def test_a_failure_callback_whose_loop_stands_still_does_not_hold_up_the_exit():
    program = """
import asyncio, kinetik
from kinetik import aio
engine = kinetik.Engine(quotas=False); engine.create_stream("orders")
engine.faults.fail("PutRecords", "AccessDeniedException")
async def put():
    begun = asyncio.Event()
    async def on_failure(failures):
        begun.set()
        await asyncio.Event().wait()
    producer = await aio.Producer("orders", aggregate=True, endpoint=engine, on_failure=on_failure, exit_timeout=60.0)
    await producer.put("k", b"x")
    await begun.wait()
loop = asyncio.new_event_loop()
loop.run_until_complete(put())
"""
    began = time.monotonic()
    shown = run(program)
    assert shown.returncode == 0
    assert "0 records were left and 1 failed" in shown.stderr
    assert time.monotonic() - began < 30


def test_exit_is_clean_with_futures_readers_threads_and_an_open_server():
    program = """
import kinetik, threading
engine = kinetik.Engine(quotas=False); engine.create_stream("orders")
server = kinetik.Server(engine=engine)
producer = kinetik.Producer("orders", aggregate=True, endpoint=server)
futures = [producer.submit("k", b"x") for _ in range(10)]
reader = kinetik.Reader("orders", start="LATEST", endpoint=engine)
threading.Thread(target=reader.next_batch, daemon=True).start()
futures[0].result(30)
"""
    shown = run(program)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_a_receipt_whose_loop_is_closed_before_it_comes_prints_nothing():
    program = """
import asyncio, kinetik
from kinetik import aio
engine = kinetik.Engine(quotas=False); engine.create_stream("orders")
async def put():
    producer = await aio.Producer("orders", aggregate=True, endpoint=engine, linger=30.0)
    producer.submit("k", b"x").add_done_callback(print)
loop = asyncio.new_event_loop()
loop.run_until_complete(put())
loop.close()
"""
    shown = run(program)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


def test_the_version_is_the_packages():
    assert kinetik.__version__.count(".") == 2


CALLBACKS = {
    "a failure callback that works": """
def run(_):
    begun.set()
    while True: pass
options = {"on_failure": run}
""",
    "a failure callback that sleeps": """
def run(_):
    begun.set()
    while True: time.sleep(0.001)
options = {"on_failure": run}
""",
    "a filter of logging": """
def run(_):
    begun.set()
    while True: time.sleep(0.001)
logging.getLogger("kinetik.producer").addFilter(run)
options = {}
""",
}


@pytest.mark.parametrize("callback", CALLBACKS)
def test_the_exit_does_not_crash_while_a_callback_runs(callback):
    program = f"""
import logging, threading, time, kinetik
begun = threading.Event()
engine = kinetik.Engine(quotas=False); engine.create_stream("orders")
engine.faults.fail("PutRecords", "AccessDeniedException", times=1000)
{CALLBACKS[callback]}
producer = kinetik.Producer("orders", aggregate=False, endpoint=engine, exit_timeout=0.1, **options)
producer.put("k", b"x")
assert begun.wait(30)
"""
    shown = run(program)
    assert shown.returncode == 0, shown.stderr
    assert "1 failed" in shown.stderr


def test_the_exit_does_not_crash_while_a_thread_puts_what_an_iterator_gives():
    program = """
import threading, time, kinetik
begun = threading.Event()
engine = kinetik.Engine(quotas=False); engine.create_stream("orders")
producer = kinetik.Producer("orders", aggregate=False, endpoint=engine)
def records():
    begun.set()
    while True:
        time.sleep(0.001)
    yield
threading.Thread(target=producer.put_many, args=(records(),), daemon=True).start()
assert begun.wait(30)
"""
    shown = run(program)
    assert (shown.returncode, shown.stderr) == (0, "")


def test_a_callback_of_a_future_that_goes_on_holds_up_the_exit_no_longer_than_exit_timeout():
    program = """
import threading, kinetik
begun = threading.Event()
engine = kinetik.Engine(quotas=False); engine.create_stream("orders")
producer = kinetik.Producer("orders", aggregate=False, endpoint=engine, exit_timeout=0.1)
def run(_):
    begun.set()
    threading.Event().wait()
producer.submit("k", b"x").add_done_callback(run)
assert begun.wait(30)
"""
    shown = run(program)
    assert shown.returncode == 0
    assert shown.stderr == "kinetik: a callback of a future still ran when the interpreter exited\n"


def test_ctrl_c_while_the_exit_waits_ends_the_wait_for_all_and_tells_of_each():
    program = """
import kinetik
class First(kinetik.Producer):
    def close_with(self, timeout):
        raise KeyboardInterrupt
for face in [First, kinetik.Producer]:
    producer = face(
        "orders", aggregate=True, endpoint="http://127.0.0.1:9", region="us-east-1", lazy=True, exit_timeout=3600.0
    )
    producer.submit("k", b"x")
"""
    shown = run(program)
    assert "1 records were left and 0 failed when the interpreter exited (KeyboardInterrupt)" in shown.stderr
    assert shown.stderr.count("1 records were left") == 2
    assert "callback of a future" not in shown.stderr

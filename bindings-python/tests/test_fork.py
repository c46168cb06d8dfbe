"""Forked children: what they may use, what they are refused, and that nothing hangs."""

import multiprocessing
import os
import subprocess
import sys
import traceback

import pytest

import kinetik
from kinetik import Producer

# Python 3.12 and later warn of any fork beside threads; what happens then is what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
QUIET = [sys.executable, "-W", "ignore::DeprecationWarning", "-c"]


def in_child(work):
    """Runs work in a forked child; fails with the child's report."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reader)
            work()
            status = 0
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-60_000:])
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader, "rb") as report:
        text = report.read().decode()
    _, status = os.waitpid(pid, 0)
    assert status == 0, text


def test_memory_objects_belong_to_the_parent(engine):
    engine.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=engine)
    producer.put("k", b"parent")
    reader = kinetik.Reader("orders", start="TRIM_HORIZON", endpoint=engine)
    client = kinetik.client("kinesis", endpoint_url=engine)

    def work():
        for call in [
            lambda: producer.put("k", b"child"),
            lambda: producer.put_many([("k", b"child")]),
            lambda: producer.submit("k", b"child"),
            lambda: producer.flush(),
            lambda: next(reader),
            lambda: reader.next_batch(),
            lambda: client.list_streams(),
            lambda: engine.create_stream("other"),
            lambda: engine.records("orders"),
        ]:
            with pytest.raises(kinetik.Forked):
                call()

    in_child(work)
    producer.close()
    assert [record.data for record in engine.records("orders")] == [b"parent"]


def test_a_producer_over_http_goes_on_empty_in_the_child(server):
    server.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=server.endpoint, linger=60.0, deadline=120.0)
    producer.put("k", b"parent")

    def work():
        assert producer.ledger.accepted.records == 0
        producer.put("k", b"child")
        producer.close()
        assert producer.ledger.delivered.records == 1

    in_child(work)
    producer.close()
    assert sorted(record.data for record in server.records("orders")) == [b"child", b"parent"]


def test_futures_work_in_the_child_while_the_parent_has_a_thread_for_them(server):
    server.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=server.endpoint)
    assert producer.submit("k", b"parent").result(30)

    def work():
        assert producer.submit("k", b"child").result(30).shard_id
        producer.close()

    in_child(work)
    producer.close()
    assert len(server.records("orders")) == 2


def test_a_client_over_http_works_in_the_child(server):
    client = kinetik.client("kinesis", endpoint_url=server)
    client.create_stream(StreamName="orders", ShardCount=1)

    def work():
        assert client.list_streams()["StreamNames"] == ["orders"]

    in_child(work)
    in_child(lambda: in_child(work))


def test_a_child_may_open_its_own(engine):
    engine.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=engine)
    producer.put("k", b"parent")

    def work():
        own = kinetik.Engine(quotas=False)
        own.create_stream("orders")
        with Producer("orders", aggregate=True, endpoint=own) as mine:
            mine.put("k", b"child")
        assert [record.data for record in own.records("orders")] == [b"child"]

    in_child(work)
    producer.close()


def put_in_worker(endpoint, number):
    with Producer("orders", aggregate=True, endpoint=endpoint) as producer:
        producer.put_many([(f"{number}-{n}", b"x") for n in range(100)])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_workers_deliver(server, method):
    server.create_stream("orders", 2)
    parent = Producer("orders", aggregate=True, endpoint=server.endpoint)
    parent.put("parent", b"x")
    context = multiprocessing.get_context(method)
    workers = [context.Process(target=put_in_worker, args=(server.endpoint, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    parent.close()
    assert len(server.records("orders")) == 301


def test_a_child_that_exits_normally_leaves_the_parents_producer_alone(engine):
    program = """
import os, sys, kinetik
engine = kinetik.Engine(quotas=False); engine.create_stream("orders")
producer = kinetik.Producer("orders", aggregate=True, endpoint=engine, linger=0.5)
producer.put("k", b"x")
if os.fork() == 0:
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
producer.close()
print(len(engine.records("orders")))
"""
    shown = subprocess.run([*QUIET, program], capture_output=True, text=True, timeout=60)
    assert (shown.stdout, shown.stderr) == ("1\n", "")


def test_what_a_child_put_over_http_is_delivered_when_it_exits(server):
    server.create_stream("orders")
    program = f"""
import os, sys, kinetik
producer = kinetik.Producer("orders", aggregate=True, endpoint={server.endpoint!r}, linger=60.0)
producer.put("k", b"parent")
unused = kinetik.Producer("orders", aggregate=True, endpoint={server.endpoint!r})
if os.fork() == 0:
    producer.put("k", b"child")
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
"""
    shown = subprocess.run([*QUIET, program], capture_output=True, text=True, timeout=60)
    assert (shown.stdout, shown.stderr) == ("", "")
    assert sorted(record.data for record in server.records("orders")) == [b"child", b"parent"]


WORKERS = """
import multiprocessing, kinetik
from concurrent.futures import ProcessPoolExecutor
producer = opened = None

def put(number):
    producer.put("k", b"%d" % number)

def open_and_put(number):
    global opened
    opened = opened or kinetik.Producer("orders", aggregate=True, endpoint=producer_endpoint, linger=60.0)
    opened.put("k", b"%d" % number)

def workers(context, work):
    processes = [context.Process(target=work, args=(n,)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0

def pool(context, work):
    pool = context.Pool(2)
    pool.map(work, range(3))
    pool.close()
    pool.join()

def executor(context, work):
    with ProcessPoolExecutor(2, mp_context=context) as workers:
        list(workers.map(work, range(3)))

def nested(context, work):
    process = context.Process(target=workers, args=(context, work))
    process.start()
    process.join(60)
    assert process.exitcode == 0
"""


@pytest.mark.parametrize("work", ["put", "open_and_put"])
@pytest.mark.parametrize("run", ["workers", "pool", "executor", "nested"])
def test_what_a_multiprocessing_worker_put_into_an_inherited_producer_is_delivered(server, run, work):
    server.create_stream("orders")
    program = f"""{WORKERS}
producer_endpoint = {server.endpoint!r}
producer = kinetik.Producer("orders", aggregate=True, endpoint=producer_endpoint, linger=60.0)
producer.put("k", b"parent")
{run}(multiprocessing.get_context("fork"), {work})
"""
    shown = subprocess.run([*QUIET, program], capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
    assert sorted(record.data for record in server.records("orders")) == [b"0", b"1", b"2", b"parent"]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_what_a_worker_that_imports_kinetik_itself_put_is_delivered(server, tmp_path, method):
    server.create_stream("orders")
    (tmp_path / "put_alone.py").write_text(f"""
import kinetik
producer = kinetik.Producer("orders", aggregate=True, endpoint={server.endpoint!r}, linger=60.0)
producer.put("k", b"worker")
""")
    (tmp_path / "main.py").write_text(f"""
import multiprocessing, runpy
if __name__ == "__main__":
    process = multiprocessing.get_context({method!r}).Process(target=runpy.run_path, args=("put_alone.py",))
    process.start()
    process.join(60)
    assert process.exitcode == 0
""")
    shown = subprocess.run([*QUIET[:-1], "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [record.data for record in server.records("orders")] == [b"worker"]


def test_kinetik_does_not_load_multiprocessing():
    program = "import sys, kinetik; print('multiprocessing.util' in sys.modules)"
    shown = subprocess.run([*QUIET, program], capture_output=True, text=True, timeout=60)
    assert (shown.stdout, shown.stderr) == ("False\n", "")


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_what_a_worker_of_a_main_module_that_imports_kinetik_put_is_delivered(server, tmp_path, method):
    server.create_stream("orders")
    (tmp_path / "main.py").write_text(f"""
import multiprocessing
import kinetik

def put():
    producer = kinetik.Producer("orders", aggregate=True, endpoint={server.endpoint!r}, linger=60.0)
    producer.put("k", b"worker")

if __name__ == "__main__":
    process = multiprocessing.get_context({method!r}).Process(target=put)
    process.start()
    process.join(60)
    assert process.exitcode == 0
""")
    shown = subprocess.run([*QUIET[:-1], "main.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert [record.data for record in server.records("orders")] == [b"worker"]

"""How producers run in other people's processes: docs/running.md under gunicorn, preStop and SIGTERM; poll mode."""

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

import kinetik
from kinetik import Producer

PAGE = (Path(__file__).parents[2] / "docs" / "running.md").read_text()

APP = """
import os, kinetik
producer = kinetik.Producer("orders", aggregate=True, endpoint=os.environ["ENDPOINT"], stamp=True, linger=60.0)
producer.put("master", b"master")

def app(environ, start_response):
    producer.put("worker", b"%d" % os.getpid())
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def gunicorn_config():
    (block,) = [block for block in blocks("python") if block.startswith("# gunicorn.conf.py")]
    return block


@pytest.mark.parametrize("config", [gunicorn_config(), "preload_app = True"], ids=["worker_exit", "at exit"])
def test_what_gunicorn_workers_of_a_preloaded_app_put_is_delivered(server, tmp_path, config):
    pytest.importorskip("gunicorn")
    server.create_stream("orders", 2)
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(config)
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:0", "app:app"],
        cwd=tmp_path,
        env={**os.environ, "ENDPOINT": server.endpoint},
        stderr=subprocess.PIPE,
        text=True,
    )
    told = []
    for line in process.stderr:
        told.append(line)
        if found := re.search(r"Listening at: (http://127.0.0.1:\d+)", line):
            break
    answered = [urllib.request.urlopen(found[1], timeout=30).read() for _ in range(40)]
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 0, "".join(told) + rest
    records = [record.data for record in server.records("orders")]
    assert sorted(records) == sorted([b"master", *answered])
    with kinetik.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=server, drop_duplicates=True) as reader:
        assert len(list(reader)) == 41, "workers do not share numbers"


def test_the_pod_has_time_to_sleep_and_to_close():
    (pod,) = blocks("yaml")
    grace = int(re.search(r"terminationGracePeriodSeconds: (\d+)", pod)[1])
    command = re.findall(r'"([^"]+)"', re.search(r"command: \[(.*)\]", pod)[1])
    assert command[0] == "sleep" and subprocess.run([command[0], "0"]).returncode == 0
    closes = [float(found) for found in re.findall(r"close\(timeout=([\d.]+)\)", PAGE)]
    assert closes and grace >= int(command[1]) + max(closes)


def threads():
    return len(os.listdir("/proc/self/task"))


def test_poll_mode_has_no_thread_and_completes_futures_when_polled(engine):
    engine.create_stream("orders")
    before = threads()
    with Producer("orders", aggregate=True, endpoint=engine, poll_mode=True) as producer:
        futures = [producer.submit("k", b"x") for _ in range(10)]
        producer.put("k", b"y")
        assert producer.next_wakeup() == 0
        assert not any(future.done() for future in futures)
        while not all(future.done() for future in futures):
            producer.poll(1.0)
        assert all(future.result().attempts == 1 for future in futures)
        assert producer.next_wakeup() is None and producer.poll() == 0
        assert producer.put_and_wait("k", b"z").attempts == 1
        assert threads() == before
    assert producer.ledger.delivered.records == 12


def test_poll_mode_calls_the_failure_callback_on_the_thread_that_polls(engine):
    engine.create_stream("orders")
    engine.faults.fail("PutRecords", "AccessDeniedException", times=1)
    told = []

    def on_failure(failures):
        told.extend((failure.data, threading.get_ident()) for failure in failures)

    producer = Producer("orders", aggregate=True, endpoint=engine, poll_mode=True, on_failure=on_failure)
    producer.put("k", b"x")
    with pytest.raises(kinetik.DeliveryError):
        producer.flush()
    assert told == [(b"x", threading.get_ident())]


def test_poll_is_for_poll_mode_alone_and_asyncio_refuses_it(engine):
    import asyncio

    from kinetik import aio

    engine.create_stream("orders")
    with Producer("orders", aggregate=True, endpoint=engine) as producer:
        assert producer.next_wakeup() is None
        with pytest.raises(kinetik.KinetikError, match="poll"):
            producer.poll()

    async def opened():
        async with aio.Producer("orders", aggregate=True, endpoint=engine, poll_mode=True):
            pass

    with pytest.raises(kinetik.KinetikError, match="poll_mode"):
        asyncio.run(opened())


def test_what_a_poll_mode_producer_holds_is_delivered_at_exit(server):
    server.create_stream("orders")
    program = f"""
import kinetik
producer = kinetik.Producer("orders", aggregate=True, endpoint={server.endpoint!r}, poll_mode=True)
producer.put("k", b"x")
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert len(server.records("orders")) == 1

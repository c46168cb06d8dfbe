"""What a record costs `kinetik tail -e`, read from `kinetik serve` over HTTP and written as a line to /dev/null.

CPU time of the whole command, its start included, in turns, the median of the rounds. Run on a release build, as `make bench`
does.

    build/venv/bin/python benches/tail.py
"""

import os
import resource
import statistics
import subprocess
from pathlib import Path

import kinetik

COMMAND = Path(__file__).parents[1] / "target" / "release" / "kinetik"
SIZES = {100: 200_000, 1000: 80_000}
FORMS = {"plain": [], "--json": ["--json"]}
ROUNDS = 7


def fill(url, size, count):
    """A stream of records that are text."""
    stream = f"bytes-{size}"
    kinetik.client("kinesis", endpoint_url=url).create_stream(StreamName=stream, ShardCount=4)
    with kinetik.Producer(stream, aggregate=False, endpoint=url, shard_limit=False) as producer:
        producer.put_many([(f"key-{n}", os.urandom(size // 2).hex().encode()) for n in range(count)])
    return stream


def tail(url, stream, form, output):
    return subprocess.run([COMMAND, "tail", stream, "-e", "--endpoint-url", url, *form], stdout=output, check=True)


def spent():
    """The CPU seconds of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main():
    server = subprocess.Popen([COMMAND, "serve", "--port", "0", "--quotas", "off"], stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        streams = {size: fill(url, size, count) for size, count in SIZES.items()}
        cases = [(size, form) for size in SIZES for form in FORMS]
        for size, form in cases:
            assert tail(url, streams[size], FORMS[form], subprocess.PIPE).stdout.count(b"\n") == SIZES[size]
        micros = {case: [] for case in cases}
        for _ in range(ROUNDS):
            for size, form in cases:
                before = spent()
                tail(url, streams[size], FORMS[form], subprocess.DEVNULL)
                micros[size, form].append((spent() - before) / SIZES[size] * 1e6)
        for (size, form), rounds in micros.items():
            name = f"kinetik tail, {form}, {size} B"
            print(f"{name:<28} {statistics.median(rounds):7.2f} us a record")
    finally:
        server.terminate()
        server.wait()


main()

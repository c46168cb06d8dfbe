"""What the boundary costs: CPU time of the calling thread, the best of many windows. Run on a release build.

    python benches/boundary.py
"""

import time

import kinetik

WINDOW = 20_000
ROUNDS = 40
KEY, DATA = "user-1234567890", bytes(range(200))
RECORDS = [(f"user-{n:010}", DATA) for n in range(WINDOW)]


def best(window, between, rounds=ROUNDS):
    """Nanoseconds of one call: the least of `rounds` windows, each of which makes WINDOW calls."""
    least = float("inf")
    for _ in range(rounds):
        began = time.thread_time_ns()
        window()
        least = min(least, time.thread_time_ns() - began)
        between()
    return least / WINDOW


def loop(call):
    def window():
        for _ in range(WINDOW):
            call(KEY, DATA)

    return window


def nothing(key, data):
    """A Python function, for scale."""


def put_rows():
    """Each row with a producer and an engine of its own, so that none pays for what another stored."""
    rows = [("an empty Python function", best(loop(nothing), lambda: None), None)]
    calls = {
        "put(key, 200 B)": (lambda producer: loop(producer.put), 100),
        "put_nowait(key, 200 B)": (lambda producer: loop(producer.put_nowait), 100),
        "put_many([(key, 200 B)])": (lambda producer: lambda: producer.put_many(RECORDS), 45),
    }
    for name, (window, limit) in calls.items():
        engine = kinetik.Engine(quotas=False)
        engine.create_stream("bench", 4)
        with kinetik.Producer("bench", aggregate=True, endpoint=engine) as producer:
            rows.append((name, best(window(producer), producer.flush), limit))
    return rows


def main():
    rows = put_rows()
    engine = kinetik.Engine(quotas=False)
    engine.create_stream("bench", 4)
    with kinetik.Producer("bench", aggregate=True, endpoint=engine) as producer:
        producer.put_many(RECORDS)
    with kinetik.Reader("bench", start="TRIM_HORIZON", until="now", endpoint=engine) as reader:
        batches = list(reader.batches())
    assert sum(map(len, batches)) == WINDOW
    read = {
        "list(batch)": lambda: [list(batch) for batch in batches],
        "record.key, record.data": lambda: [(r.key, r.data) for batch in batches for r in batch],
        "batch.keys(), batch.data()": lambda: [(batch.keys(), batch.data()) for batch in batches],
    }
    limits = {"record.key, record.data": 150}
    rows += [(name, best(window, lambda: None), limits.get(name)) for name, window in read.items()]
    for name, nanos, limit in rows:
        goal = f"   goal {limit}" if limit else ""
        print(f"{name:<28} {nanos:8.1f} ns{goal}")


if __name__ == "__main__":
    main()

"""The main job on real input: a tutorial's put_record, then every flight out and back in Python, Node and C."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import flights
import kinetik

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DATA = ROOT / "build" / "data"
COMMAND = ROOT / "target" / "release" / "kinetik"
STREAM, SHARDS = "flights", 4
PART = 50_000
CHUNK = 5_000


def main() -> int:
    wrong: list[str] = []
    with Service("--quotas", "off") as service:
        headline("The tutorial's program, unchanged, with boto3; then with kinetik.client")
        wrong += tutorial(service)

        headline("336,776 flights: JSON building")
        records = flights.load(DATA)
        part = DATA / "flights-part.tsv"
        flights.write_part(records[:PART], part)
        print(f"{len(records):,} records, {sum(len(data) for _, data in records) / 1e6:.1f} MB")

        runs = [
            python_run("Python, memory://", records, "memory://demo?quotas=off"),
            python_run("Python, HTTP", records, service.endpoint),
            other_run("Node, memory://", ["node", ROOT / "examples/node/flights.mjs"], part, "memory://demo?quotas=off"),
            other_run("Node, HTTP", ["node", ROOT / "examples/node/flights.mjs"], part, service.endpoint),
            other_run("C, memory://", [ROOT / "build/flights-c"], part, "memory://demo?quotas=off"),
            other_run("C, HTTP", [ROOT / "build/flights-c"], part, service.endpoint),
        ]
    with Service("--quotas", "on") as service:
        headline("The same with the service's quotas: 1 MiB/s in and 2 MiB/s out a shard, so this takes most of a minute")
        runs.append(python_run("Python, HTTP, quotas", records, service.endpoint, quotas=True))

    table(runs)
    shares(runs[0])
    limits(runs[-1])
    wrong += [f"{run['name']}: {problem}" for run in runs for problem in run["wrong"]]
    wrong += [f"{run['name']}: {run['failures']} records failed" for run in runs if run["failures"]]
    for problem in wrong:
        print(f"WRONG  {problem}", file=sys.stderr)
    if not wrong:
        print("\nEvery record came back once, in its shard's order, on the shard that holds its key's hash.")
    return 1 if wrong else 0


class Service:
    """`kinetik serve` on a free port, until the block is left."""

    def __init__(self, *options: str) -> None:
        self.options = options

    def __enter__(self) -> "Service":
        words = [COMMAND, "serve", "--port", "0", *self.options]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            sys.exit(f"the server did not start: {line!r}")
        self.endpoint = "http://" + line.split("http://", 1)[1].split()[0].rstrip("/")
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()


def tutorial(service: Service) -> list[str]:
    client = kinetik.client("kinesis", endpoint_url=service.endpoint, region_name="us-east-1")
    client.create_stream(StreamName="my-kinesis-stream", ShardCount=1)
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL_KINESIS": service.endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "example",
        "AWS_SECRET_ACCESS_KEY": "example",
    }
    numbers = []
    for program in ("tutorial.py", "tutorial_kinetik.py"):
        done = subprocess.run(
            [sys.executable, HERE / program], env=environment, capture_output=True, text=True
        )
        print(f"{program:<20} {done.stdout.strip() or done.stderr.strip()}")
        numbers.append(int(done.stdout) if done.stdout.strip().isdigit() else -1)
    ascending = 0 < numbers[0] < numbers[1]
    return [] if ascending else [f"tutorial: sequence numbers {numbers} do not ascend"]


def python_run(name: str, records: list[tuple[str, bytes]], endpoint: str, *, quotas: bool = False) -> dict:
    client = kinetik.client("kinesis", endpoint_url=endpoint, region_name="us-east-1")
    client.create_stream(StreamName=STREAM, ShardCount=SHARDS)
    failures: list = []
    started, cpu = time.perf_counter(), time.process_time()
    with kinetik.Producer(STREAM, aggregate=True, endpoint=endpoint, shard_limit=quotas, on_failure=failures.extend) as producer:
        for first in range(0, len(records), CHUNK):
            producer.put_many(records[first : first + CHUNK])
        producer.flush(timeout=300.0)
        sent = time.perf_counter()
    batches = []
    with kinetik.Reader(STREAM, start="TRIM_HORIZON", until="now", endpoint=endpoint) as reader:
        for batch in reader.batches(max_records=10_000):
            batches.append(list(batch))
    ended, cpu_ended = time.perf_counter(), time.process_time()

    received = [record for batch in batches for record in batch]
    wrong = flights.check(records, received, shard_ranges(client))
    client.delete_stream(StreamName=STREAM)
    by_shard = Counter(record.shard_id for record in received)
    bytes_by_shard = Counter()
    for record in received:
        bytes_by_shard[record.shard_id] += len(record.key) + len(record.data)
    kinesis_records = len({(record.shard_id, record.sequence_number) for record in received})
    run = {
        "name": name,
        "records": len(received),
        "kinesis_records": kinesis_records,
        "bytes": sum(len(data) for _, data in records),
        "seconds": ended - started,
        "put_seconds": sent - started,
        "cpu": cpu_ended - cpu,
        "failures": len(failures),
        "shards": dict(sorted(by_shard.items())),
        "shard_bytes": dict(sorted(bytes_by_shard.items())),
        "keys": Counter(key for key, _ in records).most_common(5),
        "wrong": wrong,
    }
    progress(run)
    return run


def other_run(name: str, command: list, part: Path, endpoint: str) -> dict:
    words = [*command, "--endpoint", endpoint, "--stream", name.split(",")[0].lower() + "-flights", "--file", part, "--shards", str(SHARDS)]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    try:
        run = {"name": name, "wrong": [], **json.loads(done.stdout)}
    except ValueError:
        run = {"name": name, "records": 0, "kinesis_records": 0, "bytes": 0, "seconds": 0.0, "failures": 0, "wrong": []}
    if done.returncode or run["records"] != PART:
        run["wrong"].append(f"status {done.returncode}, {run['records']} records: {done.stderr.strip()[-500:]}")
    progress(run)
    return run


def shard_ranges(client) -> dict[str, tuple[int, int]]:
    shards = client.list_shards(StreamName=STREAM)["Shards"]
    return {
        shard["ShardId"]: (
            int(shard["HashKeyRange"]["StartingHashKey"]),
            int(shard["HashKeyRange"]["EndingHashKey"]),
        )
        for shard in shards
    }


def headline(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m", flush=True)


def progress(run: dict) -> None:
    state = "verified" if not run["wrong"] else "WRONG"
    print(f"{run['name']:<22} {run['records']:>8,} records in {run['seconds']:6.2f} s, {state}", flush=True)


def table(runs: list[dict]) -> None:
    headline("What it took: put, flush and read back; JSON building and verification apart")
    print(f"{'run':<22} {'user records':>12} {'Kinesis':>8} {'ratio':>6} {'MB':>7} {'seconds':>8} {'records/s':>11} {'failures':>8}")
    for run in runs:
        ratio = run["records"] / max(run["kinesis_records"], 1)
        rate = run["records"] / run["seconds"] if run["seconds"] else 0
        print(
            f"{run['name']:<22} {run['records']:>12,} {run['kinesis_records']:>8,} {ratio:>6.1f} {run['bytes'] / 1e6:>7.1f}"
            f" {run['seconds']:>8.2f} {rate:>11,.0f} {run['failures']:>8}"
        )


def shares(run: dict) -> None:
    headline("Share of each shard, and the hottest keys")
    for shard, count in run["shards"].items():
        share = count / run["records"]
        print(f"{shard}  {'█' * round(share * 100):<40} {share:6.1%}")
    print("  ".join(f"{key} {count}" for key, count in run["keys"]))


def limits(run: dict) -> None:
    headline("With quotas: what each shard took a second, of the 1 MiB/s that it takes")
    for shard, taken in run["shard_bytes"].items():
        rate = taken / 2**20 / run["put_seconds"]
        print(f"{shard}  {'█' * round(rate * 40):<40} {rate:5.2f} MiB/s")
    print(f"{run['failures']} failures: the producer waits for its shards")


if __name__ == "__main__":
    sys.exit(main())

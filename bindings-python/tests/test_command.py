"""The command in the package."""

import subprocess
import sys

import kinetik


def run(*words):
    return subprocess.run([sys.executable, "-m", "kinetik", *words], capture_output=True, text=True, timeout=60)


def test_the_command_lists_the_streams_of_a_server(server):
    server.create_stream("orders", 2)
    shown = run("streams", "--endpoint-url", server.endpoint, "--region", "us-east-1")
    assert shown.returncode == 0, shown.stderr
    assert "orders" in shown.stdout


def test_help_names_the_commands_and_a_wrong_word_is_a_usage_error():
    assert "serve" in run("--help").stdout
    assert run("serv").returncode == 2
    assert kinetik.__version__ in run("--version").stdout


def test_put_takes_lines_from_standard_input_and_tells_what_failed(server):
    server.create_stream("orders")
    words = ["put", "orders", "--aggregate", "true", "-K", ":", "--endpoint-url", server.endpoint]
    command = [sys.executable, "-m", "kinetik", *words]
    shown = subprocess.run(command, input="ann:1\nbob:2\n", capture_output=True, text=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "kinetik: 2 records delivered, 0 failed\n")
    assert sorted(record.data for record in server.records("orders")) == [b"1", b"2"]
    shown = subprocess.run(command, input="nothing\n", capture_output=True, text=True, timeout=60)
    assert shown.returncode == 1

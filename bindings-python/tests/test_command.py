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

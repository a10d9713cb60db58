"""The command, as a user types it."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.acceptance.functions import Maker
from tests.acceptance.server import Server

LAMBDAD = str(Path(sys.executable).parent / "lambdad")


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDAD_"))}
    return subprocess.run(
        [LAMBDAD, *arguments], capture_output=True, text=True, timeout=60, input=stdin, env=environment, check=False
    )


def test_up_says_one_line_when_it_is_ready(server: Server) -> None:
    assert server.url in server.ready_line
    assert "namespaces" in server.ready_line
    assert re.search(r"python3\.\d+", server.ready_line)


def test_doctor_tells_what_the_host_offers() -> None:
    result = run("doctor")
    assert result.returncode == 0, result.stderr
    for word in ("namespaces", "cgroup", "python3."):
        assert word in result.stdout


def test_invoke(server: Server, make: Maker) -> None:
    function = make.python_function(
        "def handler(event, context):\n    print('to the log')\n    return {'got': event}\n",
    )
    result = run("invoke", function.name, "--payload", '{"a": 1}', "--tail", "--endpoint-url", server.url)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {"got": {"a": 1}}
    assert "to the log" in result.stderr
    result = run("invoke", function.name, "--payload", "-", "--endpoint-url", server.url, stdin="[2]")
    assert json.loads(result.stdout) == {"got": [2]}


def test_invoke_of_a_function_that_fails(server: Server, make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    raise KeyError('k')\n")
    result = run("invoke", function.name, "--endpoint-url", server.url)
    assert result.returncode == 1
    assert "KeyError" in result.stderr + result.stdout
    assert 'File "/usr' not in result.stderr


def test_invoke_of_nothing(server: Server) -> None:
    result = run("invoke", "nobody", "--endpoint-url", server.url)
    assert result.returncode == 1
    assert "Function not found" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_server() -> None:
    result = run("invoke", "x", "--endpoint-url", "http://127.0.0.1:1")
    assert result.returncode == 1
    assert "lambdad up" in result.stderr
    assert "Traceback" not in result.stderr


def test_logs_follows(server: Server, make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    print('line', event['n'])\n")
    function.invoke({"n": 1})
    follower = subprocess.Popen(
        [LAMBDAD, "logs", function.name, "-f", "--endpoint-url", server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert follower.stdout is not None
    seen = []
    try:
        for line in follower.stdout:
            seen.append(line)
            if "line 1" in line:
                function.invoke({"n": 2})
            if "line 2" in line:
                break
    finally:
        follower.send_signal(signal.SIGINT)
        follower.wait(20)
        follower.stdout.close()
    assert any("line 2" in line for line in seen)


def test_env_can_be_evaluated_by_a_shell() -> None:
    result = subprocess.run(
        ["sh", "-c", f'eval "$({LAMBDAD} env)"; echo $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID $AWS_DEFAULT_REGION'],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PATH": os.environ["PATH"]},
    )
    assert result.stdout.startswith("http://127.0.0.1:4566 ")
    assert len(result.stdout.split()) == 3


def test_help_is_worth_reading() -> None:
    for command in ("up", "doctor", "invoke", "logs", "env"):
        result = run(command, "--help")
        assert result.returncode == 0
        assert len(result.stdout.splitlines()) > 5

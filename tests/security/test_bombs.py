"""Whoever takes what there is gets no more than is theirs, is told so in Lambda's words, and others are answered meanwhile."""

import json
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import pytest

from lambdad.sandbox.host import inspect
from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server
from tests.security.functions import ATTACKER, SECRET

_ANSWERS = 5
"""Of the victim, at least, while a bomb goes off."""


@pytest.fixture
def bomb(make: Maker, victim: Function) -> Iterator[Callable[..., Any]]:
    """Runs `source` in a function of its own, with the victim answering meanwhile; answers what the call came to."""

    def explode(source: str, **settings: Any) -> Any:
        function = make.python_function(ATTACKER, **{"MemorySize": 256, "Timeout": 5, **settings})
        answer = besides(victim, lambda: function.call({"source": source}))
        payload = json.loads(answer["Payload"].read())
        assert function.invoke({"source": "answer = 'again'"}) == "again", "it is whole again"
        return payload

    return explode


@pytest.fixture
def limits(server: Server) -> bool:
    """Whether control groups limit memory and processes."""
    return not server.prefix and os.geteuid() == 0 and inspect(None, "").cgroups.version > 0


def besides(victim: Function, work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        answered = 0
        while not working.done() or answered < _ANSWERS:
            assert victim.invoke()["secret"] == SECRET
            answered += 1
        return working.result()


def test_fork_bomb(bomb: Callable[..., Any], limits: bool) -> None:
    source = """
answer = 0
try:
    while answer < 5000:
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
            os._exit(0)
        answer += 1
except BlockingIOError:
    pass
"""
    made = bomb(source, MemorySize=3008, Timeout=60)
    if limits:
        assert isinstance(made, int) and 500 < made <= 1024, made
    else:  # each process is counted whole, though all share their memory
        assert made in range(500, 1025) or made["errorType"] == "Runtime.ExitError", made


def test_fork_bomb_without_end(bomb: Callable[..., Any]) -> None:
    source = """
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    told = bomb(source, Timeout=3)
    assert told["errorType"] in ("Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory"), told


def test_thread_bomb(bomb: Callable[..., Any]) -> None:
    source = """
answer, wait = 0, threading.Event()
try:
    while answer < 5000:
        threading.Thread(target=wait.wait, daemon=True).start()
        answer += 1
except RuntimeError:
    pass
wait.set()
"""
    made = bomb(source, MemorySize=3008, Timeout=60)
    assert isinstance(made, int) and 500 < made <= 1024, made


@pytest.mark.parametrize(
    "source",
    [
        "data = []\nwhile True:\n    data.append(bytearray(10_000_000))",
        "data = b'x' * 3_000_000_000",
        "import mmap\nmemory = mmap.mmap(-1, 3_000_000_000)\nfor at in range(0, len(memory), 4096):\n    memory[at] = 1",
        "while os.fork():\n    pass\ndata = bytearray(1_000_000_000)\ntime.sleep(60)",
    ],
    ids=["lists", "at once", "shared", "in children"],
)
def test_memory_bomb(bomb: Callable[..., Any], source: str) -> None:
    told = bomb(source, MemorySize=128, Timeout=20)
    assert told["errorType"] in ("Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout", "MemoryError", "OSError"), told


def test_disk_bomb(bomb: Callable[..., Any]) -> None:
    source = """
written = 0
try:
    with open("/tmp/full", "wb", buffering=0) as file:
        while True:
            written += file.write(bytes(1_000_000))
except OSError as error:
    answer = [errno.errorcode[error.errno], written]
os.unlink("/tmp/full")
"""
    error, written = bomb(source, Timeout=60)
    assert error == "ENOSPC"
    assert 500 * 2**20 < written <= 512 * 2**20


def test_inode_bomb(bomb: Callable[..., Any]) -> None:
    source = """
made = 0
try:
    while made < 2_000_000:
        os.close(os.open("/tmp/%d" % made, os.O_CREAT, 0o600))
        made += 1
except OSError as error:
    answer = [errno.errorcode[error.errno], made]
"""
    told = bomb(source, MemorySize=1024, Timeout=60)
    assert isinstance(told, list), told
    assert told[0] == "ENOSPC"
    assert 30_000 <= told[1] <= 200_000


def test_descriptor_bomb(bomb: Callable[..., Any]) -> None:
    source = """
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    answer = [errno.errorcode[error.errno], len(held)]
for descriptor in held:
    os.close(descriptor)
"""
    error, held = bomb(source)
    assert (error, held > 900, held < 1024) == ("EMFILE", True, True)


def test_log_flood(bomb: Callable[..., Any]) -> None:
    source = """
line = ("x" * 1000 + chr(10)).encode()
for _ in range(100_000):
    os.write(1, line)
answer = "written"
"""
    assert bomb(source, Timeout=60) == "written"


def test_a_long_line_without_an_end(bomb: Callable[..., Any]) -> None:
    source = """
for _ in range(500):
    os.write(2, b"x" * 100_000)
answer = "written"
"""
    assert bomb(source, Timeout=60) == "written"


def test_an_answer_of_a_gigabyte(make: Maker, victim: Function) -> None:
    """Said to the Runtime API by a runtime of the function's own, in chunks without a length."""
    function = make.create({"bootstrap": GREEDY}, Runtime="provided.al2023", Handler="none", Timeout=30)
    answer = besides(victim, function.call)
    told = json.loads(answer["Payload"].read())
    assert told["errorType"] == "Function.ResponseSizeTooLarge", told
    assert re.search(r"exceeded maximum allowed payload size \(6291556 bytes\)", told["errorMessage"])


GREEDY = """#!/usr/bin/python3
import http.client, os
def body():
    for _ in range(1024):
        yield bytes(1 << 20)
while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    answer.read()
    path = "/2018-06-01/runtime/invocation/%s/response" % answer.headers["Lambda-Runtime-Aws-Request-Id"]
    try:
        api.request("POST", path, body(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        api.getresponse().read()
    except OSError:
        pass
    api.close()
"""


@pytest.mark.parametrize("where", ["AWS_LAMBDA_RUNTIME_API", "AWS_ENDPOINT_URL"])
def test_a_header_of_megabytes(make: Maker, victim: Function, where: str) -> None:
    source = f"""#!/usr/bin/python3
import http.client, json, os, socket
host, port = os.environ[{where!r}].removeprefix("http://").split(":")
def told(request):
    with socket.create_connection((host, int(port)), timeout=10) as one:
        try:
            one.sendall(request)
            return one.recv(100).split(b" ")[1].decode()
        except OSError as error:
            return type(error).__name__
while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    answer.read()
    seen = [told(b"GET / HTTP/1.1\\r\\nHost: x\\r\\nX-Long: " + b"x" * 3_000_000 + b"\\r\\n\\r\\n"),
            told(b"GET /" + b"x" * 3_000_000 + b" HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"),
            told(b"".join(b"X-%d: y\\r\\n" % n for n in range(300_000)).join([b"GET / HTTP/1.1\\r\\n", b"\\r\\n"]))]
    path = "/2018-06-01/runtime/invocation/%s/response" % answer.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", path, json.dumps(seen))
    api.getresponse().read()
    api.close()
"""
    function = make.create({"bootstrap": source}, Runtime="provided.al2023", Handler="none", Timeout=60)
    seen = besides(victim, function.invoke)
    assert set(seen) <= {"400", "414", "431", "ConnectionResetError", "BrokenPipeError"}, seen


def test_half_open_calls(make: Maker, victim: Function, server: Server) -> None:
    source = """#!/usr/bin/python3
import http.client, json, os, socket
host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
where = [(host, int(port)), (host, int(os.environ["AWS_ENDPOINT_URL"].rpartition(":")[2]))]
while True:
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    answer.read()
    held = []
    try:
        for number in range(1200):
            one = socket.socket()
            one.settimeout(1)
            held.append(one)
            one.connect(where[number % 2])
            one.sendall(b"POST /2018-06-01/runtime/init/error HTTP/1.1\\r\\nContent-Length: 1000000\\r\\nX")
    except OSError:
        pass
    path = "/2018-06-01/runtime/invocation/%s/response" % answer.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", path, json.dumps(len(held)))
    api.getresponse().read()
    api.close()
"""
    function = make.create({"bootstrap": source}, Runtime="provided.al2023", Handler="none", Timeout=60)
    try:
        held = besides(victim, function.invoke)
        assert 0 < held <= 1024
    except (AssertionError, botocore.exceptions.ClientError):
        assert victim.invoke()["secret"] == SECRET
        raise
    assert server.process.poll() is None
    fresh = make.python_function("def handler(event, context):\n    return 'fresh'\n")
    assert fresh.invoke() == "fresh", "lambdad has descriptors left"

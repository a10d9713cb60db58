"""Too large, too many, too slow: clients that take what they can get."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server
from tests.security.functions import ATTACKER, SECRET
from tests.security.wire import SECONDS, exchange, statuses

MB = 1024 * 1024
ECHO = "def handler(event, context): return 'x' * 5_000_000"


def head(server: Server, start: str = "GET /", rest: str = "") -> bytes:
    return f"{start} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{rest}".encode()


def resident(server: Server) -> int:
    """Bytes of memory that lambdad has now."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


def descriptors(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


HEADS = {
    "a header of 1 MB": ("GET /", "X: " + "x" * MB + "\r\n\r\n"),
    "a header of 10 MB without an end": ("GET /", "X: " + "x" * 10 * MB),
    "100,000 headers": ("GET /", "".join(f"x{number}: y\r\n" for number in range(100_000)) + "\r\n"),
    "one header 100,000 times": ("GET /", "x:\r\n" * 100_000 + "\r\n"),
    "1,000 short headers": ("GET /", "".join(f"x{number}:\r\n" for number in range(1000)) + "\r\n"),
    "a URL of 1 MB": ("GET /" + "x" * MB, "\r\n"),
    "a query of 1 MB": ("GET /?" + "x&" * (MB // 2), "\r\n"),
    "trailers of 10 MB": ("POST /", "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + "x" * 10 * MB),
    "100,000 trailers": ("POST /", "Transfer-Encoding: chunked\r\n\r\n0\r\n" + "x:\r\n" * 100_000 + "\r\n"),
    "a chunk's extension of 10 MB": ("POST /", "Transfer-Encoding: chunked\r\n\r\n1;x=" + "x" * 10 * MB),
}


@pytest.mark.parametrize("kind", HEADS)
def test_heads_that_are_too_long(server: Server, victim: Function, kind: str) -> None:
    before = resident(server)
    assert statuses(exchange(server.port, head(server, *HEADS[kind]), end=False)) == [431]
    assert resident(server) - before < 8 * MB


def test_bodies_that_are_too_long(server: Server, victim: Function) -> None:
    """They are refused as soon as that is known, with a length before the first byte."""
    invoke = f"POST /2015-03-31/functions/{victim.name}/invocations"
    create, configure = "POST /2015-03-31/functions", f"PUT /2015-03-31/functions/{victim.name}/configuration"
    for start, limit in ((invoke, 6_291_456), (create, 70_167_211), (configure, 8 * MB), ("POST /", 8 * MB)):
        claimed = head(server, start, f"Content-Length: {limit + 1}\r\n\r\n")
        assert statuses(exchange(server.port, claimed)) == [413]
        chunk = b"%x\r\n" % MB + b"x" * MB + b"\r\n"
        in_chunks = head(server, start, "Transfer-Encoding: chunked\r\n\r\n") + chunk * (limit // MB + 1)
        assert statuses(exchange(server.port, in_chunks, end=False)) == [413]


def test_a_body_in_tiny_chunks_takes_no_more_than_its_size(server: Server, victim: Function) -> None:
    size = 4 * MB
    data = head(server, f"POST /2015-03-31/functions/{victim.name}/invocations", "Transfer-Encoding: chunked\r\n\r\n")
    before = resident(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as one:
        one.sendall(data + b"2\r\nxx\r\n" * (size // 2))
        # No end of the body: what has come is held. A request on the same connection can't pass it, one on another one does.
        assert victim.invoke()["secret"] == SECRET
        assert resident(server) - before < 4 * size


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Server]:
    """A lambdad that takes few connections."""
    running = Server(tmp_path / "data", ["--connections", "50"]).start()
    yield running
    assert running.stop() == 0


def connected(server: Server, stack: ExitStack, count: int) -> list[socket.socket]:
    return [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)) for _ in range(count)]


def test_thousands_of_connections_that_say_nothing_or_half_of_it(small: Server) -> None:
    make = Maker(small.client("lambda"), newest_python(small))
    function = make.python_function("def handler(event, context): return event")
    assert function.invoke("before") == "before"
    before = descriptors(small)
    halves = (b"", head(small), head(small, "POST /", "Content-Length: 10\r\n\r\n12345"))
    with ExitStack() as stack:
        for half in halves * 5:
            for one in connected(small, stack, 200):
                try:
                    one.sendall(half)
                except ConnectionError:
                    pass  # pushed out already
            assert function.invoke(half.decode()) == half.decode()
        assert descriptors(small) < before + 200
    assert function.invoke("after") == "after"


def test_connections_with_requests_in_progress_are_not_pushed_out(small: Server) -> None:
    queues = small.client("sqs")
    url = queues.create_queue(QueueName="slow")["QueueUrl"]
    scope = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host"
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20})
    poll = head(
        small,
        "POST /",
        f"Authorization: {scope}, Signature={'0' * 64}\r\nX-Amz-Date: 20260101T000000Z\r\n"
        "X-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}",
    )
    with ExitStack() as stack:
        (waiting,) = connected(small, stack, 1)
        waiting.sendall(poll)
        # Once this one is answered, the poll before it has been read.
        queues.get_queue_url(QueueName="slow")
        connected(small, stack, 500)
        queues.send_message(QueueUrl=url, MessageBody="hello")
        assert b"hello" in waiting.recv(65536)


def test_a_client_that_reads_no_answers(server: Server, maker: Maker, victim: Function) -> None:
    """Of thirty answers of 5 MB a few are made ahead at most."""
    function = maker.python_function(ECHO)
    function.call()
    scope = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host"
    invoke = head(
        server,
        f"POST /2015-03-31/functions/{function.name}/invocations",
        f"Authorization: {scope}, Signature={'0' * 64}\r\nX-Amz-Date: 20260101T000000Z\r\nContent-Length: 2\r\n\r\n{{}}",
    )
    before = resident(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS) as one:
        one.sendall(invoke * 30)
        one.shutdown(socket.SHUT_WR)
        for _ in range(100):  # time enough for more of them
            assert victim.invoke()["secret"] == SECRET
        assert resident(server) - before < 64 * MB
        answer = b""
        while piece := one.recv(MB):  # late, it gets them all
            answer = answer[-100:] + piece
            assert b"HTTP/1.1 5" not in answer


def test_floods_from_inside(make: Maker, server: Server, victim: Function) -> None:
    """Connections to the endpoint and to the Runtime API, and bodies that never end: bounded for each environment."""
    function = make.python_function(ATTACKER, Timeout=60, MemorySize=1769)
    before = (resident(server), descriptors(server))
    source = """
kept = []
for address in (os.environ["AWS_ENDPOINT_URL"].split("//")[1], os.environ["AWS_LAMBDA_RUNTIME_API"]):
    host, port = address.split(":")
    for _ in range(400):
        try:
            kept.append(socket.create_connection((host, int(port)), timeout=5))
        except OSError:
            break
head = b"POST / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 70000000\\r\\n\\r\\n"
sent = 0
for _ in range(12):
    one = socket.create_connection(("127.0.0.1", int(os.environ["AWS_ENDPOINT_URL"].rsplit(":", 1)[1])), timeout=5)
    kept.append(one)
    try:
        one.sendall(head)
        for _ in range(60):
            one.sendall(bytes(1 << 20))
            sent += 1
    except OSError:
        pass
answer = [len(kept), sent]
sys.kept = kept  # until the environment ends
"""
    connections, sent = function.invoke({"source": source})
    assert connections > 300 and sent > 100
    assert victim.invoke()["secret"] == SECRET
    print(descriptors(server) - before[1], (resident(server) - before[0]) / MB, connections, sent)
    assert descriptors(server) - before[1] < 256 + 64 + 32
    assert resident(server) - before[0] < 256 * MB

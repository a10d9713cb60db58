"""Requests that two programs could read in two ways: refused, and nothing behind them is run."""

import json
from typing import Any

import pytest

from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server
from tests.security.functions import ATTACKER, SECRET
from tests.security.wire import AMBIGUOUS, OF_THE_EDGE, exchange, filled, plain, statuses

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=" + "0" * 64
)


def create_user(name: str) -> str:
    return f"Action=CreateUser&Version=2010-05-08&UserName={name}"


def headers(server: Server) -> str:
    form = "Content-Type: application/x-www-form-urlencoded\r\n"
    return f"Host: 127.0.0.1:{server.port}\r\nAuthorization: {AUTHORIZATION}\r\nX-Amz-Date: 20260101T000000Z\r\n{form}"


def users(server: Server) -> set[str]:
    return {user["UserName"] for user in server.client("iam").list_users()["Users"]}


def test_the_bytes_that_these_attacks_hide_would_do_something(server: Server, victim: Function) -> None:
    both = [plain(target="/", headers=headers(server), body=create_user(name)) for name in ("one", "two")]
    assert statuses(exchange(server.port, b"".join(both))) == [200, 200]
    assert {"one", "two"} <= users(server)
    for name in ("one", "two"):
        server.client("iam").delete_user(UserName=name)


@pytest.mark.parametrize("attack", AMBIGUOUS | OF_THE_EDGE)
def test_the_edge(server: Server, victim: Function, attack: str) -> None:
    hidden = plain(target="/", headers=headers(server), body=create_user("hidden"))
    host = f"127.0.0.1:{server.port}"
    first = filled((AMBIGUOUS | OF_THE_EDGE)[attack], target="/", headers=headers(server), host=host, body=create_user("first"))
    answer = exchange(server.port, first + hidden)
    told = statuses(answer)
    assert len(told) <= 1 and all(status in (400, 501, 505) for status in told), answer
    assert not told or b"\r\nConnection: close\r\n" in answer
    assert users(server).isdisjoint({"first", "hidden"})


def test_a_request_in_the_body_of_another_stays_there(server: Server, victim: Function) -> None:
    hidden = plain(target="/", headers=headers(server), body=create_user("hidden")).decode()
    for framing in (
        "Content-Length: LENGTH\r\n\r\nBODY",
        'Transfer-Encoding: chunked\r\n\r\nSIZE;a="b"\r\nBODY\r\n0\r\nX: y\r\n\r\n',
    ):
        request = filled("GET TARGET HTTP/1.1\r\nHEADERS" + framing, target="/", headers=headers(server), host="", body=hidden)
        assert len(statuses(exchange(server.port, request))) == 1
    assert "hidden" not in users(server)


SENDER = (
    ATTACKER
    + """
def exchange(address, data):
    host, port = address.rsplit(":", 1)
    answer = b""
    with socket.create_connection((host.split("//")[-1], int(port)), timeout=20) as one:
        try:
            one.sendall(data)
            one.shutdown(socket.SHUT_WR)
            while piece := one.recv(65536):
                answer += piece
        except ConnectionError:
            pass
    return answer.decode("latin-1")
"""
)


def test_the_runtime_api_and_the_endpoint_inside(make: Maker, server: Server, victim: Function) -> None:
    """A function can't be answered for by what hides in a request of its own code; nor is more than one request seen."""
    function = make.python_function(SENDER, Timeout=60)
    source = """
answer = {}
id = context.aws_request_id
for name, attack in event["attacks"].items():
    for address in (os.environ["AWS_LAMBDA_RUNTIME_API"], os.environ["AWS_ENDPOINT_URL"]):
        answer[f"{name}, {address}"] = exchange(address, attack.replace("REQUEST-ID", id).encode("latin-1"))
"""
    target, host = "/2018-06-01/runtime/invocation/REQUEST-ID/response", "Host: localhost\r\n"
    hidden = plain(target=target, headers=host, body='"hidden"').decode()
    attacks = {
        name: filled(attack, target=target, headers=host, host="localhost", body='"first"').decode("latin-1") + hidden
        for name, attack in AMBIGUOUS.items()
    }
    found: dict[str, Any] = function.invoke({"attacks": attacks, "source": source})
    assert len(found) == 2 * len(attacks)
    for name, answer in found.items():
        told = statuses(answer.encode("latin-1"))
        assert len(told) <= 1 and all(status >= 400 for status in told), (name, answer)
    honest = {"attacks": {"honest": plain(target=target, headers=host, body='"early"').decode()}, "source": source}
    assert function.invoke(honest) == "early", "user code may answer itself, and then has"
    assert victim.invoke()["secret"] == SECRET
    assert json.dumps(found).count("202 Accepted") == 0

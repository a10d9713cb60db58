"""Packages and runtimes that are made to do harm: refused when they come, or harmless when they run."""

import io
import json
import stat
import zipfile
from pathlib import Path

import botocore.exceptions
import pytest

from tests.acceptance.functions import ROLE, Function, Maker, zipped
from tests.security.functions import SECRET

_LINK, _FILE, _DEVICE = stat.S_IFLNK | 0o777, stat.S_IFREG | 0o644, stat.S_IFBLK | 0o666
_PACKAGES = {
    "above": [("../../../../tmp/lambdad-was-here", _FILE, b"x")],
    "absolute": [("/tmp/lambdad-was-here", _FILE, b"x")],
    "above, in a directory": [("a/../../lambdad-was-here", _FILE, b"x")],
    "link out": [("host", _LINK, b"/etc")],
    "link above": [("host", _LINK, b"../../..")],
    "file below a link": [("here", _LINK, b"/tmp"), ("here/lambdad-was-here", _FILE, b"x")],
    "two links": [("a", _LINK, b"b/.."), ("b", _LINK, b".."), ("app.py", _FILE, b"")],
    "device": [("disk", _DEVICE, b"")],
    "pipe": [("pipe", stat.S_IFIFO | 0o666, b"")],
}


def _package(entries: list[tuple[str, int, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, mode, content in entries:
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", _PACKAGES)
def test_a_malicious_package_is_refused_or_stays_inside(make: Maker, victim: Function, kind: str) -> None:
    """As a function's code and as a layer."""
    code = _package(_PACKAGES[kind])
    traces = [Path("/tmp/lambdad-was-here"), Path("/lambdad-was-here")]
    refused = botocore.exceptions.ClientError
    with pytest.raises(refused) as function:
        make.client.create_function(
            FunctionName="malicious", Runtime=make.python, Role=ROLE, Handler="app.handler", Code={"ZipFile": code}
        )
    with pytest.raises(refused) as layer:
        make.client.publish_layer_version(LayerName="malicious", Content={"ZipFile": code})
    for told in (function.value, layer.value):
        assert told.response["Error"]["Code"] == "InvalidParameterValueException"
        assert told.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert [path for path in traces if path.exists()] == []


_RUNTIMES = {
    "exits at once": ("exit 7", "Runtime.ExitError"),
    "kills itself": ("kill -9 $$", "Runtime.ExitError"),
    "kills and closes what it can, and never asks": (
        "kill -9 -1; kill -9 1; exec 0<&- 1>&- 2>&- 3>&- 4>&-; sleep 600",
        "Sandbox.Timedout",
    ),
}


@pytest.mark.parametrize("kind", _RUNTIMES)
def test_a_runtime_that_ignores_the_protocol(make: Maker, victim: Function, kind: str) -> None:
    command, error = _RUNTIMES[kind]
    bootstrap = zipped({"bootstrap": f"#!/bin/bash\n{command}\n"})
    function = make.create({}, Code={"ZipFile": bootstrap}, Runtime="provided.al2023", Handler="none", Timeout=2)
    assert function.fail()["errorType"] == error
    assert victim.invoke()["secret"] == SECRET


_LIES = {
    "answers another request": "post('/runtime/invocation/00000000-0000-4000-8000-000000000000/response', b'{}')",
    "answers twice": "post('/runtime/invocation/%s/response' % id, b'1'); post('/runtime/invocation/%s/response' % id, b'2')",
    "says that INIT failed, late": "post('/runtime/init/error', b'{}')",
    "asks for paths that are not there": "[post(path, b'') for path in ('/../../x', '/runtime/invocation//response', '/%00')]",
    "sends garbage": "raw(os.urandom(50000)); raw(b'GET  / HTTP/9.9' + bytes(100)); raw(b'\\r\\n' * 10000)",
    "sends lengths that lie": "raw(b'POST / HTTP/1.1\\r\\nContent-Length: -1\\r\\n\\r\\n'); "
    "raw(b'POST / HTTP/1.1\\r\\nContent-Length: 5\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\n')",
}
_LIAR = """#!/usr/bin/python3
import http.client, os, socket
API = os.environ["AWS_LAMBDA_RUNTIME_API"]
def post(path, body):
    api = http.client.HTTPConnection(API, timeout=3)
    try:
        api.request("POST", "/2018-06-01" + path, body)
        return api.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
def raw(data):
    host, port = API.split(":")
    with socket.create_connection((host, int(port)), timeout=3) as one:
        try:
            one.sendall(data)
            one.recv(1000)
        except OSError:
            pass
while True:
    api = http.client.HTTPConnection(API)
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = api.getresponse()
    answer.read()
    id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    LIE
    post("/runtime/invocation/%s/response" % id, b'"truth"')
"""


@pytest.mark.parametrize("kind", _LIES)
def test_a_runtime_that_lies(make: Maker, victim: Function, kind: str) -> None:
    """Its own request is answered with what it said first of it, or has failed; nobody else's is."""
    bootstrap = zipped({"bootstrap": _LIAR.replace("LIE", _LIES[kind])})
    function = make.create({}, Code={"ZipFile": bootstrap}, Runtime="provided.al2023", Handler="none", Timeout=20)
    for _ in range(2):
        answer = function.call()
        said = json.loads(answer["Payload"].read())
        assert said in ("truth", 1) or answer["FunctionError"] == "Unhandled", said
        assert victim.invoke()["secret"] == SECRET

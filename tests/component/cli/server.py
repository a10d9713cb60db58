"""A scripted HTTP server on loopback that speaks as much of AWS as the commands need."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

Answer = tuple[int, dict[str, str], bytes]
Script = Callable[[str, str, dict[str, str], bytes], Answer]


def ok(document: Any, **headers: str) -> Answer:
    return 200, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(document).encode()


def error(status: int, code: str, message: str) -> Answer:
    body = {"__type": code, "message": message, "Message": message, "Type": "User"}
    return status, {"x-amzn-ErrorType": code}, json.dumps(body).encode()


class FakeServer:
    """Answers what `script(operation, path, headers, body)` says; operation is the target's, or the HTTP method."""

    def __init__(self, script: Script) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            server_ref: ClassVar[FakeServer] = self

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                operation = headers.get("x-amz-target", self.command).split(".")[-1]
                self.server_ref.requests.append((operation, self.path, headers, body))
                status, extra, data = script(operation, self.path, headers, body)
                self.send_response(status)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FakeServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

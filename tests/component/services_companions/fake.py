"""A stand-in for the companions' program: `fake.py DESCRIPTOR`. The key of S3 that is asked for says how it behaves."""

import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        match self.path.split("/")[2:]:
            case ["die"]:
                os._exit(3)
            case ["hang"]:
                self.rfile.read()  # until the other side goes
            case ["nonsense"]:
                self.wfile.write(b"no HTTP\r\n\r\n")
                self.close_connection = True
            case ["cut"]:
                self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
                self.close_connection = True
            case ["size", size]:
                self.answer(200, b"x" * int(size))
            case ["status", status]:
                self.answer(int(status), b"")
            case ["slow"]:
                self.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                for piece in (b"2\r\nab\r\n", b"1\r\n", b"c\r", b"\n0\r\n\r\n"):
                    self.wfile.write(piece)
                    self.wfile.flush()
            case _:
                said = {"pid": os.getpid(), "headers": dict(self.headers.items()), "size": len(body)}
                self.answer(200, json.dumps(said).encode())

    do_PUT = do_HEAD = do_GET

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", "another")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        return


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    server = Server("unused", Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=int(sys.argv[1]))
    server.serve_forever()

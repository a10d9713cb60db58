"""A real browser, the server of the page it shows, and one that anybody may call."""

import json
import os
import queue
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

PAGE = Path(__file__).parent / "page.html"
EVIL = "evil.example"
ATTACKER = "127.0.0.2"
"""Where the page comes from; lambdad is on 127.0.0.1."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Attacker(Handler):
    """Serves the page under a name that later means lambdad's address: what is not the page's own, lambdad gets as it came,
    as it does once the name has been bound to 127.0.0.1."""

    told: queue.Queue[dict[str, str]]
    target: int

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.read()
        if path == "/page":
            self.answer(200, PAGE.read_bytes(), Content_Type="text/html")
        elif path == "/redirect":
            self.answer(307, Location=query)
        elif path == "/report":
            self.told.put(json.loads(body))
            self.answer(204)
        elif path == "/favicon.ico":
            self.answer(404)
        else:
            self.pass_on(body)

    do_POST = do_DELETE = do_OPTIONS = do_GET

    def pass_on(self, body: bytes) -> None:
        del self.headers["Connection"]
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        self.close_connection = True
        with socket.create_connection(("127.0.0.1", self.target), timeout=20) as one:
            one.sendall(self.raw_requestline + f"{head}Connection: close\r\n\r\n".encode("latin-1") + body)
            while piece := one.recv(65536):
                self.wfile.write(piece)


class Anybody(Handler):
    """Lets every page do everything: what arrives here would arrive at lambdad, too."""

    seen: list[str]

    def do_GET(self) -> None:
        self.read()
        self.seen.append(self.requestline)
        allowed = {"Access_Control_Allow_Origin": "*", "Access_Control_Allow_Headers": "*, Authorization"}
        self.answer(200, b"anybody", Access_Control_Allow_Methods="*", Content_Type="text/plain", **allowed)

    do_POST = do_DELETE = do_OPTIONS = do_GET


@contextmanager
def serving(handler: type[Handler], host: str, port: int = 0) -> Iterator[int]:
    server = ThreadingHTTPServer((host, port), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def command(profile: Path) -> list[str]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("no Chromium here")
    options = [
        "--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
        f"--user-data-dir={profile}", f"--host-resolver-rules=MAP {EVIL} {ATTACKER}",
        # Chromium's own guard of the local network would stop some of it before lambdad can.
        "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessForNavigations,BlockInsecurePrivateNetworkRequests",
        "--disable-popup-blocking",
    ]  # fmt: skip
    return [found, *options, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def attacked(profile: Path, lambdad: int, **attempt: Any) -> tuple[dict[str, str], list[str]]:
    """What the page could read, and what arrived where anybody is let in. `attempt`: what the page is told, but its bases."""
    told: queue.Queue[dict[str, str]] = queue.Queue()
    seen: list[str] = []
    attacker = type("_Attacker", (Attacker,), {"told": told, "target": lambdad})
    # The port is lambdad's, for a page may read what is of its own origin.
    with serving(attacker, ATTACKER, lambdad), serving(type("_Anybody", (Anybody,), {"seen": seen}), "127.0.0.1") as free:
        bases = [f"http://127.0.0.1:{lambdad}", f"http://localhost:{lambdad}", f"http://{EVIL}:{lambdad}"]
        known = quote(json.dumps({"bases": [*bases, f"http://127.0.0.1:{free}"], **attempt}))
        page = f"http://{EVIL}:{lambdad}/page#{known}"
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        browser = subprocess.Popen([*command(profile), "--remote-debugging-port=0", page], **quiet)  # type: ignore[call-overload]
        try:
            return told.get(timeout=120), seen
        finally:
            browser.terminate()
            browser.wait(30)


def opened(profile: Path, address: str) -> str:
    """What somebody sees who opens this address."""
    shown = subprocess.run([*command(profile), "--dump-dom", address], capture_output=True, text=True, timeout=60, check=True)
    return shown.stdout

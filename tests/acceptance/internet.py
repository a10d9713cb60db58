"""An internet for tests: a network namespace that stands for it, and one that stands for the host, in which lambdad runs.

    internet (another process): 198.51.100.10 web and a UDP sink · 198.51.100.53 names · 169.254.169.254 web · 203.0.113.1 the
    router host: 203.0.113.2, also 10.77.0.1 – and, where it is asked for, 2001:db8::/32 beside it

Also a program, `python internet.py`: the servers.
"""

import ctypes
import http.server
import json
import os
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WEB, NAMES, METADATA, ROUTER = "198.51.100.10", "198.51.100.53", "169.254.169.254", "203.0.113.1"
WEB6 = "2001:db8:1::10"
HOST, HOST_TOO = "203.0.113.2", "10.77.0.1"
SINK = 9999
NAME = "service.example"
"""Of WEB."""
_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Internet:
    """`host()` is where the calling thread stands in the host's network. `make` needs root."""

    def __init__(self, servers: subprocess.Popen[str], host: int, place: Path) -> None:
        self._servers, self._host, self._place = servers, host, place

    @contextmanager
    def host(self) -> Iterator[None]:
        outer = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _enter(self._host)
            yield
        finally:
            _enter(outer)
            os.close(outer)

    def prefix(self, resolv: str = f"nameserver {NAMES}\n") -> list[str]:
        """For a command that is to find this resolv.conf, and a tap device that everybody can open, as most hosts have it."""
        names, tap = self._place / "resolv.conf", self._place / "tun"
        names.write_text(resolv)
        if not tap.exists():
            os.mknod(tap, 0o020666, os.makedev(10, 200))
            tap.chmod(0o666)
        mounts = 'mount --bind "$1" /etc/resolv.conf; [ ! -e /dev/net/tun ] || mount --bind "$2" /dev/net/tun'
        return ["unshare", "--mount", "sh", "-c", mounts + '; shift 2; exec "$@"', "sh", str(names), str(tap)]

    def seen(self) -> list[str]:
        """Who has sent something to the sink since the last question, in order."""
        assert self._servers.stdin is not None and self._servers.stdout is not None
        self._servers.stdin.write("\n")
        self._servers.stdin.flush()
        senders: list[str] = json.loads(self._servers.stdout.readline())
        return senders


def obstacle() -> str | None:
    """Why it cannot be made here."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs root on Linux, to make a network that stands for the outside"
    for tool in ("ip", "nsenter", "unshare", "nft"):
        if shutil.which(tool) is None:
            return f"needs the program {tool} (Debian: iproute2, util-linux, nftables)"
    return None


@contextmanager
def internet(ipv6: bool = False) -> Iterator[Internet]:
    outer = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    with tempfile.TemporaryDirectory(prefix="lambdad-internet-") as name:
        Path(name).chmod(0o755)
        command = ["unshare", "--net", sys.executable, __file__]
        servers = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert servers.stdout is not None and servers.stdout.readline() == "there\n"
            assert _libc.unshare(_NEWNET) == 0
            host = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            _connect(servers.pid, ipv6)
            assert servers.stdin is not None
            servers.stdin.write("serve\n")
            servers.stdin.flush()
            assert servers.stdout.readline() == "serving\n"
            _enter(outer)
            yield Internet(servers, host, Path(name))
            os.close(host)
        finally:
            _enter(outer)
            os.close(outer)
            servers.send_signal(signal.SIGKILL)
            servers.communicate()


def _connect(pid: int, ipv6: bool) -> None:
    there = f"nsenter --net=/proc/{pid}/ns/net"
    commands = [
        "ip link set lo up", f"ip link add dev wan type veth peer name wan netns {pid}", f"ip address add {HOST}/24 dev wan",
        f"ip address add {HOST_TOO}/32 dev lo", "ip link set wan up", f"ip route add default via {ROUTER}",
        f"{there} ip link set lo up", f"{there} ip address add {ROUTER}/24 dev wan", f"{there} ip link set wan up",
        *(f"{there} ip address add {address}/32 dev lo" for address in (WEB, NAMES, METADATA)),
    ]  # fmt: skip
    if ipv6:
        commands += [
            "ip -6 address add 2001:db8::2/64 dev wan nodad", "ip -6 route add default via 2001:db8::1",
            f"{there} ip -6 address add 2001:db8::1/64 dev wan nodad", f"{there} ip -6 address add {WEB6}/128 dev lo nodad",
        ]  # fmt: skip
    for command in commands:
        subprocess.run(command.split(), check=True)


def _enter(namespace: int) -> None:
    assert _libc.setns(namespace, _NEWNET) == 0, os.strerror(ctypes.get_errno())


class _Web(http.server.BaseHTTPRequestHandler):
    """Answers who has asked."""

    def do_GET(self) -> None:
        body = self.client_address[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class _Web6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


class _Names(socketserver.BaseRequestHandler):
    """Every name of type A is WEB's, and there is nothing else; RFC 1035."""

    def handle(self) -> None:
        data, sock = self.request
        question = data[12 : data.index(b"\0", 12) + 5]
        known = question[-4:-2] == b"\0\1"
        head = data[:2] + struct.pack(">HHHHH", 0x8180, 1, int(known), 0, 0)
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(WEB) if known else b""
        sock.sendto(head + question + answer, self.client_address)


def _serve() -> None:
    sys.stdout.write("there\n")
    sys.stdout.flush()
    sys.stdin.readline()
    senders: list[str] = []

    class Sink(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            senders.append(self.client_address[0])

    servers: list[socketserver.BaseServer] = [
        *(http.server.ThreadingHTTPServer((address, 80), _Web) for address in (WEB, METADATA)),
        socketserver.UDPServer((NAMES, 53), _Names),
        socketserver.UDPServer((WEB, SINK), Sink),
    ]
    try:
        servers.append(_Web6((WEB6, 80), _Web))
    except OSError:
        pass  # an internet of IPv4 alone
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    for _line in sys.stdin:
        sys.stdout.write(json.dumps(senders) + "\n")
        sys.stdout.flush()
        senders.clear()


if __name__ == "__main__":
    _serve()

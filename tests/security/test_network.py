"""Ways through the network of a function that reaches the outside: to the host, to other environments, to what clouds tell
their machines. The outside is `tests.acceptance.internet`, the host a network namespace of its own."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import Function, Maker
from tests.acceptance.internet import HOST, HOST_TOO, METADATA, NAMES, SINK, WEB, Internet, internet, obstacle
from tests.acceptance.nobody import as_nobody
from tests.acceptance.server import Server, eventually
from tests.security.functions import ATTACKER, SECRET, VICTIM

pytestmark = pytest.mark.skipif(obstacle() is not None, reason=obstacle() or "")

_REACH = """
from concurrent.futures import ThreadPoolExecutor
def reach(family, kind, address):
    with socket.socket(family, kind) as one:
        one.settimeout(2)
        one.connect(tuple(address))
        if kind == socket.SOCK_DGRAM:
            one.send(b"hello")
            one.recv(100)
def own():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect((event["web"], 9))
        return one.getsockname()[0]
def tcp(addresses):
    family = {False: socket.AF_INET, True: socket.AF_INET6}
    def one(address):
        return outcome(reach, family[":" in address[0]], socket.SOCK_STREAM, address)
    with ThreadPoolExecutor(32) as together:
        return {f"{host}:{port}": how for (host, port), how in zip(addresses, together.map(one, addresses))}
"""
NOT_REACHED = {"ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "TimeoutError", "EACCES", "EINVAL", "EPERM"}


@pytest.fixture(scope="module")
def outside() -> Iterator[Internet]:
    with internet() as made:
        yield made


@pytest.fixture(scope="module", params=["own", "nobody"])
def server(request: pytest.FixtureRequest, outside: Internet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if request.param == "nobody":
        with as_nobody(["--network", "egress"], outside.prefix(), outside.host) as running:
            yield running
        return
    place = tmp_path_factory.mktemp("lambdad") / "data"
    with outside.host():
        running = Server(place, ["--network", "egress"], outside.prefix()).start()
        yield running
        assert running.stop() == 0, running.errors.read_text()


@pytest.fixture(scope="module")
def maker(server: Server) -> Maker:
    return Maker(server.client("lambda"), newest_python(server))


@pytest.fixture(scope="module")
def attacker(maker: Maker) -> Function:
    """It reaches the outside, or no attack here would mean anything."""
    function = maker.python_function(ATTACKER, MemorySize=1769, Timeout=60)
    assert tcp(function, (WEB, 80)) == {f"{WEB}:80": "done"}
    return function


@pytest.fixture
def victim(maker: Maker) -> Iterator[Function]:
    function = maker.python_function(VICTIM, Environment={"Variables": {"SECRET": SECRET}})
    before = function.invoke()
    yield function
    assert function.invoke() == before
    maker.client.delete_function(FunctionName=function.name)


def attack(function: Function, source: str, **event: Any) -> Any:
    return function.invoke({"source": _REACH + source, "web": WEB, **event})


def tcp(function: Function, *addresses: tuple[str, int]) -> dict[str, str]:
    """What became of a connection to each."""
    found: dict[str, str] = attack(function, "answer = tcp(event['addresses'])", addresses=addresses)
    return found


def reached(found: dict[str, str]) -> set[str]:
    assert set(found.values()) <= NOT_REACHED | {"done"}, found
    return {address for address, how in found.items() if how == "done"}


def uplinks() -> list[str]:
    """The host's own addresses in lambdad's devices."""
    shown = subprocess.run(["ip", "-o", "-4", "address"], capture_output=True, text=True, check=True).stdout
    return [line.split()[3].split("/")[0] for line in shown.splitlines() if line.split()[1].startswith("ld")]


def test_the_hosts_services(attacker: Function, victim: Function, server: Server) -> None:
    """On its loopback, on every address that it has, and lambdad's own."""
    with socket.create_server(("0.0.0.0", 0)) as everywhere, socket.create_server(("127.0.0.1", 0)) as loopback:
        port = everywhere.getsockname()[1]
        addresses = [
            "127.0.0.1",
            "127.0.0.2",
            "0.0.0.0",
            HOST,
            HOST_TOO,
            *uplinks(),
            "::1",
            f"::ffff:{HOST}",
            f"::ffff:{HOST_TOO}",
        ]
        found = tcp(
            attacker, *((each, port) for each in addresses), ("127.0.0.1", loopback.getsockname()[1]), (HOST, server.port),
            ("127.0.0.1", server.port),
        )  # fmt: skip
        assert reached(found) == set()
        everywhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            everywhere.accept()


def test_the_hosts_services_by_udp(attacker: Function, victim: Function) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("0.0.0.0", 0))
        source = """
for address in event["addresses"]:
    outcome(reach, socket.AF_INET, socket.SOCK_DGRAM, (address, event["port"]))
"""
        attack(attacker, source, addresses=["127.0.0.1", HOST, HOST_TOO, *uplinks()], port=service.getsockname()[1])
        service.setblocking(False)
        with pytest.raises(BlockingIOError):
            service.recv(100)


def test_the_gateway_and_the_neighbours_of_the_network(attacker: Function, victim: Function) -> None:
    """Whoever is at the other end of a function's device listens to nothing."""
    addresses = ["100.95.255.255", "100.64.0.0", "100.64.0.1", "100.64.0.7", "100.96.0.0", "100.96.0.1", "100.127.255.255"]
    assert reached(tcp(attacker, *((each, port) for each in addresses for port in (80, 9001, 4566)))) == set()


_LISTENS = """
import socket
server = socket.create_server(("0.0.0.0", 7777))
def handler(event, context):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect((event["web"], 9))
        return one.getsockname()[0]
"""


def test_another_environment(attacker: Function, victim: Function, maker: Maker, server: Server) -> None:
    """That listens on every address, and says which one it has: one of the same runtime, and one that another launcher made, in
    whose network the attacker's own address can stand for somebody else."""
    pythons = {word.strip("(),;") for word in server.ready_line.split() if word.startswith("python3.")}
    addresses = [
        maker.python_function(_LISTENS, Runtime=runtime).invoke({"web": WEB})
        for runtime in (maker.python, *sorted(pythons - {maker.python})[:1])
    ]
    own = attack(attacker, "answer = own()")
    assert own != addresses[0]
    wanted = [(address, port) for address in addresses for port in (7777, 9001, 4566) if address != own]
    assert reached(tcp(attacker, *wanted)) == set()


def test_what_clouds_tell_their_machines(attacker: Function, victim: Function) -> None:
    addresses = [
        METADATA,
        "169.254.1.1",
        "169.254.170.2",
        "100.100.100.200",
        "fd00:ec2::254",
        "fe80::1",
        "::ffff:169.254.169.254",
    ]
    assert reached(tcp(attacker, *((each, 80) for each in addresses))) == set()


def test_a_name_server_is_asked_for_names_only(attacker: Function, victim: Function) -> None:
    source = """
def ask(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(2)
        one.sendto(b"\\x00\\x01\\x01\\x00\\x00\\x01" + bytes(6) + b"\\x01a\\x00\\x00\\x01\\x00\\x01", (address, 53))
        one.recv(500)
answer = [outcome(ask, address) for address in event["addresses"]]
"""
    named, other = attack(attacker, source, addresses=[NAMES, HOST])
    assert named == "done"
    assert other in NOT_REACHED


def test_a_flood_of_connections(maker: Maker, victim: Function) -> None:
    """The kernel's table of them is the whole host's. By a function of its own, since it has none left for a while."""
    flooder = maker.python_function(ATTACKER, MemorySize=1769, Timeout=60)
    source = """
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    for port in range(10_000, 30_000):
        outcome(one.sendto, b"x", (event["web"], port))
"""
    attack(flooder, source)
    assert int(Path("/proc/sys/net/netfilter/nf_conntrack_count").read_text()) < 5000


def test_what_the_host_sends_on_from_its_own_address(attacker: Function, victim: Function, server: Server) -> None:
    """As container engines do with published ports: who asks for the host's address is not the function's to ask."""
    rule = f"add rule ip published arriving ip daddr {HOST} tcp dport 8081 dnat to {WEB}:80"
    chain = "add chain ip published arriving { type nat hook prerouting priority dstnat; }"
    subprocess.run(["nft", "-f", "-"], input=f"add table ip published\n{chain}\n{rule}\n", text=True, check=True)
    try:
        assert reached(tcp(attacker, (HOST, 8081))) == set()
    finally:
        subprocess.run(["nft", "delete", "table", "ip", "published"], check=True)


def test_multicast_and_broadcast(attacker: Function, victim: Function, outside: Internet) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as group:
        group.bind(("0.0.0.0", 5353))
        group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.251") + socket.inet_aton(HOST))
        source = """
def send(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        one.sendto(b"hello", (address, 5353))
answer = [outcome(send, address) for address in ("224.0.0.251", "239.1.2.3", "255.255.255.255", "203.0.113.255",
"100.127.255.255")] """
        attack(attacker, source)
        group.setblocking(False)
        with pytest.raises(BlockingIOError):
            group.recv(100)


def test_raw_sockets_addresses_and_routes(attacker: Function, victim: Function) -> None:
    """None to be had, none to be changed: by netlink, by ioctl, by /proc."""
    source = """
import fcntl
def netlink(kind, body):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as one:
        one.send(struct.pack("=IHHII", 16 + len(body), kind, 5 | 0x400, 1, 0) + body)
        error = struct.unpack_from("=i", one.recv(1000), 16)[0]
        if error:
            raise OSError(-error, "")
web, loopback = (struct.pack("=HH4s", 8, kind, socket.inet_aton(name)) for kind, name in ((2, event["web"]), (1, "127.0.0.1")))
address = struct.pack("=BBBBI", 2, 32, 0, 0, 2) + web
route = struct.pack("=BBBBBBBBI", 2, 32, 0, 0, 254, 4, 253, 1, 0) + loopback + struct.pack("=HHI", 8, 4, 2)
device = struct.pack("=BxHiII", 0, 0, 2, 0, 1)
def ioctl(number):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, number, struct.pack("16sHH4s16x", b"eth0", 2, 0, socket.inet_aton(event["web"])))
def option(level, name, value):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(level, name, value)
answer = {
    "raw icmp": outcome(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1),
    "raw udp": outcome(socket.socket, socket.AF_INET, socket.SOCK_RAW, 17),
    "raw": outcome(socket.socket, socket.AF_INET, socket.SOCK_RAW, 255),
    "raw 6": outcome(socket.socket, socket.AF_INET6, socket.SOCK_RAW, 58),
    "packet": outcome(socket.socket, 17, socket.SOCK_RAW, 0x300),
    "ping": outcome(socket.socket, socket.AF_INET, socket.SOCK_DGRAM, 1),
    "address": outcome(netlink, 20, address), "route": outcome(netlink, 24, route),
    "device": outcome(netlink, 16, device), "set address": outcome(ioctl, 0x8916),
    "set flags": outcome(ioctl, 0x8914), "hardware address": outcome(ioctl, 0x8924),
    "transparent": outcome(option, 0, 19, 1), "mark": outcome(option, 1, 36, 1),
    "forward": outcome(write, "/proc/sys/net/ipv4/ip_forward", "1"),
    "local": outcome(write, "/proc/sys/net/ipv4/conf/all/route_localnet", "1"),
    "nft": outcome(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 12),
}
"""
    seen = attack(attacker, source)
    assert {name: how for name, how in seen.items() if how == "done"} == {}


def test_spoofed_addresses(attacker: Function, victim: Function, outside: Internet) -> None:
    """A function cannot send in another name; and had it every privilege in its network, what it sends would not get out."""
    source = """
IP_FREEBIND = 15
def send(name):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
        one.bind((name, 0))
        one.sendto(b"hello", (event["web"], event["port"]))
answer = {name: outcome(send, name) for name in event["names"]}, os.readlink("/proc/self/ns/net")
"""
    names = ["198.51.100.77", "100.96.0.200", HOST_TOO, "127.0.0.1"]
    seen, network = attack(attacker, source, port=SINK, names=names)
    assert {name for name, how in seen.items() if how == "done"} == set()
    there = ["nsenter", f"--net=/proc/{process_in(network)}/ns/net"]
    send = (
        "import socket, sys; s = socket.socket(2, 2); s.bind((sys.argv[1], 0)); s.sendto(b'x', (sys.argv[2], int(sys.argv[3])))"
    )
    for name in names[:3]:
        subprocess.run([*there, "ip", "address", "add", f"{name}/32", "dev", "lo"], check=True)
        subprocess.run([*there, "python3", "-c", send, name, WEB, str(SINK)], check=True)
        subprocess.run([*there, "ip", "address", "del", f"{name}/32", "dev", "lo"], check=True)
    assert outside.seen() == []
    subprocess.run([*there, "python3", "-c", send, "0.0.0.0", WEB, str(SINK)], check=True)
    assert eventually(outside.seen) == [HOST], "what is sent in its own name comes, in the host's"


def process_in(network: str) -> int:
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if str((place / "ns/net").readlink()) == network:
                return int(place.name)
        except OSError:
            continue
    raise AssertionError(f"nobody is in {network}")

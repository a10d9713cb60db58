"""Network devices, addresses and routes by rtnetlink: what connects a sandbox, its launcher's hub and the host.

Facts: rtnetlink(7), netlink(7), veth(4). Both ends of a pair have the same hardware address and no neighbour protocol
(IFF_NOARP): a packet is addressed to its own sender's address, which is the receiver's, so nobody asks who has which address
and nobody can lie about it. Runs on Python 3.9 and later, and imports nothing else of the launcher.
"""

import os
import socket
import struct
from typing import List, NamedTuple, Sequence

HUB = "up"
"""The hub's device on the way out."""
INSIDE = "eth0"
"""The sandbox's."""
PREFIX = "fn"
"""Of the names of the hub's ends."""
MOST = 1 << 20
"""Numbers of sandboxes in one hub; also numbers of hubs of one host. The first half of 100.64.0.0/10 (RFC 6598) belongs to
hubs, two addresses for each, the second half to sandboxes, one for each."""

_UPLINKS = 0x64400000
_SANDBOXES = 0x64600000
_GATEWAY = bytes((100, 95, 255, 255))
"""What a sandbox calls the other end. Nobody has it."""
_UNIQUE_LOCAL = bytes.fromhex("fd6c616d626461640000")
"""RFC 4193; the same halves, in the address's last bytes."""
_LINK_LOCAL_GATEWAY = bytes.fromhex("fe80000000000000") + bytes(7) + b"\x01"

_NEWLINK, _GETLINK, _NEWADDR, _NEWROUTE = 16, 18, 20, 24
_ERROR = 2
_REQUEST, _ACK, _NEW = 1, 4, 0x200 | 0x400
_UP, _NOARP = 1, 0x80
_ADDRESS, _NAME, _LINKINFO, _NAMESPACE_OF = 1, 3, 18, 19
_KIND, _DATA, _PEER = 1, 2, 1
_LOCAL, _NO_DUPLICATES = 2, 2
_DESTINATION, _DEVICE, _VIA = 1, 4, 5
_MAIN, _STATIC, _UNIVERSE, _LINK, _UNICAST, _ONLINK = 254, 4, 0, 253, 1, 4
_HARDWARE = bytes((0x0E, 0, 0, 0, 0, 1))
_FIRST_INDEX = 1000
"""Of the hub's ends, so that their index need not be asked for."""
_EVERYWHERE = b""


class Message(NamedTuple):
    kind: int
    flags: int
    body: bytes


class Ends(NamedTuple):
    """What is to be said in the hub, and then inside, to connect one sandbox."""

    hub: "List[Message]"
    inside: "List[Message]"
    ipv6: bool


class Routes:
    """Speaks with the kernel about the network namespace in which it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)

    def close(self) -> None:
        self._socket.close()

    def apply(self, messages: "Sequence[Message]") -> None:
        """In this order and in one go. Raises OSError for the first that is refused."""
        last = len(messages)
        parts = []
        for number, message in enumerate(messages, 1):
            flags = message.flags | _REQUEST | (_ACK if number == last else 0)
            parts.append(struct.pack("=IHHII", 16 + len(message.body), message.kind, flags, number, 0) + message.body)
        self._socket.send(b"".join(parts))
        while True:
            answer = self._socket.recv(65536)
            _length, kind, _flags, number, _port, error = struct.unpack_from("=IHHIIi", answer)
            if kind == _ERROR and error:
                raise OSError(-error, f"{os.strerror(-error)}: rtnetlink {messages[number - 1].kind}")
            if number == last:
                return

    def index(self, name: str) -> int:
        """Of the device."""
        body = _device(0, 0) + _attribute(_NAME, name.encode() + b"\0")
        self._socket.send(struct.pack("=IHHII", 16 + len(body), _GETLINK, _REQUEST, 1, 0) + body)
        answer = self._socket.recv(65536)
        _length, kind, _flags, _number, _port, error = struct.unpack_from("=IHHIIi", answer)
        if kind == _ERROR:
            raise OSError(-error, f"{os.strerror(-error)}: {name}")
        return int(struct.unpack_from("=BxHi", answer, 16)[2])


def ends(number: int, pid: int, ipv6: bool) -> Ends:
    """Of the sandbox with this number; `pid` is in its network, as the hub's side calls it."""
    index = _FIRST_INDEX + number
    own = [(4, _address4(_SANDBOXES + number), _GATEWAY)]
    if ipv6:
        own.append((16, _address6(_SANDBOXES + number), _LINK_LOCAL_GATEWAY))
    return Ends(
        [pair(PREFIX + str(number), INSIDE, pid, index, 2)] + [route(address, index) for _size, address, _via in own],
        [up(2)]
        + [assign(address, 2, 8 * size) for size, address, _via in own]
        + [route(_EVERYWHERE, 2, via) for _size, _own, via in own],
        ipv6,
    )


def uplink(index: int, ipv6: bool) -> Ends:
    """Between the host, where its end has this index, and a hub, where it has 2: the first is for the host."""
    first = 2 * (index % MOST)
    sides = [(4, _address4(_UPLINKS + first), _address4(_UPLINKS + first + 1))]
    if ipv6:
        sides.append((16, _address6(_UPLINKS + first), _address6(_UPLINKS + first + 1)))
    return Ends(
        [assign(host, index, 8 * size - 1) for size, host, _hub in sides],
        [up(2)]
        + [assign(hub, 2, 8 * size - 1) for size, _host, hub in sides]
        + [route(_EVERYWHERE, 2, host) for _size, host, _hub in sides],
        ipv6,
    )


def settle(ipv6: bool) -> None:
    """For the devices that come into the present network from now on: no address but those that they are given."""
    if ipv6:
        setting("ipv6/conf/default/addr_gen_mode", "1")
        setting("ipv6/conf/default/accept_ra", "0")
    elif os.path.exists("/proc/sys/net/ipv6"):
        setting("ipv6/conf/default/disable_ipv6", "1")


def setting(name: str, value: str) -> None:
    """Of the present network; sysctl(8)."""
    fd = os.open("/proc/sys/net/" + name, os.O_WRONLY)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def pair(name: str, peer: str, pid: int, index: int = 0, peer_index: int = 0) -> Message:
    """A pair of devices; the peer is in the network of process `pid`, and not up yet. Index 0: the kernel chooses."""
    peer_is = _device(peer_index, _NOARP) + _called(peer) + _attribute(_NAMESPACE_OF, struct.pack("=I", pid))
    linked = _attribute(_KIND, b"veth") + _attribute(_DATA, _attribute(_PEER, peer_is))
    return Message(_NEWLINK, _NEW, _device(index, _UP | _NOARP) + _called(name) + _attribute(_LINKINFO, linked))


def up(index: int) -> Message:
    return Message(_NEWLINK, 0, _device(index, _UP))


def assign(address: bytes, index: int, bits: int) -> Message:
    head = struct.pack("=BBBBI", _family(address), bits, _NO_DUPLICATES if len(address) == 16 else 0, _UNIVERSE, index)
    return Message(_NEWADDR, _NEW, head + _attribute(_LOCAL, address) + _attribute(_ADDRESS, address))


def route(to: bytes, index: int, via: bytes = b"") -> Message:
    """To one address, or everywhere (no bytes) by way of `via`."""
    scope, flags = (_UNIVERSE, _ONLINK) if via else (_LINK, 0)
    head = struct.pack("=BBBBBBBBI", _family(to or via), 8 * len(to), 0, 0, _MAIN, _STATIC, scope, _UNICAST, flags)
    places = [(_DESTINATION, to)] * bool(to) + [(_VIA, via)] * bool(via)
    body = head + b"".join([_attribute(kind, value) for kind, value in places]) + _attribute(_DEVICE, struct.pack("=I", index))
    return Message(_NEWROUTE, _NEW, body)


def _device(index: int, flags: int) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, flags)


def _called(name: str) -> bytes:
    return _attribute(_NAME, name.encode() + b"\0") + _attribute(_ADDRESS, _HARDWARE)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _family(address: bytes) -> int:
    return int(socket.AF_INET if len(address) == 4 else socket.AF_INET6)


def _address4(number: int) -> bytes:
    return struct.pack(">I", number)


def _address6(number: int) -> bytes:
    return _UNIQUE_LOCAL + struct.pack(">HI", 0, number)

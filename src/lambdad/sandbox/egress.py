"""The reach `egress` on this host: whether it can be had, and what of it stands on the host itself while lambdad runs.

With root that is one table of nftables, and forwarding where the host had it off. Whatever else there is, devices and
addresses, belongs to a launcher's hub and goes with it. A lambdad that was killed leaves its table, named in its scratch
directory, to the next one.
"""

import asyncio
import itertools
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lambdad.sandbox import outside
from lambdad.sandbox.launcher import hub, links
from lambdad.sandbox.requirement import Requirement

_RESOLV = ("etc/resolv.conf", "run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf")
"""The host's, and what its local stub asks: systemd-resolved.service(8), NetworkManager.conf(5)."""
_SWITCHES = {"ip": "ipv4/ip_forward", "ip6": "ipv6/conf/all/forwarding"}
_LEFT = "network.json"
_TRIAL = 10.0
"""Seconds for the trial, which takes some 30 ms."""


@dataclass(frozen=True, slots=True)
class Egress:
    """What it is made with."""

    nft: str
    pasta: str | None
    """None with root."""
    ipv6: bool
    names: outside.Names


def find(root: Path, path: str, is_root: bool) -> tuple[Egress | None, tuple[Requirement, ...]]:
    """None where it cannot be had, and the requirements either way. `root`: of the file system; `path`: the PATH to search."""
    search = os.pathsep.join([*filter(None, [path]), *(str(root / place) for place in ("usr/sbin", "sbin", "usr/bin"))])
    nft, pasta = shutil.which("nft", path=search), shutil.which("pasta", path=search)
    ipv6 = _has_ipv6(root, is_root)
    names = outside.names(_texts(root), ipv6)
    requirements = [_rules(nft, is_root, ipv6)]
    if not is_root:
        requirements += [_pasta(pasta), _tap(root)]
    possible = all(requirement.met for requirement in requirements)
    requirements.append(_names(names))
    if is_root and possible and nft is not None:
        requirements += _forwarding(nft)
    made = Egress(nft, None if is_root else pasta, ipv6, names) if possible and nft is not None else None
    return made, tuple(requirements)


def _rules(nft: str | None, is_root: bool, ipv6: bool) -> Requirement:
    name = "network rules"
    if nft is None:
        return Requirement(name, False, "no nft", "Install nft (Debian, Ubuntu, Fedora: the package nftables).", "egress")
    order = {
        "user_namespace": not is_root,
        "nft": nft,
        "ipv6": ipv6,
        "rules": [outside.hub_rules(["192.0.2.1"]), outside.host_rules("lambdad-trial", outside.UPLINK, ["192.0.2.1"])],
    }
    command = [sys.executable, "-I", "-S", str(Path(hub.__file__))]
    try:
        done = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, timeout=_TRIAL, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Requirement(name, False, f"they cannot be tried: {error}", "Look at what the host is busy with.", "egress")
    if done.returncode == 0:
        return Requirement(name, True, f"nftables by {nft}", "", "egress")
    remedy = (
        "Use a kernel with CONFIG_VETH, CONFIG_NF_TABLES_INET, CONFIG_NFT_FIB_INET, CONFIG_NFT_REJECT_INET, "
        "CONFIG_NFT_CONNLIMIT and CONFIG_NFT_MASQ, and a writable /proc/sys/net."
    )
    return Requirement(name, False, (done.stderr.strip().splitlines() or ["refused"])[-1], remedy, "egress")


def _pasta(pasta: str | None) -> Requirement:
    remedy = "" if pasta else "Install pasta (Debian, Ubuntu, Fedora: the package passt), or run lambdad as root."
    return Requirement("pasta", bool(pasta), pasta or "not here", remedy, "egress")


def _tap(root: Path) -> Requirement:
    device = root / "dev/net/tun"
    usable = os.access(device, os.R_OK | os.W_OK)
    found = "ours to use" if usable else "not ours to use" if device.exists() else "not here"
    remedy = (
        "" if usable else "Let every user open it, as udev does: chmod 666 /dev/net/tun (a container: --device /dev/net/tun)."
    )
    return Requirement("/dev/net/tun", usable, found, remedy, "egress")


def _names(names: outside.Names) -> Requirement:
    remedy = (
        ""
        if names.servers
        else "Name one in /etc/resolv.conf that is not on the host's loopback, or let systemd-resolved show in "
        "/run/systemd/resolve/resolv.conf which ones it asks."
    )
    found = ", ".join(names.servers) or "none that a sandbox can reach"
    return Requirement("name servers", bool(names.servers), found, remedy, "names in egress")


def _forwarding(nft: str) -> list[Requirement]:
    table = outside.drops_forwarded(_nft(nft, "list", "chains"))
    if table is None:
        return []
    remedy = (
        f"Let the devices {outside.UPLINK}* pass there, both ways; with Docker: iptables -I DOCKER-USER -i {outside.UPLINK}+ "
        "-j ACCEPT, and the same with -o."
    )
    return [Requirement("forwarding", False, f"table {table} may drop it", remedy, "egress")]


def _texts(root: Path) -> Iterator[str]:
    return (_text(root / name) for name in _RESOLV)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # not there, or not ours to read: the same for whoever asks


def _has_ipv6(root: Path, is_root: bool) -> bool:
    """A host that forwards no longer hears the routers that it has its own routes from, so with root that is not turned on
    where it is off."""
    routes = _text(root / "proc/net/ipv6_route")
    if not outside.ways_out("", routes)[1]:
        return False
    forwards = _text(root / "proc/sys/net" / _SWITCHES["ip6"]).strip() == "1"
    return not is_root or forwards or not outside.advertised(routes)


class Network:
    """Of one running lambdad. `open` raises OSError."""

    def __init__(self, egress: Egress, directory: Path) -> None:
        """`directory`: where what is left to do is named."""
        self._egress, self._directory = egress, directory
        self._token = secrets.token_hex(3)
        self._table = f"lambdad-{self._token}"
        self._numbers = itertools.count(1)

    async def open(self) -> None:
        if self._egress.pasta is None:
            await asyncio.to_thread(self._open)

    def _open(self) -> None:
        nft, servers = self._egress.nft, self._egress.names.servers
        (self._directory / _LEFT).write_text(json.dumps({"nft": nft, "table": self._table}), encoding="utf-8")
        hub.load(nft, outside.host_rules(self._table, self._uplinks, servers))
        devices = outside.ways_out(_text(Path("/proc/net/route")), _text(Path("/proc/net/ipv6_route")))
        for family, through in zip(_SWITCHES, devices, strict=True):
            if (family == "ip" or self._egress.ipv6) and _switch(family) == "0":
                hub.load(nft, outside.forwarding_rules(family, through))
                links.setting(_SWITCHES[family], "1")

    @property
    def _uplinks(self) -> str:
        return f"{outside.UPLINK}{self._token}."

    def hub(self) -> dict[str, Any]:
        """For one launcher; see `launcher.hub.make`."""
        egress, pasta = self._egress, None
        refused: tuple[str, ...] = ()
        if egress.pasta is not None:
            refused = outside.addresses(_text(Path("/proc/net/fib_trie")), _text(Path("/proc/net/if_inet6")))
            pasta = _pasta_command(egress.pasta, egress.ipv6)
        return {
            "nft": egress.nft,
            "rules": outside.hub_rules(egress.names.servers, refused),
            "ipv6": egress.ipv6,
            "name": f"{self._uplinks}{next(self._numbers)}",
            "pasta": pasta,
        }

    async def close(self) -> None:
        await asyncio.to_thread(clean, self._directory)


def _pasta_command(pasta: str, ipv6: bool) -> list[str]:
    """No port of either side is the other's, and the gateway's address does not stand for the host."""
    closed = [word for option in ("-t", "-u", "-T", "-U") for word in (option, "none")]
    return [
        pasta,
        "--quiet",
        "--config-net",
        "--no-map-gw",
        "--ns-ifname",
        links.HUB,
        *closed,
        *([] if ipv6 else ["--ipv4-only"]),
    ]


def clean(directory: Path) -> None:
    """Remove from the host what the lambdad with this directory has made there; forwarding ends with the last that wanted
    it."""
    if not (directory / _LEFT).exists():
        return
    left = json.loads((directory / _LEFT).read_text(encoding="utf-8") or "{}")
    if not left or not Path(left["nft"]).exists():
        return
    nft = left["nft"]
    _nft(nft, "delete", "table", "inet", left["table"])
    for family, name in _SWITCHES.items():
        if outside.FORWARDING not in _tables(nft, family) or _others(nft):
            continue
        links.setting(name, "0")
        if _others(nft):  # came meanwhile, and may have seen it on
            links.setting(name, "1")
        else:
            _nft(nft, "delete", "table", family, outside.FORWARDING)


def _others(nft: str) -> bool:
    return any(table.startswith("lambdad-") for table in _tables(nft, "inet"))


def _tables(nft: str, family: str) -> list[str]:
    return [line.split()[-1] for line in _nft(nft, "list", "tables", family).splitlines() if line.startswith("table ")]


def _nft(nft: str, *words: str) -> str:
    """What it says; a table that is not there, after a restart of the host for instance, is no failure."""
    return subprocess.run([nft, *words], capture_output=True, text=True, env={}, check=False).stdout


def _switch(family: str) -> str:
    return _text(Path("/proc/sys/net") / _SWITCHES[family]).strip()

"""What is missing of the outside is told; what is there is tried in tests/acceptance."""

from pathlib import Path

import pytest

from lambdad.sandbox import egress
from lambdad.sandbox.egress import find


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host on which everything can be had."""
    for name in ("usr/sbin/nft", "usr/bin/pasta", "dev/net/tun"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o777)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.0.2.53\n")
    monkeypatch.setattr(egress.subprocess, "run", lambda *_a, **_k: egress.subprocess.CompletedProcess([], 0, "", ""))
    return tmp_path


def _missing(root: Path, is_root: bool) -> dict[str, str]:
    made, requirements = find(root, "", is_root)
    missing = {each.name: each.remedy for each in requirements if not each.met}
    assert (made is None) == bool(set(missing) - {"name servers"})
    assert all(missing.values())
    return missing


@pytest.mark.parametrize("is_root", [True, False])
def test_with_everything(root: Path, is_root: bool) -> None:
    assert _missing(root, is_root) == {}
    made, _ = find(root, "", is_root)
    assert made is not None
    assert (made.pasta is None, made.ipv6, made.names.servers) == (is_root, False, ("192.0.2.53",))


def test_without_nft(root: Path) -> None:
    (root / "usr/sbin/nft").unlink()
    assert "package nftables" in _missing(root, True)["network rules"]


def test_without_pasta_an_ordinary_user_has_no_way_out(root: Path) -> None:
    (root / "usr/bin/pasta").unlink()
    assert "package passt" in _missing(root, False)["pasta"]
    assert _missing(root, True) == {}


def test_a_tap_device_that_is_not_there(root: Path) -> None:
    (root / "dev/net/tun").unlink()
    assert "/dev/net/tun" in _missing(root, False)


def test_a_kernel_that_refuses_the_rules(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = egress.subprocess.CompletedProcess([], 1, "", "Operation not supported: rtnetlink 16\n")
    monkeypatch.setattr(egress.subprocess, "run", lambda *_a, **_k: refused)
    assert "CONFIG_VETH" in _missing(root, True)["network rules"]


def test_without_a_name_server_that_can_be_reached_there_is_a_way_out_all_the_same(root: Path) -> None:
    (root / "etc/resolv.conf").write_text("nameserver 127.0.0.53\n")
    assert "systemd-resolved" in _missing(root, True)["name servers"]
    (root / "run/systemd/resolve").mkdir(parents=True)
    (root / "run/systemd/resolve/resolv.conf").write_text("nameserver 192.0.2.1\n")
    assert _missing(root, True) == {}


@pytest.mark.parametrize(
    ("flags", "forwards", "is_root", "there"),
    [
        ("00000003", "0", True, True),
        ("00450003", "0", True, False),
        ("00450003", "1", True, True),
        ("00450003", "0", False, True),
    ],
)
def test_ipv6_is_there_unless_the_host_would_lose_it(root: Path, flags: str, forwards: str, is_root: bool, there: bool) -> None:
    """A host that forwards does not hear routers' advertisements."""
    for name, text in (
        ("proc/net/ipv6_route", f"{'0' * 32} 00 {'0' * 32} 00 fd{'0' * 30} 00000400 00000003 00000000 {flags} eth0\n"),
        ("proc/sys/net/ipv6/conf/all/forwarding", forwards),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    made, _ = find(root, "", is_root)
    assert made is not None
    assert made.ipv6 == there

import ipaddress

import pytest

from lambdad.sandbox import outside
from lambdad.sandbox.outside import addresses, advertised, drops_forwarded, forwarding_rules, hub_rules, names, ways_out

_FIB = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.0
        /24 link UNICAST
     |-- 192.0.2.2
        /32 host LOCAL
Local:
     |-- 192.0.2.2
        /32 host LOCAL
     |-- 169.254.3.4
        /32 host LOCAL
"""
_INET6 = "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n20010db8000000000000000000000002 04 40 00 82     eth0\n"
_ROUTE = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n"
    "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
)
_NONE = "0" * 32


def _route6(flags: str, device: str, to: str = _NONE, bits: str = "00") -> str:
    return f"{to} {bits} {_NONE} 00 fd000000000000000000000000000001 00000400 00000003 00000000 {flags} {device}\n"


@pytest.mark.parametrize(
    ("texts", "servers"),
    [
        (["nameserver 192.0.2.53\nnameserver 192.0.2.54\n"], ("192.0.2.53", "192.0.2.54")),
        (["nameserver 127.0.0.53\n", "nameserver 192.0.2.53\n"], ("192.0.2.53",)),
        (["nameserver 127.0.0.53\nnameserver ::1\n", "", "nameserver 198.51.100.1"], ("198.51.100.1",)),
        (["# nameserver 192.0.2.53\nnameserver\nnameserver nonsense; }\n"], ()),
        (["nameserver fe80::1%eth0\nnameserver 2001:db8::53\n"], ()),
        (["".join(f"nameserver 192.0.2.{n}\n" for n in range(5))], ("192.0.2.0", "192.0.2.1", "192.0.2.2")),
        ([], ()),
    ],
)
def test_name_servers_are_those_that_a_sandbox_can_reach(texts: list[str], servers: tuple[str, ...]) -> None:
    assert names(texts, ipv6=False).servers == servers


def test_what_else_resolv_conf_says_is_kept() -> None:
    found = names(["search a.example  b.example\nnameserver 2001:db8::53\noptions ndots:2\nsortlist x\n"], ipv6=True)
    assert found.text() == "nameserver 2001:db8::53\nsearch a.example b.example\noptions ndots:2\n"


def test_the_hosts_own_addresses() -> None:
    assert addresses(_FIB, _INET6) == ("192.0.2.2", "2001:db8::2")


def test_the_devices_of_default_routes() -> None:
    routes6 = _route6("00000003", "eth1") + _route6("80200001", "lo") + _route6("00000003", "eth2", "fd" + "0" * 30, "40")
    assert ways_out(_ROUTE, routes6) == (("eth0",), ("eth1",))
    assert ways_out("", "") == ((), ())


def test_a_route_that_a_router_advertises() -> None:
    assert advertised(_route6("00450003", "eth0"))
    assert not advertised(_route6("00000003", "eth0"))


def test_link_local_and_loopback_addresses_are_nowhere() -> None:
    refused = [ipaddress.ip_network(each) for each in (*outside._NOWHERE, *outside._NOWHERE6)]
    for address in ("127.0.0.1", "169.254.169.254", "224.0.0.251", "255.255.255.255", "0.0.0.0", "fe80::1", "ff02::1", "::1"):
        assert any(ipaddress.ip_address(address) in network for network in refused), address
    for address in ("192.0.2.1", "10.0.0.1", "100.64.0.1", "2001:db8::1", "fd00::1"):
        assert not any(ipaddress.ip_address(address) in network for network in refused), address


def test_a_host_that_drops_what_it_should_forward() -> None:
    docker = """table inet other {
	chain a {
		type filter hook forward priority filter; policy accept;
	}
}
table ip filter {
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
}
"""
    assert drops_forwarded(docker) == "ip filter"
    assert drops_forwarded(docker.replace("drop", "accept")) is None
    assert drops_forwarded("") is None


def test_rules_say_what_they_are_told() -> None:
    rules = hub_rules(["192.0.2.53", "2001:db8::53"], ["192.0.2.2", "2001:db8::2"])
    assert "ip daddr { 192.0.2.53 } meta l4proto { tcp, udp } th dport 53 accept" in rules
    assert "ip6 daddr { 2001:db8::53 } meta l4proto { tcp, udp } th dport 53 accept" in rules
    assert "192.0.2.2 }" in rules
    assert "dport 53" not in hub_rules([])
    assert 'iifname { "eth0", "eth1" } ct state new' in forwarding_rules("ip", ["eth0", "eth1"])
    assert "iifname" not in forwarding_rules("ip", [])

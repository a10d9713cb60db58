"""The world beyond a sandbox: what this host knows of it, and the rules by which functions reach it. Pure functions of texts.

There are two sets of rules. A hub's says what leaves a launcher's sandboxes (`launcher.hub`); with root the host's says what of
that may pass the host. Both are made once and name no sandbox.
Facts: nft(8), resolv.conf(5), RFC 6890 (special addresses), RFC 3927 (link-local).
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lambdad.sandbox.launcher.links import HUB, PREFIX

FORWARDING = "lambdad-forwarding"
"""The table, one for each family, that stands as long as the host forwards only because a lambdad has told it to."""
UPLINK = "ld"
"""How the host's ends of uplinks begin."""

_NOWHERE = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
_NOWHERE6 = ("::/127", "::ffff:0:0/96", "fe80::/10", "fec0::/10", "ff00::/8")
"""This host, loopback, link-local, multicast, reserved and broadcast."""
_METADATA = ("100.100.100.200", "168.63.129.16", "192.0.0.192")
_METADATA6 = ("fd00:ec2::254",)
"""What clouds tell their machines, credentials included, and have not at 169.254.169.254: Alibaba's, Azure's, Oracle's; EC2's
by IPv6."""
_MOST_NAME_SERVERS = 3
"""MAXNS of resolv.conf(5)."""
_MOST_CONNECTIONS = 4096
"""Of one sandbox at a time, flows of UDP included, which last for half a minute. The kernel keeps each in a table that is the
whole host's, and drops everybody's packets when that is full."""
_REFUSE = "reject with icmpx type admin-prohibited"
_ADDRCONF = 0x00040000
"""RTF_ADDRCONF, of a route that a router has advertised; linux/ipv6_route.h."""


@dataclass(frozen=True, slots=True)
class Names:
    """How names are looked up inside."""

    servers: tuple[str, ...]
    options: tuple[str, ...] = ()
    """The other lines of resolv.conf."""

    def text(self) -> str:
        return "".join(f"{line}\n" for line in (*(f"nameserver {server}" for server in self.servers), *self.options))


def names(texts: Iterable[str], ipv6: bool) -> Names:
    """From the texts of resolv.conf in the order of preference: of the first that names a server which a sandbox can reach. A
    loopback address is none (it is the host's stub, such as 127.0.0.53), nor one with a zone, nor IPv6 where there is none."""
    for text in texts:
        servers, options = [], []
        for line in text.splitlines():
            words = line.split()
            if words[:1] == ["nameserver"] and len(words) > 1:
                servers += [words[1]] if _reachable(words[1], ipv6) else []
            elif words[:1] in (["search"], ["domain"], ["options"]):
                options.append(" ".join(words))
        if servers:
            return Names(tuple(servers[:_MOST_NAME_SERVERS]), tuple(options))
    return Names(())


def _reachable(server: str, ipv6: bool) -> bool:
    try:
        address = ipaddress.ip_address(server)
    except ValueError:
        return False
    if address.version == 6 and (not ipv6 or address.is_link_local):
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_multicast)


def addresses(fib_trie: str, if_inet6: str) -> tuple[str, ...]:
    """This host's own, but those that are nowhere anyway; from /proc/net/fib_trie and /proc/net/if_inet6."""
    found = re.findall(r"\|-- (\S+)\n\s+/32 host LOCAL", fib_trie)
    found += [str(ipaddress.IPv6Address(int(line.split()[0], 16))) for line in if_inet6.splitlines() if line.strip()]
    all_ = {ipaddress.ip_address(each) for each in found}
    return tuple(sorted(str(each) for each in all_ if not (each.is_loopback or each.is_link_local)))


def ways_out(route: str, ipv6_route: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The devices of the default routes, of IPv4 and of IPv6; from /proc/net/route and /proc/net/ipv6_route."""
    rows = [line.split() for line in route.splitlines()[1:]]
    four = {row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"}
    return tuple(sorted(four)), tuple(sorted({row[9] for row in _defaults6(ipv6_route)}))


def advertised(ipv6_route: str) -> bool:
    """Whether a default route comes from a router's advertisements, which a host that forwards does not hear any more."""
    return any(int(row[8], 16) & _ADDRCONF for row in _defaults6(ipv6_route))


def _defaults6(ipv6_route: str) -> list[list[str]]:
    rows = [line.split() for line in ipv6_route.splitlines()]
    return [row for row in rows if len(row) == 10 and row[0] == "0" * 32 and row[1] == "00" and row[9] != "lo"]


def drops_forwarded(chains: str) -> str | None:
    """The table of the host's own that lets nothing be forwarded but what it names, as Docker's does; from `nft list
    chains`."""
    table = ""
    for line in chains.splitlines():
        words = line.split()
        if words[:1] == ["table"]:
            table = " ".join(words[1:3])
        elif "hook forward" in line and "policy drop" in line:
            return table
    return None


def hub_rules(servers: Sequence[str], refused: Sequence[str] = ()) -> str:
    """`refused`: addresses of the host, where no rules of the host's own see to it."""
    no4, no6 = _split(refused)
    return f"""
table inet lambdad {{
  chain spoofed {{
    type filter hook prerouting priority raw; policy accept;
    iifname "{PREFIX}*" fib saddr . iif oif 0 drop
  }}
  chain input {{
    type filter hook input priority filter; policy drop;
    iifname "{HUB}" icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept
    iifname "{HUB}" ct state established,related accept
    iifname "{PREFIX}*" {_REFUSE}
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop;
    ct state invalid drop
    iifname "{HUB}" oifname "{PREFIX}*" ct state established,related accept
    iifname "{PREFIX}*" oifname "{HUB}" jump outward
    iifname "{PREFIX}*" {_REFUSE}
  }}
  set busy {{
    type ipv4_addr; size 65535; flags dynamic;
  }}
  set busy6 {{
    type ipv6_addr; size 65535; flags dynamic;
  }}
  chain outward {{
    ct state new add @busy {{ ip saddr ct count over {_MOST_CONNECTIONS} }} {_REFUSE}
    ct state new add @busy6 {{ ip6 saddr ct count over {_MOST_CONNECTIONS} }} {_REFUSE}
{_lookups(servers)}
    ip daddr {{ {", ".join((*_NOWHERE, *_METADATA, *no4))} }} {_REFUSE}
    ip6 daddr {{ {", ".join((*_NOWHERE6, *_METADATA6, *no6))} }} {_REFUSE}
    accept
  }}
  chain leaving {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "{HUB}" masquerade
  }}
}}
"""


def host_rules(table: str, uplinks: str, servers: Sequence[str]) -> str:
    """`uplinks`: how the host's ends of this lambdad's begin. Whatever address is the host's, now or later, is refused, before
    anything of the host could send a packet for it elsewhere, to a container for instance."""
    ours = f'"{uplinks}*"'
    return f"""
table inet {table} {{
  chain names {{
{_lookups(servers)}
  }}
  chain arriving {{
    type filter hook prerouting priority raw; policy accept;
    iifname {ours} jump arrived
  }}
  chain arrived {{
    jump names
    fib daddr type local {_REFUSE}
    fib daddr type {{ broadcast, multicast, anycast }} drop
  }}
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname {ours} jump entered
  }}
  chain entered {{
    jump names
    drop
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname {ours} oifname "{UPLINK}*" drop
    iifname {ours} ct state invalid drop
    iifname {ours} tcp flags syn tcp option maxseg size set rt mtu
    oifname {ours} ct state established,related accept
    oifname {ours} drop
  }}
  chain leaving {{
    type nat hook postrouting priority srcnat; policy accept;
    iifname {ours} masquerade
  }}
}}
"""


def forwarding_rules(family: str, devices: Sequence[str]) -> str:
    """What keeps a host that forwards for lambdad's sake from being everybody's router: nothing new from the devices of its
    default routes but what the host itself has sent on (a container's published port)."""
    listed = ", ".join(f'"{device}"' for device in devices)
    rule = f"iifname {{ {listed} }} ct state new ct status ! dnat drop" if devices else ""
    return f"""
table {family} {FORWARDING} {{
  chain forward {{
    type filter hook forward priority filter; policy accept;
    {rule}
  }}
}}
"""


def _lookups(servers: Sequence[str]) -> str:
    four, six = _split(servers)
    lines = [
        f"    {kind} daddr {{ {', '.join(group)} }} meta l4proto {{ tcp, udp }} th dport 53 accept"
        for kind, group in (("ip", four), ("ip6", six))
        if group
    ]
    return "\n".join(lines)


def _split(addresses: Sequence[str]) -> tuple[list[str], list[str]]:
    return [each for each in addresses if ":" not in each], [each for each in addresses if ":" in each]

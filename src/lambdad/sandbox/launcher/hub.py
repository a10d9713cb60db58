"""The hub: a network namespace between a launcher's sandboxes and the host, in which the launcher lives.

Each sandbox has a pair of devices to it, and it has one way out: with root another pair to the host, without root the tap
device of `pasta`, a program that makes of its packets an ordinary user's connections. Rules of nftables, the same for every
sandbox and made once, say what passes. It is gone with its launcher.

Also a program, `python -I -S hub.py`, that tries whether all this can be had here: it reads {"user_namespace", "nft", "ipv6",
"rules"} as JSON from stdin and ends with status 0, or with a line on stderr. What it makes is gone with it.
"""

import json
import os
import signal
import sys
from typing import Any, Dict, List

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import kernel  # type: ignore[import-not-found, unused-ignore]
    import links  # type: ignore[import-not-found, unused-ignore]
else:
    from lambdad.sandbox.launcher import kernel, links


def make(order: "Dict[str, Any]", place: str) -> None:
    """{"nft", "rules", "ipv6", "name" (of the host's end, with root), "pasta" (its command, without)}; the caller lives in it
    from now on. `place`: a directory to mount something at meanwhile."""
    if order["pasta"]:
        _behind_pasta(order["pasta"], place)
    else:
        _behind_host(order["name"], order["ipv6"])
    _switch_on(order["ipv6"])
    load(order["nft"], order["rules"])


def _behind_host(name: str, ipv6: bool) -> None:
    host = links.Routes()
    kernel.unshare(kernel.NEWNET)
    hub = links.Routes()
    host.apply([links.pair(name, links.HUB, os.getpid(), 0, 2)])
    ends = links.uplink(host.index(name), ipv6)
    host.apply(ends.hub)
    hub.apply(ends.inside)
    host.close()
    hub.close()


def _behind_pasta(command: "List[str]", place: str) -> None:
    """It has to be started where the host's network is, and ends the start when it has gone to the background."""
    ready, made = os.pipe()
    name = os.path.join(place, "net")
    starter = os.fork()
    if starter == 0:
        os.close(made)
        os.read(ready, 1)
        os.closerange(3, 65536)  # the way to lambdad, above all
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # every Python ignores it, and pasta takes that for a failure
        os.execv(command[0], [*command, "--netns-only", "--netns", name])
    os.close(ready)
    kernel.unshare(kernel.NEWNET)
    kernel.loopback_up()
    # By a name like those of ip-netns(8): through /proc it would need privileges that it has given up by then.
    kernel.make_slave("/")
    kernel.mount("tmpfs", place, kernel.MS_NOSUID | kernel.MS_NODEV, "size=4k")
    os.close(os.open(name, os.O_CREAT, 0o600))
    kernel.bind("/proc/self/ns/net", name, kernel.ATTR_NOSUID)
    os.close(made)
    status = os.waitstatus_to_exitcode(os.waitpid(starter, 0)[1])
    kernel.detach(place)
    if status:  # a host that is offline, for instance: then there is a hub without a way out
        sys.stderr.write(f"lambdad: pasta ended with status {status}; these functions do not reach the outside\n")


def _switch_on(ipv6: bool) -> None:
    links.setting("ipv4/ip_forward", "1")
    if ipv6:
        links.setting("ipv6/conf/all/forwarding", "1")
    links.settle(ipv6)


def load(nft: str, rules: str) -> None:
    """Into the present network namespace."""
    import subprocess  # here, since the launchers of other reaches would pay for it

    done = subprocess.run([nft, "-f", "-"], input=rules, capture_output=True, text=True, env={}, check=False)
    if done.returncode:
        raise OSError(0, "nft: " + (done.stderr.strip().splitlines() or ["it gave no reason"])[0])


def attempt(order: "Dict[str, Any]") -> None:
    if order["user_namespace"]:
        kernel.become_root()
    kernel.unshare(kernel.NEWNET)
    routes = links.Routes()
    routes.apply([links.pair("a", "b", os.getpid())])
    _switch_on(order["ipv6"])
    for rules in order["rules"]:
        load(order["nft"], rules)


if __name__ == "__main__":
    try:
        attempt(json.load(sys.stdin))
    except OSError as error:
        sys.exit(str(error.strerror or error))

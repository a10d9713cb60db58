"""Which Host headers are served, and which web pages may call.

A page that a browser shows can send requests to the loopback address. Two things keep it from using lambdad: its name, bound to
127.0.0.1 by its owner's DNS (rebinding), is refused here because of the Host header; and a plain cross-site request is refused
because of the headers that browsers add by themselves. There are no CORS headers. What somebody opens in a browser, typed or
from a link, is answered only where it asks lambdad itself (`/_lambdad/`), or has an Authorization header.
"""

import ipaddress
from collections.abc import Iterable, Mapping

# Nobody but AWS can make names under these; clients that are pointed here by DNS or a proxy keep AWS's names.
_SUFFIXES = (".localhost", ".amazonaws.com", ".api.aws", ".on.aws")
# Host values that were accepted are remembered, up to this many.
_REMEMBERED = 256


class Hosts:
    """`loopback`: the server is bound to a loopback address; else every Host is served. `extra`: further names."""

    def __init__(self, *, loopback: bool = True, extra: Iterable[str] = ()) -> None:
        self._loopback = loopback
        self._extra = frozenset(name.lower() for name in extra)
        self._accepted: set[str] = set()

    def allows(self, host: str | None) -> bool:
        """`host` is the header's value, with or without a port; None for an HTTP/1.0 request without one."""
        if not self._loopback or host in self._accepted:
            return True
        if host is None or not self._is_ours(host_name(host)):
            return host is None
        if len(self._accepted) < _REMEMBERED:
            self._accepted.add(host)
        return True

    def _is_ours(self, name: str) -> bool:
        return is_loopback(name) or name in self._extra or name.endswith(_SUFFIXES)


def is_loopback(name: str) -> bool:
    """`localhost`, or an address of the loopback interface."""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """Without port and brackets, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() and ":" in name else name


def from_foreign_page(headers: Mapping[str, str]) -> bool:
    """A browser sent this for a page of another site."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()

"""What a sandbox's root is made of: the plan that the launcher's first half carries out, step by step.

Steps (executed by `launcher.enter`): `["directory", path, mode]`, `["file", path, text]`, `["link", path, target]`,
`["copy", path, source]`, `["bind", path, source]` (read-only, no devices, no set-uid), `["device", path, source]`,
`["tmpfs", path, options]`, `["cover", path]` (an empty directory over the one that is there).
Paths are those of the inside; sources are the host's.
Paths of the inside are those of AWS's own images: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lambdad.domain.runtimes import RUNTIMES, Family
from lambdad.sandbox.api import Interpreter, SandboxFailure

TASK_ROOT = "/var/task"
OPT_ROOT = "/opt"
TMP = "/tmp"
RUNTIME_ROOT = "/var/runtime"
LANGUAGE_ROOT = "/var/lang"

_PRIVATE = "/.lambdad"
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_BOUND_ETC = ("ssl/certs", "pki/tls/certs", "pki/ca-trust/extracted", "ca-certificates", "crypto-policies", "alternatives")
_COPIED_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "mime.types",
    "services",
    "protocols",
    "ssl/openssl.cnf",
    "resolv.conf",
    "os-release",
)

_PASSWD = """root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:Kernel Overflow User:/:/sbin/nologin
sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin
"""
_GROUP = "root:x:0:\nnobody:x:65534:\nsbx_user1051:x:990:\n"
_HOSTS = "127.0.0.1 localhost localhost.localdomain\n::1 localhost6 localhost6.localdomain6\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n"

ENVIRONMENT = {
    "LANG": "en_US.UTF-8",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "TZ": ":UTC",
}
"""What a runtime that is executed before START has; START brings the function's own."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where on the host the parts come from."""

    runtimes: Path
    """Holds `python`, `nodejs`, …: the programs that run inside."""
    launcher: Path
    """The launcher's own programs."""
    own: Path
    """The real executable of the interpreter that lambdad runs on; runs the launchers of runtimes that are not Python's."""
    packages: tuple[Path, ...] = ()
    """Pure Python packages and modules that functions find at /var/runtime: boto3 and what it needs."""
    host: Path = field(default=Path("/"))
    names: str | None = None
    """What /etc/resolv.conf says inside; None: what the host's says."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a launcher for one runtime builds and executes."""

    family: Family
    plan: list[list[Any]]
    execute: list[str]
    """The launcher's second half."""
    environment: dict[str, str]
    runtime: list[str]
    """What a runtime process executes at once; empty where it does not."""


def program(interpreter: Interpreter, sources: Sources) -> Program:
    """Raises SandboxFailure where the interpreter lies in no directory `bin`."""
    family = RUNTIMES[interpreter.identifier].family
    plan = _system(sources.host) + _etc(sources.host, sources.names) + _devices() + _empty()
    runtime: list[str] = []
    if family == "python":
        assert interpreter.executable is not None
        executable = f"{LANGUAGE_ROOT}/bin/{interpreter.executable.name}"
        plan += _python(interpreter.executable, LANGUAGE_ROOT)
        libraries = f"{LANGUAGE_ROOT}/lib"
    else:
        executable = f"{_PRIVATE}/lang/bin/{sources.own.name}"
        plan += _python(sources.own, f"{_PRIVATE}/lang")
        libraries = f"{_PRIVATE}/lang/lib"
    if family == "nodejs":
        assert interpreter.executable is not None
        plan += _node(interpreter.executable)
        runtime = [f"{LANGUAGE_ROOT}/bin/node", f"{RUNTIME_ROOT}/index.mjs"]
    plan += _runtime(family, sources)
    plan.append(["bind", f"{_PRIVATE}/launcher", str(sources.launcher)])
    return Program(
        family,
        plan,
        [executable, "-I", "-S", "-X", "utf8", f"{_PRIVATE}/launcher/main.py"],
        {"LANG": "C.UTF-8", "TZ": ":UTC", "LD_LIBRARY_PATH": libraries, "LD_BIND_NOW": "1", "PATH": "/usr/bin:/bin"},
        runtime,
    )


def _system(host: Path) -> list[list[Any]]:
    steps: list[list[Any]] = [["bind", "/usr", str(host / "usr")]]
    for name in _SYSTEM:
        path = host / name
        if path.is_symlink():
            steps.append(["link", f"/{name}", str(path.readlink())])
        elif path.is_dir():
            steps.append(["bind", f"/{name}", str(path)])
    if (host / "nix/store").is_dir():
        steps.append(["bind", "/nix/store", str(host / "nix/store")])
    return steps


def _etc(host: Path, names: str | None) -> list[list[Any]]:
    etc = host / "etc"
    steps: list[list[Any]] = [
        ["file", "/etc/passwd", _PASSWD],
        ["file", "/etc/group", _GROUP],
        ["file", "/etc/hosts", _HOSTS],
        ["file", "/etc/nsswitch.conf", _NSSWITCH],
        ["link", "/etc/localtime", "/usr/share/zoneinfo/UTC"],
    ]
    steps += [["bind", f"/etc/{name}", str(etc / name)] for name in _BOUND_ETC if (etc / name).is_dir()]
    if names is not None:
        steps.append(["file", "/etc/resolv.conf", names])
    for name in _COPIED_ETC:
        source = etc / name
        if name == "resolv.conf" and names is not None:
            continue
        if source.is_file() and os.access(source, os.R_OK):
            steps.append(["copy", f"/etc/{name}", str(source.resolve())])
    return steps


def _devices() -> list[list[Any]]:
    steps: list[list[Any]] = [["directory", "/dev", 0o755], ["directory", "/dev/shm", 0o755]]
    steps += [["device", f"/dev/{name}", f"/dev/{name}"] for name in _DEVICES]
    links = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
    steps += [["link", f"/dev/{name}", target] for name, target in links.items()]
    return steps


def _empty() -> list[list[Any]]:
    return [["directory", path, 0o755] for path in (TASK_ROOT, OPT_ROOT, TMP, "/home", "/root", "/var/tmp", RUNTIME_ROOT)]


def _prefix(executable: Path) -> Path:
    if executable.parent.name != "bin":
        raise SandboxFailure(f"{executable} does not lie in a directory bin, so its libraries cannot be found")
    return executable.parent.parent


def _python(executable: Path, target: str) -> list[list[Any]]:
    prefix = _prefix(executable)
    steps: list[list[Any]] = [["bind", target, str(prefix)]]
    if str(prefix) != "/usr":
        # What somebody has installed for themselves is not there on AWS, and would only seem to work.
        steps += [["cover", f"{target}/{path.relative_to(prefix)}"] for path in _site_packages(prefix)]
    return steps


def _site_packages(prefix: Path) -> list[Path]:
    return sorted(path for path in prefix.glob("lib/python3*/site-packages") if path.is_dir())


def _node(executable: Path) -> list[list[Any]]:
    prefix = executable.parent.parent
    if executable.parent.name == "bin" and executable.name == "node" and str(prefix) not in ("/", "/usr"):
        return [["bind", LANGUAGE_ROOT, str(prefix)]]
    return [["directory", f"{LANGUAGE_ROOT}/bin", 0o755], ["bind", f"{LANGUAGE_ROOT}/bin/node", str(executable)]]


def _runtime(family: Family, sources: Sources) -> list[list[Any]]:
    steps: list[list[Any]] = []
    files = sources.runtimes / family
    if files.is_dir():
        steps.append(["copy", RUNTIME_ROOT, str(files)])
    if family == "python":
        steps += [["bind", f"{RUNTIME_ROOT}/{path.name}", str(path)] for path in sources.packages]
    return steps


def packages(site: Sequence[Path], names: Sequence[str]) -> tuple[Path, ...]:
    """Those of the packages and single-file modules that are found in the directories; the first place wins."""
    found: dict[str, Path] = {}
    for name in names:
        for directory in site:
            for path in (directory / name, directory / f"{name}.py"):
                if path.exists():
                    found.setdefault(name, path.resolve())
    return tuple(found.values())

"""What this host offers: isolation level, control groups, interpreters; and for what is missing, how to get it.

`inspect` reads files, runs each interpreter once to ask for its version, and tries a network of its own. The rest are pure
functions of texts.
Facts: user_namespaces(7), namespaces(7), cgroups(7), capabilities(7); Ubuntu's restriction:
https://ubuntu.com/blog/ubuntu-23-10-restricted-unprivileged-user-namespaces
"""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lambdad.domain.runtimes import RUNTIMES
from lambdad.sandbox.api import Interpreter, Level
from lambdad.sandbox.cgroups import CONTROLLERS, Layout, parse_layout
from lambdad.sandbox.egress import Egress, find
from lambdad.sandbox.launcher import landlock
from lambdad.sandbox.requirement import Requirement

_OLDEST_KERNEL = (5, 12)
"""mount_setattr(2); what else the launcher needs is older."""
_CAPABILITIES = {
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_SETPCAP": 8,
    "CAP_NET_ADMIN": 12,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_ADMIN": 21,
}
"""What a launcher of root's needs; linux/capability.h."""
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_ASK = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(getattr(sys, '_base_executable', sys.executable))"
_SLOWEST_ANSWER = 10.0
"""Seconds that an interpreter may take to tell its version."""


@dataclass(frozen=True, slots=True)
class Host:
    level: Level
    """The strongest that is offered. `process` isolates nothing and has to be asked for."""
    root: bool
    """lambdad is root with the capabilities that the launcher needs, so no user namespace is put around it."""
    user_namespaces: bool
    cgroups: Layout
    """Only the controllers that can be used; version 0 where there are none."""
    architecture: str
    """`x86_64` or `arm64`, in AWS's spelling."""
    requirements: tuple[Requirement, ...]
    interpreters: tuple[Interpreter, ...]
    remarks: tuple[str, ...] = ()
    """Interpreters that were found and cannot be used, with the reason."""
    egress: Egress | None = None
    """With what functions reach the outside; None where they cannot."""


def inspect(
    home: Path | None,
    path: str,
    root: Path = Path("/"),
    ask: "Callable[[Path, str], str | None] | None" = None,
    *,
    network: bool = False,
) -> Host:
    """`home`: of the user, for pyenv's, uv's and nvm's installations; `path`: the PATH to search. Takes some 100 ms, and
    another 50 for `network`: whether functions can reach the outside.

    `root` and `ask` (executable, family → output of its version question, None if it fails) are there for tests.
    """
    facts = _Facts(root)
    is_root = facts.is_root()
    user_namespaces, namespace_requirement = facts.user_namespaces(is_root)
    layout, limit_requirements = _limits(facts.layout())
    requirements = (
        facts.system(),
        facts.kernel(),
        facts.filters(),
        facts.landlock(),
        namespace_requirement,
        facts.proc(),
        *limit_requirements,
    )
    possible = all(requirement.met for requirement in requirements if requirement.needed_for == "namespaces")
    level: Level = "namespaces" if possible and (is_root or user_namespaces) else "process"
    outside: Egress | None = None
    if network and level == "namespaces":
        outside, network_requirements = find(root, path, is_root)
        requirements += network_requirements
    architecture = _ARCHITECTURES.get(platform.machine().lower(), platform.machine())
    found, remarks = interpreters(candidates(home, path, root), ask or _ask)
    return Host(level, is_root, user_namespaces, layout, architecture, requirements, found, remarks, outside)


class _Facts:
    """Texts of /proc and /sys below a root directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _text(self, name: str) -> str | None:
        try:
            return (self._root / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None  # not there, or not ours to read: the same for whoever asks

    def is_root(self) -> bool:
        status = self._text("proc/self/status") or ""
        return has_capabilities(status) and os.geteuid() == 0

    def system(self) -> Requirement:
        linux = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")
        found = f"{platform.system()} on {platform.machine()}"
        return Requirement("Linux", linux, found, "" if linux else "Run lambdad on Linux (x86-64 or arm64) to get sandboxes.")

    def kernel(self) -> Requirement:
        release = (self._text("proc/sys/kernel/osrelease") or platform.release()).strip()
        new = kernel_version(release) >= _OLDEST_KERNEL
        remedy = "" if new else f"Update the kernel to {'.'.join(map(str, _OLDEST_KERNEL))} or later."
        return Requirement("kernel", new, release, remedy)

    def filters(self) -> Requirement:
        """Of system calls. proc_pid_status(5): the line is there, since 5.9, where the kernel has them."""
        there = "\nSeccomp_filters:" in (self._text("proc/self/status") or "")
        remedy = "" if there else "Use a kernel that is built with CONFIG_SECCOMP_FILTER."
        return Requirement("system call filters", there, "seccomp" if there else "not in this kernel", remedy)

    def landlock(self) -> Requirement:
        version = landlock.abi()
        met = version >= landlock.OLDEST
        remedy = (
            ""
            if met
            else "Use a kernel from 5.19 on that is built with CONFIG_SECURITY_LANDLOCK, with landlock in its boot option lsm=."
        )
        return Requirement("Landlock", met, f"ABI {version}" if version else "not in this kernel", remedy, "hardening")

    def user_namespaces(self, is_root: bool) -> tuple[bool, Requirement]:
        most = (self._text("proc/sys/user/max_user_namespaces") or "").strip()
        reason = user_namespace_obstacle(
            most,
            (self._text("proc/sys/kernel/unprivileged_userns_clone") or "").strip(),
            (self._text("proc/sys/kernel/apparmor_restrict_unprivileged_userns") or "").strip(),
            is_root,
        )
        if reason is None:
            return True, Requirement("user namespaces", True, f"up to {most}")
        found, remedy = reason
        needed = "hardening" if is_root else "namespaces"
        return False, Requirement("user namespaces", False, found, remedy, needed)

    def proc(self) -> Requirement:
        """In a user namespace the kernel lets /proc be mounted only where the present one is seen whole."""
        mounts = self._text("proc/self/mountinfo") or ""
        covered = covered_proc(mounts)
        if not covered or self.is_root():
            return Requirement("/proc", True, "can be mounted")
        remedy = (
            "Run the container with --security-opt systempaths=unconfined (Docker) or unmask=ALL (Podman), or lambdad as root."
        )
        return Requirement("/proc", False, f"partly covered ({', '.join(covered[:3])})", remedy)

    def layout(self) -> Layout:
        own, mounts = self._text("proc/self/cgroup"), self._text("proc/self/mountinfo")
        return Layout(0, {}) if own is None or mounts is None else parse_layout(own, mounts)


def has_capabilities(status: str) -> bool:
    """From the text of /proc/self/status."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    effective = int(match[1], 16) if match else 0
    return all(effective >> number & 1 for number in _CAPABILITIES.values())


def kernel_version(release: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def user_namespace_obstacle(most: str, clone: str, apparmor: str, is_root: bool) -> tuple[str, str] | None:
    """What is in the way, and the remedy; from the values of three settings ("" where the kernel has no such setting)."""
    if not most:
        return "not in this kernel", "Use a kernel that is built with CONFIG_USER_NS."
    if most == "0":
        return "user.max_user_namespaces is 0", "Allow them: sysctl -w user.max_user_namespaces=15000 (and in /etc/sysctl.d)."
    if clone == "0" and not is_root:
        remedy = "Allow them: sysctl -w kernel.unprivileged_userns_clone=1 (and in /etc/sysctl.d)."
        return "kernel.unprivileged_userns_clone is 0", remedy
    if apparmor == "1" and not is_root:
        remedy = (
            "Allow them: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (and in /etc/sysctl.d), or give lambdad's "
            "interpreter an AppArmor profile with the rule userns, or run lambdad as root."
        )
        return "AppArmor keeps them from ordinary users", remedy
    return None


def covered_proc(mounts: str) -> list[str]:
    """What is mounted over parts of /proc, from the text of /proc/self/mountinfo."""
    points = [line.split(" ")[4] for line in mounts.splitlines() if line.count(" ") > 4]
    # binfmt_misc is mounted on a directory that is empty by rights, which hides nothing: the kernel does not mind.
    return [point for point in points if point.startswith("/proc/") and point != "/proc/sys/fs/binfmt_misc"]


def _limits(layout: Layout) -> tuple[Layout, tuple[Requirement, ...]]:
    """Which controllers can be used here, and a requirement for each."""
    names = {"memory": "memory limit", "cpu": "CPU limit", "pids": "limit of processes"}
    usable: dict[str, Path] = {}
    requirements = []
    for controller in CONTROLLERS:
        directory = layout.directories.get(controller)
        if directory is None:
            found = "no control groups" if layout.version == 0 else "the controller is not mounted"
        elif not os.access(directory, os.W_OK) or not _delegated(layout, directory, controller):
            found = f"cgroup v{layout.version}, not ours to use"
        else:
            usable[controller] = directory
            requirements.append(
                Requirement(names[controller], True, f"cgroup v{layout.version} at {directory}", "", controller)
            )
            continue
        requirements.append(Requirement(names[controller], False, found, _remedy(layout), controller))
    if layout.version == 2 and len(usable) < len(CONTROLLERS):
        usable = {}  # one directory for all: a group of ours has every controller or none
    return Layout(layout.version if usable else 0, usable, layout.top), tuple(requirements)


def _delegated(layout: Layout, directory: Path, controller: str) -> bool:
    if layout.version == 1:
        return True
    try:
        names = (directory / "cgroup.controllers").read_text().split()
    except OSError:
        return False  # no control group directory at all
    return controller in names and os.access(directory / "cgroup.subtree_control", os.W_OK)


def _remedy(layout: Layout) -> str:
    if layout.version == 2:
        return (
            "Start lambdad in a group of its own: systemd-run --user --scope -p Delegate=yes lambdad up "
            "(as a service: Delegate=yes; in a container: --cgroupns=private with a writable /sys/fs/cgroup)."
        )
    if layout.version == 1:
        return "Run lambdad as root, or boot with systemd.unified_cgroup_hierarchy=1 and delegate a group to its user."
    return "Mount the control groups (a container needs /sys/fs/cgroup, writable)."


def candidates(home: Path | None, path: str, root: Path = Path("/")) -> list[tuple[str, Path]]:
    """(family, executable) of every interpreter in the usual places, real files only, each once; the first found goes first.

    Shims (pyenv's are shell scripts) are left out: what they would run is found where it is installed.
    """
    directories = [Path(entry) for entry in path.split(os.pathsep) if entry.startswith("/")]
    directories += [root / "usr/local/bin", root / "usr/bin", root / "opt/node/bin"]
    if home is not None:
        directories += sorted(home.glob(".pyenv/versions/*/bin"), reverse=True)
        directories += sorted(home.glob(".local/share/uv/python/*/bin"), reverse=True)
        directories += sorted(home.glob(".nvm/versions/node/*/bin"), reverse=True)
        directories += [home / ".local/bin", home / ".volta/bin"]
    found: dict[Path, str] = {}
    for directory in directories:
        for family, executable in _programs(directory):
            found.setdefault(executable, family)
    return [(family, executable) for executable, family in found.items()]


def _programs(directory: Path) -> Iterable[tuple[str, Path]]:
    try:
        names = sorted(os.listdir(directory)) if directory.is_dir() else []  # noqa: PTH208 – names are enough
    except OSError:
        return  # a directory of the PATH that is not ours to read
    for name in names:
        family = "python" if re.fullmatch(r"python3(\.\d+)?", name) else "nodejs" if name in ("node", "nodejs") else None
        if family is not None:
            executable = (directory / name).resolve()
            if executable.is_file() and os.access(executable, os.X_OK) and _is_program(executable):
                yield family, executable


def _is_program(executable: Path) -> bool:
    """An ELF file (or Mach-O, on macOS), not a script that stands for one."""
    try:
        with executable.open("rb") as file:
            return file.read(2) != b"#!"
    except OSError:
        return False  # executable, but not readable: the sandbox could not show it either


def _ask(executable: Path, family: str) -> str | None:
    command = [str(executable), "-I", "-S", "-c", _ASK] if family == "python" else [str(executable), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SLOWEST_ANSWER, env={}, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def interpreters(
    found: Sequence[tuple[str, Path]], ask: Callable[[Path, str], str | None]
) -> tuple[tuple[Interpreter, ...], tuple[str, ...]]:
    """The newest patch release for each runtime that AWS knows and still takes, and remarks on what was left out."""
    best: dict[str, Interpreter] = {}
    remarks: list[str] = []
    for family, executable in found:
        answer = (ask(executable, family) or "").split("\n")[0].strip().removeprefix("v")
        match = re.match(r"(\d+)\.(\d+)\.(\d+)", answer)
        if match is None:
            remarks.append(f"{executable} does not tell its version.")
            continue
        identifier = f"python{match[1]}.{match[2]}" if family == "python" else f"nodejs{match[1]}.x"
        known = RUNTIMES.get(identifier)
        if known is None or known.blocked:
            remarks.append(f"{executable} is {answer}, which is no runtime of AWS Lambda now.")
            continue
        if family == "python" and executable.parent.name != "bin":
            remarks.append(f"{executable} does not lie in a directory bin, so its libraries cannot be found.")
            continue
        present = best.get(identifier)
        if present is None or _numbers(answer) > _numbers(present.version):
            best[identifier] = Interpreter(identifier, executable, answer)
    provided = [
        Interpreter(name, None, "") for name, known in RUNTIMES.items() if known.family == "provided" and not known.blocked
    ]
    order: Mapping[str, int] = {name: place for place, name in enumerate(RUNTIMES)}
    return (*sorted(best.values(), key=lambda one: order[one.identifier]), *provided), tuple(remarks)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))

"""Ways out of a sandbox, tried from Python: none leads anywhere."""

import re
from pathlib import Path

import pytest

from lambdad.sandbox.launcher import landlock
from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server
from tests.security.functions import ATTACKER

NO = {"EPERM", "EACCES", "EROFS"}


def test_mounts_and_roots(attacker: Function, victim: Function) -> None:
    source = """
os.makedirs("/tmp/new", exist_ok=True)
answer = {
    "mount": call("mount", b"none", b"/tmp/new", b"tmpfs", 0, None),
    "proc": call("mount", b"none", b"/tmp/new", b"proc", 0, None),
    "bind": call("mount", b"/", b"/tmp/new", None, 4096, None), "remount": call("mount", None, b"/", None, 32, None),
    "shared": call("mount", None, b"/", None, 1 << 20, None), "umount": call("umount2", b"/proc", 2),
    "umount code": call("umount2", b"/var/task", 2), "pivot_root": call("syscall", 155, b"/tmp", b"/tmp/new"),
    "chroot": outcome(os.chroot, "/tmp/new"),
}
"""
    seen = attacker.invoke({"source": source})
    assert {name: how for name, how in seen.items() if how not in NO} == {}


def test_namespaces(attacker: Function, victim: Function) -> None:
    source = """
answer = {}
for kind in (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    answer[hex(kind)] = call("unshare", kind)
for pid in ("1", "self"):
    for name in os.listdir("/proc/self/ns"):
        path = f"/proc/{pid}/ns/{name}"
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            answer[path] = errno.errorcode[error.errno]
            continue
        answer[path] = call("setns", descriptor, 0)
"""
    seen = attacker.invoke({"source": source})
    assert {name: how for name, how in seen.items() if how not in NO} == {}


def test_the_supervisor(attacker: Function, victim: Function) -> None:
    """Process 1 of the sandbox holds the way to lambdad."""
    source = """
answer = {name: outcome(read, f"/proc/1/{name}") for name in ("mem", "environ", "maps", "root/etc/passwd", "auxv", "syscall")}
answer |= {"trace": call("ptrace", 16, 1, None, None), "seize": call("ptrace", 0x4206, 1, None, None)}
answer["descriptors"] = outcome(os.readlink, "/proc/1/fd/3")
answer["vm"] = call("process_vm_readv", 1, None, 0, None, 0, 0)
answer["pidfd_getfd"] = call("syscall", 438, os.pidfd_open(1), 3, 0)
for number in (9, 15, 19, 11, 10):
    os.kill(1, number)
"""
    seen = attacker.invoke({"source": source})
    assert {name: how for name, how in seen.items() if how not in NO} == {}
    assert attacker.invoke({"source": "answer = 'it lives'"}) == "it lives"


def test_what_its_user_may_do_to_the_supervisor_hurts_only_that_environment(make: Maker, victim: Function) -> None:
    """It has the same user, so its limits can be lowered, which is one more way to end one's own environment."""
    function = make.python_function(
        """
import os, resource
def handler(event, context):
    if event.get("hurt"):
        for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_DATA):
            resource.prlimit(1, limit, (1, 1))
        os._exit(3)
    return "fine"
"""
    )
    assert function.invoke() == "fine"
    for _ in range(2):
        function.fail({"hurt": True})
        assert function.invoke() == "fine"


OWN_SETTINGS = re.compile(r"/proc/sys/(kernel/(auto_msgmni|msg\w+|sem|sem_next_id|shm\w+|pid_max)|fs/mqueue/\w+)")
"""Of the sandbox's own IPC and PID namespace: without root they belong to its user."""
LANDLOCK = landlock.best() is not None


def test_settings_of_the_kernel(attacker: Function, victim: Function, server: Server) -> None:
    source = """
wanted = ["/proc/sysrq-trigger", "/proc/self/uid_map", "/proc/self/gid_map", "/proc/self/setgroups", "/proc/1/cgroup"]
for directory, _names, files in os.walk("/proc/sys"):
    wanted += [directory + "/" + name for name in files]
def again(path):
    write(path, open(path).read())
answer = [len(wanted), [path for path in wanted if outcome(again, path) == "done"]]
"""
    tried, written = attacker.invoke({"source": source})
    assert tried > 200
    assert [path for path in written if server.prefix == [] or LANDLOCK or not OWN_SETTINGS.fullmatch(path)] == []


def test_settings_that_are_its_own_are_nobody_elses(attacker: Function, victim: Function) -> None:
    path = Path("/proc/sys/kernel/msgmax")
    before = path.read_text()
    attacker.invoke({"source": f"answer = outcome(write, {str(path)!r}, '12345')"})
    assert path.read_text() == before


def test_control_groups(attacker: Function, victim: Function) -> None:
    source = """
answer = [
    [line for line in open("/proc/self/mountinfo") if " - cgroup" in line or " - sysfs" in line or " - debugfs" in line],
    os.path.exists("/sys"), [path for path in ("/release_agent", "/sys/fs/cgroup", "/cgroup") if os.path.exists(path)],
    call("mount", b"cgroup", b"/tmp", b"cgroup", 0, b"memory"), call("mount", b"cgroup2", b"/tmp", b"cgroup2", 0, None),
]
"""
    assert attacker.invoke({"source": source}) == [[], False, [], "EPERM", "EPERM"]


def test_devices(attacker: Function, victim: Function) -> None:
    source = """
kinds = [(stat.S_IFBLK, 254, 0), (stat.S_IFBLK, 8, 0), (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 5, 1), (stat.S_IFCHR, 10, 229)]
answer = [
    [outcome(os.mknod, "/tmp/device", kind | 0o600, os.makedev(*device)) for kind, *device in kinds],
    sorted(os.listdir("/dev")), outcome(os.listdir, "/dev/shm") if not os.listdir("/dev/shm") else os.listdir("/dev/shm"),
    outcome(os.open, "/dev/tty", os.O_RDWR), outcome(os.mkfifo, "/tmp/fifo"),
]
os.path.exists("/tmp/fifo") and os.unlink("/tmp/fifo")
"""
    made, listed, shared, terminal, pipe = attacker.invoke({"source": source})
    assert set(made) <= NO
    assert listed == sorted(["fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"])
    assert (shared, terminal, pipe) == ("done", "ENXIO", "done")


def test_only_tmp_can_be_written(attacker: Function, victim: Function) -> None:
    source = """
def make(place):
    with open(os.path.join(place, "new-file"), "w"):
        os.unlink(os.path.join(place, "new-file"))
places = {directory for place in os.listdir("/") if place != "proc" for directory, _n, _f in os.walk("/" + place)}
places |= {"/", "/proc", "/dev/shm", "/var/tmp", "/run", "/var/run", "/dev/mqueue"}
answer = sorted(place for place in places if outcome(make, place) == "done")
"""
    found = attacker.invoke({"source": source})
    assert {place for place in found if place != "/tmp" and not place.startswith("/tmp/")} == set()
    assert "/tmp" in found


@pytest.mark.skipif(not LANDLOCK, reason="this kernel has no Landlock")
def test_what_landlock_refuses_although_the_mounts_would_not(attacker: Function, victim: Function) -> None:
    source = """
own = ["comm", "oom_score_adj", "coredump_filter", "timerslack_ns", "clear_refs"]
written = [outcome(write, f"/proc/self/{name}", "1") for name in own]
answer = written, outcome(os.mknod, "/tmp/whiteout", stat.S_IFCHR | 0o600, 0)
"""
    written, device = attacker.invoke({"source": source})
    assert set(written) == {"EACCES"}
    assert device in NO


def test_what_can_be_done_in_tmp(make: Maker) -> None:
    """All that there is to be done with files, in a /tmp of any size, and to the devices that there are."""
    for size in (512, 1024):
        function = make.python_function(ATTACKER, EphemeralStorage={"Size": size})
        source = """
def play():
    os.makedirs("/tmp/a/b"); os.makedirs("/tmp/c")
    write("/tmp/a/b/file", "12345")
    os.rename("/tmp/a/b/file", "/tmp/c/file"); os.link("/tmp/c/file", "/tmp/a/hard"); os.symlink("c/file", "/tmp/link")
    os.truncate("/tmp/c/file", 2); os.mkfifo("/tmp/a/fifo"); os.chmod("/tmp/c/file", 0o600)
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two, socket.socket(socket.AF_UNIX) as three:
        one.bind("/tmp/a/socket"); one.listen(); two.connect("/tmp/a/socket")
        three.bind(chr(0) + "name"); three.listen(); socket.socket(socket.AF_UNIX).connect(chr(0) + "name")
    assert read("/tmp/link") == b"12" == read("/tmp/a/hard")
    subprocess.run(["sh", "-c", "echo hello >/dev/null; head -c 10 /dev/zero >/tmp/c/zeros; rm -r /tmp/a /tmp/c"], check=True)
    child = subprocess.Popen(["sleep", "100"]); child.kill(); assert child.wait() == -9
answer = [outcome(play), os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize >> 20, os.listdir("/tmp")]
"""
        assert function.invoke({"source": source}) == ["done", size, ["link"]]


def test_links_in_tmp(attacker: Function, victim: Function) -> None:
    source = """
for name in ("shadow", "root", "hard"):
    try:
        os.unlink("/tmp/" + name)
    except FileNotFoundError:
        pass
os.symlink("/etc/shadow", "/tmp/shadow")
os.symlink("/proc/1/root", "/tmp/root")
answer = [outcome(read, "/tmp/shadow"), outcome(read, "/tmp/root/etc/passwd"), outcome(os.link, "/usr/bin/env", "/tmp/hard"),
          outcome(os.link, "/etc/passwd", "/tmp/hard"), outcome(os.link, "/var/task/app.py", "/tmp/hard")]
"""
    assert attacker.invoke({"source": source}) == ["ENOENT", "EACCES", "EXDEV", "EXDEV", "EXDEV"]


def test_setuid_programs(make: Maker, victim: Function) -> None:
    """Neither the host's, nor one from the code, nor one of its own gives anybody else's rights."""
    source = """
import glob, os, shutil, stat, subprocess
def identity(program):
    return subprocess.run([program, "-u"], capture_output=True, text=True).stdout.strip()
def handler(event, context):
    shutil.copy("/usr/bin/id", "/tmp/id")
    os.chmod("/tmp/id", 0o6755)
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    hosts = [path for place in ("/usr/bin", "/usr/sbin", "/usr/lib") for path in glob.glob(place + "/*")
             if os.path.isfile(path) and os.stat(path).st_mode & stat.S_ISUID]
    child = "import os; print(os.geteuid(), os.getuid())"
    options = {line.split()[4]: line.split()[5].split(",") for line in open("/proc/self/mountinfo")}
    return [identity("/tmp/id"), identity("/var/task/id"), status["NoNewPrivs"].strip(), len(hosts),
            [place for place, found in options.items() if "nosuid" not in found]]
"""
    script = "#!/bin/sh\nid -u\n"
    function = make.create({"app.py": source, "id": script}, Code={"ZipFile": _with_mode(source, script)})
    own, code, no_new, _hosts, without_nosuid = function.invoke()
    assert (own, code, no_new) == ("993", "993", "1")
    assert without_nosuid == []


def _with_mode(source: str, script: str) -> bytes:
    import io
    import stat
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text, mode in (("app.py", source, 0o644), ("id", script, 0o6755)):
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def test_signals_reach_nobody_else(attacker: Function, victim: Function, bystander: int, server: Server) -> None:
    source = """
answer = [outcome(os.kill, pid, 9) for pid in (event["server"], event["bystander"], 2 ** 22 - 1)]
for pid in range(3, 3000):
    if pid != os.getpid():
        outcome(os.kill, pid, 9)
outcome(os.kill, -1, 9)
"""
    seen = attacker.invoke({"server": server.process.pid, "bystander": bystander, "source": source})
    assert seen == ["ESRCH"] * 3
    assert server.process.poll() is None


@pytest.mark.parametrize("path", ["/proc/kallsyms", "/proc/keys", "/proc/iomem", "/proc/ioports"])
def test_what_can_be_read_of_the_kernel_tells_nothing(attacker: Function, path: str) -> None:
    source = f"""
lines = [line.split() for line in open({path!r}).read().splitlines()] if os.access({path!r}, os.R_OK) else []
answer = sorted({{line[0].strip("0-:") for line in lines}})[:10]
"""
    assert attacker.invoke({"source": source}) == ([""] if path != "/proc/keys" else [])

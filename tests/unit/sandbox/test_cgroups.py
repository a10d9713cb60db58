import errno
import os
from pathlib import Path
from typing import Literal

import pytest

from lambdad.sandbox import cgroups
from lambdad.sandbox.cgroups import Cgroups, GroupV1, GroupV2, Layout, parse_layout, quota_us

_V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
_V1 = """35 24 0:30 / /sys/fs/cgroup ro - tmpfs tmpfs ro
36 35 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
37 35 0:32 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
38 35 0:33 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
39 35 0:34 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""


def test_version_2() -> None:
    group = Path("/sys/fs/cgroup/user.slice/lambdad.scope")
    layout = parse_layout("0::/user.slice/lambdad.scope\n", _V2)
    assert layout == Layout(2, {"memory": group, "cpu": group, "pids": group}, Path("/sys/fs/cgroup"))


def test_version_1_wins_where_it_has_the_controllers() -> None:
    own = "4:memory:/a/b\n3:cpu,cpuacct:/\n2:pids:/p q\n0::/x\n"
    assert parse_layout(own, _V1) == Layout(
        1,
        {
            "memory": Path("/sys/fs/cgroup/memory/a/b"),
            "cpu": Path("/sys/fs/cgroup/cpu,cpuacct"),
            "pids": Path("/sys/fs/cgroup/pids/p q"),
        },
    )


def test_in_a_container_the_mount_is_part_of_the_hierarchy() -> None:
    mounts = "29 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
    assert parse_layout("0::/docker/abc/inner\n", mounts).directories["memory"] == Path("/sys/fs/cgroup/inner")
    assert parse_layout("0::/docker/abc\n", mounts).directories["memory"] == Path("/sys/fs/cgroup")
    assert parse_layout("0::/../other\n", _V2).directories["memory"] == Path("/sys/fs/cgroup")


def test_spaces_in_mount_points_are_escaped() -> None:
    mounts = "29 23 0:26 / /my\\040groups rw - cgroup2 cgroup2 rw\n"
    assert parse_layout("0::/\n", mounts).directories["cpu"] == Path("/my groups")


def test_no_control_groups() -> None:
    assert parse_layout("", "21 1 0:19 / /proc rw - proc proc rw\n") == Layout(0, {})


def test_quota_is_the_share_of_20_ms_but_never_less_than_the_kernel_takes() -> None:
    assert quota_us(1.0) == 20_000
    assert quota_us(128 / 1769) == 1447
    assert quota_us(6.0) == 120_000
    assert quota_us(0.01) == 1000


def _fill(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    """What the kernel puts into a group of version 2."""
    directory = tmp_path / "lambdad-1/s0"
    names = ("memory.max", "memory.high", "memory.oom.group", "pids.max", "cpu.max", "cpu.weight", "cgroup.procs")
    stat = "anon 100\nfile 300\nactive_file 50\ninactive_file 70\nshmem 180\n"
    events = "low 0\nhigh 3\nmax 0\noom 0\noom_kill 2\noom_group_kill 0\n"
    values = {"memory.stat": stat, "memory.events": events, "memory.current": "4096\n", "memory.peak": "8192\n"}
    _fill(directory, {**dict.fromkeys(names, ""), **values})
    return directory


def test_a_group_of_version_2(v2: Path) -> None:
    group = GroupV2(v2)
    group.limit(memory=128, hard=640, processes=1024)
    group.cpu(0.5)
    assert (v2 / "memory.high").read_text() == "128"
    assert (v2 / "memory.max").read_text() == "640"
    assert (v2 / "memory.oom.group").read_text() == "1"
    assert (v2 / "pids.max").read_text() == "1024"
    assert (v2 / "cpu.max").read_text() == "10000 20000"
    assert (v2 / "cpu.weight").read_text() == "1"
    group.prefer()
    assert (v2 / "cpu.weight").read_text().startswith("100")
    assert group.usage() == (4096, 120)
    assert group.peak() == 8192
    assert group.kernel_kills() == 2
    assert len(group.procs) == 1
    (v2 / "cpu.max").write_text("")
    group.cpu(None)
    assert (v2 / "cpu.max").read_text() == "max 20000"
    (v2 / "cgroup.procs").write_text("12\n34\n")
    assert group.processes() == [12, 34]
    group.close()


def test_before_linux_5_19_there_is_no_peak(v2: Path) -> None:
    (v2 / "memory.peak").unlink()
    group = GroupV2(v2)
    assert group.peak() == 4096
    group.close()


def test_version_2_enables_the_controllers_for_the_children(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "lambdad-1"):
        _fill(directory, {"cgroup.subtree_control": "memory\n"})
    groups = Cgroups(Layout(2, dict.fromkeys(("memory", "cpu", "pids"), tmp_path)), "lambdad-1")
    assert groups.watches_memory
    groups.prepare()
    for directory in (tmp_path, tmp_path / "lambdad-1"):
        assert "+memory +cpu +pids" in (directory / "cgroup.subtree_control").read_text()


@pytest.mark.parametrize(("version", "name", "each"), [(1, "cpu.shares", 1024), (2, "cpu.weight", 100)])
def test_all_sandboxes_weigh_as_many_tasks_as_there_are_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: Literal[1, 2], name: str, each: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    for directory in (tmp_path, tmp_path / "lambdad-1"):
        _fill(directory, {"cgroup.subtree_control": "", name: str(each)})
    Cgroups(Layout(version, dict.fromkeys(cgroups.CONTROLLERS, tmp_path)), "lambdad-1").prepare()
    assert (tmp_path / "lambdad-1" / name).read_text() == str(4 * each)


class _Kernel:
    """Says EBUSY where the kernel would: to controllers for the children of a group that has processes of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, exempt: Path | None) -> None:
        monkeypatch.setattr(cgroups, "_write", self.write)
        self._exempt = exempt

    def write(self, path: Path, text: str) -> None:
        if path.name == "cgroup.procs":
            left = path.parent.parent / "cgroup.procs"
            left.write_text("".join(f"{pid}\n" for pid in left.read_text().split() if pid != text))
            path.write_text((path.read_text() if path.exists() else "") + f"{text}\n")
            return
        if path.parent != self._exempt and (path.parent / "cgroup.procs").read_text().strip():
            raise OSError(errno.EBUSY, "busy")
        path.write_text(text)


def _v2_groups(top: Path, own: Path, processes: list[int]) -> Cgroups:
    for directory in {top, own, own / "lambdad-1", top / "lambdad-1"}:
        _fill(directory, {"cgroup.subtree_control": "", "cgroup.procs": ""})
    (own / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in processes))
    return Cgroups(Layout(2, dict.fromkeys(cgroups.CONTROLLERS, own), top), "lambdad-1")


def test_alone_in_its_group_lambdad_moves_into_a_leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _Kernel(monkeypatch, exempt=None)
    groups = _v2_groups(tmp_path, tmp_path / "unit", [os.getpid()])
    groups.prepare()
    assert (tmp_path / "unit/lambdad-supervisor/cgroup.procs").read_text() == f"{os.getpid()}\n"
    assert set(groups.directories.values()) == {tmp_path / "unit/lambdad-1"}


def test_in_a_login_session_the_groups_are_made_at_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _Kernel(monkeypatch, exempt=tmp_path)
    groups = _v2_groups(tmp_path, tmp_path / "session", [os.getpid(), 4242])
    groups.prepare()
    assert set(groups.directories.values()) == {tmp_path / "lambdad-1"}


def test_in_a_container_everybody_moves_into_a_leaf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _Kernel(monkeypatch, exempt=None)
    groups = _v2_groups(tmp_path, tmp_path, [1, os.getpid()])
    groups.prepare()
    assert (tmp_path / "lambdad-supervisor/cgroup.procs").read_text().split() == ["1", str(os.getpid())]


@pytest.fixture
def v1(tmp_path: Path) -> dict[str, Path]:
    directories = {name: tmp_path / name / "lambdad-1/s0" for name in ("memory", "cpu", "pids")}
    for directory in directories.values():
        _fill(directory, {"cgroup.procs": "", "tasks": ""})
    _fill(directories["cpu"], {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "", "cpu.shares": ""})
    _fill(directories["pids"], {"pids.max": ""})
    stat = "cache 10\ntotal_active_file 5\ntotal_inactive_file 6\n"
    kills = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"
    values = {"memory.limit_in_bytes": "", "memory.stat": stat, "memory.usage_in_bytes": "100\n"}
    _fill(directories["memory"], {**values, "memory.max_usage_in_bytes": "200\n", "memory.oom_control": kills})
    return directories


def test_a_group_of_version_1(v1: dict[str, Path]) -> None:
    group = GroupV1(v1)
    group.limit(memory=128, hard=640, processes=1024)
    group.cpu(1.0)
    assert (v1["cpu"] / "cpu.cfs_period_us").read_text().startswith("20000")
    assert (v1["memory"] / "memory.limit_in_bytes").read_text() == "640"
    assert (v1["pids"] / "pids.max").read_text() == "1024"
    assert (v1["cpu"] / "cpu.cfs_quota_us").read_text() == "20000"
    assert (v1["cpu"] / "cpu.shares").read_text() == "2"
    group.prefer()
    assert (v1["cpu"] / "cpu.shares").read_text() == "1024"
    assert group.usage() == (100, 11)
    assert group.peak() == 200
    assert group.kernel_kills() == 1
    assert len(group.procs) == 3
    group.close()


def test_version_1_watches_through_an_event_descriptor(v1: dict[str, Path]) -> None:
    (v1["memory"] / "cgroup.event_control").write_text("")
    group = GroupV1(v1)
    event = group.watch(4096)
    assert (v1["memory"] / "cgroup.event_control").read_text().split()[0::2] == [str(event), "4096"]
    group.close()


def test_version_1_with_some_controllers_limits_what_it_can(tmp_path: Path) -> None:
    _fill(tmp_path / "s0", {"cgroup.procs": "", "tasks": "", "pids.max": ""})
    group = GroupV1({"pids": tmp_path / "s0"})
    group.limit(memory=1, hard=2, processes=3)
    group.cpu(0.5)
    assert (tmp_path / "s0/pids.max").read_text() == "3"
    group.close()


def test_an_empty_group_is_removed_and_one_that_is_gone_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    groups = Cgroups(Layout(1, {"memory": tmp_path}), "a")
    assert groups.remove()
    assert groups.remove()
    assert not (tmp_path / "a").exists()

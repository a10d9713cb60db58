"""What a host says about its memory, in both versions of control groups."""

from pathlib import Path

import pytest

from lambdad.worker.memory import HostMemory

MEMINFO = "MemTotal:        4000000 kB\nMemFree:          100000 kB\nMemAvailable:    2097152 kB\nHugePages_Total:       0\n"


def host(tmp_path: Path, membership: str, files: dict[str, str]) -> HostMemory:
    for name, content in {"proc/meminfo": MEMINFO, "proc/self/cgroup": membership, **files}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return HostMemory(tmp_path / "proc", tmp_path / "cgroup")


def megabytes(count: int) -> str:
    return f"{count << 20}\n"


def test_without_a_limit_it_is_what_the_kernel_says(tmp_path: Path) -> None:
    memory = host(tmp_path, "0::/\n", {})
    assert (memory.available(), memory.total()) == (2048, 3906)


@pytest.mark.parametrize("group", ("a", "a/b"))
def test_a_limit_of_the_group_or_of_one_above_it_counts(tmp_path: Path, group: str) -> None:
    files = {
        f"cgroup/{group}/memory.max": megabytes(512),
        f"cgroup/{group}/memory.current": megabytes(500),
        f"cgroup/{group}/memory.stat": f"anon 1\ninactive_file {20 << 20}\n",
    }
    assert host(tmp_path, "0::/a/b\n", files).available() == 32


def test_a_limit_of_version_1(tmp_path: Path) -> None:
    files = {
        "cgroup/memory/a/memory.limit_in_bytes": megabytes(512),
        "cgroup/memory/a/memory.usage_in_bytes": megabytes(500),
        "cgroup/memory/a/memory.stat": "total_inactive_file 0\n",
    }
    assert host(tmp_path, "5:cpu,cpuacct:/x\n3:memory:/a\n", files).available() == 12


@pytest.mark.parametrize("limit", ("max\n", "9223372036854771712\n"))
def test_no_limit_is_none(tmp_path: Path, limit: str) -> None:
    files = {
        "cgroup/a/memory.max": limit,
        "cgroup/a/memory.current": megabytes(11),
        "cgroup/a/memory.stat": "inactive_file 0\n",
    }
    assert host(tmp_path, "0::/a\n", files).available() == 2048


def test_more_used_than_granted_leaves_nothing(tmp_path: Path) -> None:
    files = {
        "cgroup/a/memory.max": megabytes(10),
        "cgroup/a/memory.current": megabytes(11),
        "cgroup/a/memory.stat": "inactive_file 0\n",
    }
    assert host(tmp_path, "0::/a\n", files).available() == 0


def test_a_host_that_does_not_tell(tmp_path: Path) -> None:
    memory = HostMemory(tmp_path / "nowhere", tmp_path)
    assert memory.available() is None and memory.total() is None

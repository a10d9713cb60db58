import os
from pathlib import Path

import pytest

from lambdad.sandbox.host import (
    candidates,
    covered_proc,
    has_capabilities,
    inspect,
    interpreters,
    kernel_version,
    user_namespace_obstacle,
)


@pytest.mark.parametrize(
    ("release", "version"),
    [("6.18.44-fc", (6, 18)), ("5.4.0-42-generic", (5, 4)), ("4.18.0-553.el8.x86_64", (4, 18)), ("strange", (0, 0))],
)
def test_kernel_versions(release: str, version: tuple[int, int]) -> None:
    assert kernel_version(release) == version


def test_root_needs_its_capabilities() -> None:
    assert has_capabilities("Name:\tx\nCapEff:\t000001fffeffffff\n")
    assert not has_capabilities("CapEff:\t00000000a80425fb\n"), "what a container has by default"
    assert not has_capabilities("")


@pytest.mark.parametrize(
    ("settings", "root", "words"),
    [
        (("15000", "", ""), False, None),
        (("15000", "1", "0"), False, None),
        (("0", "", ""), True, "user.max_user_namespaces"),
        (("", "", ""), False, "CONFIG_USER_NS"),
        (("15000", "0", ""), False, "kernel.unprivileged_userns_clone=1"),
        (("15000", "", "1"), False, "kernel.apparmor_restrict_unprivileged_userns=0"),
        (("15000", "0", "1"), True, None),
    ],
)
def test_what_is_in_the_way_of_user_namespaces(settings: tuple[str, str, str], root: bool, words: str | None) -> None:
    found = user_namespace_obstacle(*settings, root)
    assert (found is None) == (words is None)
    if found is not None and words is not None:
        assert words in " ".join(found)


def test_a_container_covers_parts_of_proc() -> None:
    mounts = "1 0 0:1 / /proc rw - proc proc rw\n2 1 0:2 / /proc/kcore rw - tmpfs tmpfs rw\n"
    assert covered_proc(mounts) == ["/proc/kcore"]
    assert covered_proc("1 0 0:1 / /proc rw - proc proc rw\n2 1 0:3 / /proc/sys/fs/binfmt_misc rw - binfmt binfmt rw\n") == []


def _program(path: Path, content: bytes = b"\x7fELF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return path


def test_interpreters_are_found_where_people_put_them(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "root"
    pyenv = _program(home / ".pyenv/versions/3.12.1/bin/python3.12")
    (pyenv.parent / "python3").symlink_to("python3.12")
    uv = _program(home / ".local/share/uv/python/cpython-3.13.0-linux/bin/python3.13")
    system = _program(root / "usr/bin/python3.11")
    node = _program(home / ".nvm/versions/node/v22.1.0/bin/node")
    _program(home / ".pyenv/shims/python3.12", b"#!/bin/sh\n")
    _program(root / "usr/bin/python3.11-config")
    (root / "usr/bin/python3.9").write_bytes(b"not executable")
    found = candidates(home, str(home / ".pyenv/shims"), root)
    assert [one for one in found if str(one[1]).startswith(str(tmp_path))] == [
        ("python", system),
        ("python", pyenv),
        ("python", uv),
        ("nodejs", node),
    ]


def test_the_newest_patch_release_wins_and_what_aws_does_not_take_is_remarked() -> None:
    answers = {
        "/a/bin/python3.12": "3.12.1\n/a/bin/python3.12\n",
        "/b/bin/python3.12": "3.12.10\n",
        "/c/bin/python3.9": "3.9.18\n",
        "/d/bin/node": "v20.20.2\n",
        "/e/bin/node": "v21.0.0\n",
        "/f/bin/python3.13": None,
        "/g/python3.11": "3.11.2\n",
    }
    found = [("nodejs" if "node" in path else "python", Path(path)) for path in answers]
    usable, remarks = interpreters(found, lambda executable, family: answers[str(executable)])
    assert [(one.identifier, str(one.executable), one.version) for one in usable] == [
        ("python3.12", "/b/bin/python3.12", "3.12.10"),
        ("nodejs20.x", "/d/bin/node", "20.20.2"),
        ("provided.al2023", "None", ""),
        ("provided.al2", "None", ""),
    ]
    assert len(remarks) == 4


def _host(tmp_path: Path, status: str, mounts: str, **settings: str) -> Path:
    status += "Seccomp_filters:\t0\n"
    values = {"sys/kernel/osrelease": "6.1.0", "sys/user/max_user_namespaces": "1000", "self/status": status}
    for name, text in {**values, "self/mountinfo": mounts, "self/cgroup": "0::/\n", **settings}.items():
        (tmp_path / "proc" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc" / name).write_text(text)
    return tmp_path


def test_an_ordinary_user_without_delegated_groups_is_told_how_to_get_them(tmp_path: Path) -> None:
    groups = tmp_path / "groups"
    groups.mkdir()
    (groups / "cgroup.controllers").write_text("cpu io")
    root = _host(tmp_path, "CapEff:\t0000000000000000\n", f"29 23 0:26 / {groups} rw - cgroup2 cgroup2 rw\n")
    host = inspect(None, "", root, ask=lambda executable, family: None)
    assert (host.root, host.user_namespaces, host.cgroups.version) == (False, True, 0)
    missing = [one for one in host.requirements if not one.met]
    assert {one.needed_for for one in missing} >= {"memory", "pids"}
    assert all("Delegate=yes" in one.remedy for one in missing if one.needed_for in ("memory", "pids"))


def test_without_user_namespaces_an_ordinary_user_has_only_the_level_process(tmp_path: Path) -> None:
    root = _host(tmp_path, "CapEff:\t0000000000000000\n", "", **{"sys/user/max_user_namespaces": "0"})
    host = inspect(None, "", root, ask=lambda executable, family: None)
    assert host.level == "process"
    assert any("max_user_namespaces" in one.remedy for one in host.requirements if not one.met)


def test_an_old_kernel_has_only_the_level_process(tmp_path: Path) -> None:
    root = _host(tmp_path, "CapEff:\t0000000000000000\n", "", **{"sys/kernel/osrelease": "4.18.0-553.el8"})
    host = inspect(None, "", root, ask=lambda executable, family: None)
    assert host.level == "process"
    assert any("Update the kernel to 5.12" in one.remedy for one in host.requirements)


def test_every_missing_thing_comes_with_a_remedy() -> None:
    host = inspect(None, os.defpath, ask=lambda executable, family: None)
    assert all(one.met or one.remedy for one in host.requirements)


def test_a_kernel_without_filters_of_system_calls_has_only_the_level_process(tmp_path: Path) -> None:
    root = _host(tmp_path, "", "", **{"self/status": "CapEff:\t0000000000000000\nSeccomp:\t0\n"})
    host = inspect(None, "", root, ask=lambda executable, family: None)
    assert host.level == "process"
    assert any("CONFIG_SECCOMP_FILTER" in one.remedy for one in host.requirements if not one.met)

from pathlib import Path

import pytest

from lambdad.sandbox.api import Interpreter, SandboxFailure
from lambdad.sandbox.root import Sources, packages, program


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    host = tmp_path / "host"
    for name in ("usr/bin", "usr/lib", "lib64", "etc/ssl/certs", "etc/ssl/private", "home/someone"):
        (host / name).mkdir(parents=True)
    (host / "bin").symlink_to("usr/bin")
    (host / "etc/shadow").write_text("root:secret")
    (host / "etc/resolv.conf").write_text("nameserver 192.0.2.1")
    runtimes = tmp_path / "runtimes"
    for family in ("python", "nodejs"):
        (runtimes / family).mkdir(parents=True)
    (tmp_path / "boto3").mkdir()
    return Sources(runtimes, tmp_path / "launcher", Path("/own/bin/python3.13"), (tmp_path / "boto3",), host)


def _python(prefix: Path) -> Interpreter:
    (prefix / "lib/python3.12/site-packages").mkdir(parents=True)
    return Interpreter("python3.12", prefix / "bin/python3.12", "3.12.1")


def test_python_lies_where_aws_has_it(tmp_path: Path, sources: Sources) -> None:
    made = program(_python(tmp_path / "py"), sources)
    assert made.execute[0] == "/var/lang/bin/python3.12"
    assert made.execute[1:3] == ["-I", "-S"]
    assert made.environment["LD_LIBRARY_PATH"] == "/var/lang/lib"
    assert ["bind", "/var/lang", str(tmp_path / "py")] in made.plan
    assert ["cover", "/var/lang/lib/python3.12/site-packages"] in made.plan
    assert ["copy", "/var/runtime", str(sources.runtimes / "python")] in made.plan
    assert ["bind", "/var/runtime/boto3", str(sources.packages[0])] in made.plan
    assert made.runtime == []


def test_the_hosts_private_files_are_in_no_step(tmp_path: Path, sources: Sources) -> None:
    made = program(_python(tmp_path / "py"), sources)
    text = str(made.plan)
    for name in ("shadow", "etc/ssl/private", "home/someone"):
        assert name not in text
    assert {str(step[1]) for step in made.plan if step[0] == "device"} == {
        f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty")
    }


def test_the_system_is_as_the_host_has_it(tmp_path: Path, sources: Sources) -> None:
    plan = program(_python(tmp_path / "py"), sources).plan
    assert ["link", "/bin", "usr/bin"] in plan
    assert ["bind", "/lib64", str(sources.host / "lib64")] in plan
    assert ["bind", "/usr", str(sources.host / "usr")] in plan
    assert ["copy", "/etc/resolv.conf", str(sources.host / "etc/resolv.conf")] in plan
    assert not any(step[1] == "/sbin" for step in plan)


def test_a_packaged_node_is_one_file_and_an_installed_one_its_directory(sources: Sources) -> None:
    packaged = program(Interpreter("nodejs20.x", Path("/usr/bin/node"), "20.0.0"), sources)
    assert ["bind", "/var/lang/bin/node", "/usr/bin/node"] in packaged.plan
    installed = program(Interpreter("nodejs22.x", Path("/home/x/.nvm/versions/node/v22/bin/node"), "22.0.0"), sources)
    assert ["bind", "/var/lang", "/home/x/.nvm/versions/node/v22"] in installed.plan
    for made in (packaged, installed):
        assert made.runtime == ["/var/lang/bin/node", "/var/runtime/index.mjs"]
        assert made.execute[0] == "/.lambdad/lang/bin/python3.13", "lambdad's own, which the function never sees"


def test_provided_has_no_language_of_its_own(sources: Sources) -> None:
    made = program(Interpreter("provided.al2023", None, ""), sources)
    assert not any(str(step[1]).startswith("/var/lang") for step in made.plan)
    assert not any(str(step[1]).startswith("/var/runtime/") for step in made.plan)


def test_an_interpreter_outside_bin_is_refused(sources: Sources) -> None:
    with pytest.raises(SandboxFailure, match="bin"):
        program(Interpreter("python3.12", Path("/odd/python3.12"), "3.12.1"), sources)


def test_packages_are_found_as_directories_and_as_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "boto3").mkdir(parents=True)
    (two / "boto3").mkdir(parents=True)
    (two / "six.py").write_text("")
    assert packages([one, two], ("boto3", "six", "missing")) == (one / "boto3", two / "six.py")

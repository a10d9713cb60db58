"""`lambdad`, `up`, `doctor` and `env`."""

import errno
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

import lambdad.assembly.run
from lambdad.assembly.node import Ready
from lambdad.assembly.settings import Settings
from lambdad.cli.command import command
from lambdad.cli.doctor import show, show_companions
from lambdad.cli.env import export
from lambdad.cli.up import explain
from lambdad.domain.errors import PlatformError
from lambdad.sandbox.api import Interpreter
from lambdad.sandbox.cgroups import Layout
from lambdad.sandbox.egress import Egress
from lambdad.sandbox.host import Host
from lambdad.sandbox.outside import Names
from lambdad.sandbox.requirement import Requirement


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAMBDAD_HOST", "LAMBDAD_PORT", "LAMBDAD_DATA_DIR", "LAMBDAD_ENDPOINT_URL", "LAMBDAD_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


def test_help_names_every_command_and_is_light() -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    for name in ("up", "doctor", "invoke", "logs", "status", "env"):
        assert re.search(rf"^  {name} ", result.stdout, re.MULTILINE)
        text = CliRunner().invoke(command, [name, "--help"]).stdout
        assert "Example" in text
    code = (
        "import lambdad.cli.command, sys; print(*{'botocore', 'rich', 'asyncio', 'lambdad.assembly.node'} & set(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""


def test_version() -> None:
    assert re.fullmatch(r"lambdad \d+\.\d+\.\d+\n", CliRunner().invoke(command, ["--version"]).stdout)


def node(monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> list[Settings]:
    """Put a node in place that is ready at once and ends, or fails; answers the settings it was given."""
    given: list[Settings] = []

    def run(settings: Settings, ready: Callable[[Ready], None], *, home: Path | None, path: str) -> None:
        given.append(settings)
        if failure is not None:
            raise failure
        ready(Ready("http://127.0.0.1:4566", "namespaces", "egress", ["python3.11", "provided.al2023"]))

    monkeypatch.setattr(lambdad.assembly.run, "run", run)
    return given


def test_up_with_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    given = node(monkeypatch)
    result = CliRunner().invoke(command, ["up"])
    assert result.exit_code == 0
    assert result.stdout == (
        "lambdad is ready at http://127.0.0.1:4566 "
        "(isolation: namespaces; network: egress; runtimes: python3.11, provided.al2023)\n"
    )
    assert given == [Settings(data_dir=tmp_path / "lambdad")]


def test_up_with_options_and_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAMBDAD_PORT", "5000")
    monkeypatch.setenv("LAMBDAD_HOST", "::1")
    monkeypatch.setenv("LAMBDAD_ISOLATION", "process")
    monkeypatch.setenv("LAMBDAD_KEEP_WARM", "1.5")
    given = node(monkeypatch)
    options = ["--host", "127.0.0.2", "--data-dir", str(tmp_path), "--memory", "2048", "--stems", "0", "--retry-delay", "0"]
    assert CliRunner().invoke(command, ["up", *options]).exit_code == 0
    assert given == [
        Settings(
            data_dir=tmp_path,
            host="127.0.0.2",
            port=5000,
            isolation="process",
            keep_warm=1.5,
            memory=2048,
            stems=0,
            retry_delay=0.0,
        )
    ]


@pytest.mark.parametrize(
    "options", [["--port", "70000"], ["--isolation", "docker"], ["--memory", "0"], ["--grace", "-1"], ["surplus"]]
)
def test_up_with_wrong_options(options: list[str]) -> None:
    assert CliRunner().invoke(command, ["up", *options]).exit_code == 2


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (PlatformError("The data directory /d is in use."), "The data directory /d is in use."),
        (ExceptionGroup("g", [ExceptionGroup("h", [PlatformError("Inner.")])]), "Inner."),
        (OSError(errno.EADDRINUSE, "in use"), "Port 4566 of 127.0.0.1 is in use, perhaps by another lambdad"),
        (OSError(errno.EADDRNOTAVAIL, "none"), "127.0.0.1 is no address of this host"),
        (PermissionError(errno.EACCES, "no"), "Not allowed to listen on port 4566 of 127.0.0.1"),
        (PermissionError(errno.EACCES, "no", "/d"), "/d can't be written by this user"),
        (OSError(errno.EROFS, "ro", "/d"), "/d can't be written by this user"),
        (OSError(errno.ENOSPC, "full", "/d/x"), "No space is left for /d/x"),
        (NotADirectoryError(errno.ENOTDIR, "no", "/d/x"), "/d/x is not a directory"),
        (OSError(errno.EIO, "Input/output error", "/d"), "Input/output error: /d"),
    ],
)
def test_up_that_cannot_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception, sentence: str) -> None:
    node(monkeypatch, failure)
    result = CliRunner().invoke(command, ["up", "--data-dir", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"lambdad: {sentence}")
    assert result.stderr.count("\n") == 1


def test_what_only_a_trace_explains_keeps_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert explain(ExceptionGroup("g", [KeyError("a"), KeyError("b")]), Settings(data_dir=tmp_path)) is None
    node(monkeypatch, ExceptionGroup("g", [KeyError("a"), KeyError("b")]))
    result = CliRunner().invoke(command, ["up", "--data-dir", str(tmp_path)])
    assert isinstance(result.exception, ExceptionGroup)


def host(**changes: Any) -> Host:
    members: dict[str, Any] = {
        "level": "namespaces",
        "root": False,
        "user_namespaces": True,
        "cgroups": Layout(2, {}),
        "architecture": "x86_64",
        "requirements": (
            Requirement("kernel", True, "6.1.0"),
            Requirement("cgroup memory", False, "not delegated", "Run it below systemd-run --user --scope.", "memory limits"),
        ),
        "interpreters": (
            Interpreter("python3.11", Path("/usr/bin/python3.11"), "3.11.2"),
            Interpreter("provided.al2023", None, ""),
        ),
        "remarks": ("[/usr/bin/node] is too old",),
    }
    return Host(**members | changes)


def shown(found: Host) -> str:
    file = io.StringIO()
    show(Console(file=file, highlight=False, soft_wrap=True), found)
    return file.getvalue()


def test_doctor_tells_what_is_there_and_what_is_missing() -> None:
    assert shown(host()) == (
        "isolation: namespaces, as an ordinary user, on x86_64\n"
        "network: aws; the reach `egress` lacks something, see below\n"
        "\n"
        "  ✓ kernel         6.1.0\n"
        "  ✗ cgroup memory  not delegated\n"
        "                   needed for memory limits: Run it below systemd-run --user --scope.\n"
        "\n"
        "runtimes:\n"
        "  ✓ python3.11       3.11.2  /usr/bin/python3.11\n"
        "  ✓ provided.al2023  anything that speaks the Runtime API\n"
        "  ! [/usr/bin/node] is too old\n"
    )
    assert shown(host(level="process", interpreters=(), remarks=())).startswith("isolation: none (process); `lambdad up` needs")
    assert "runtimes: none" in shown(host(interpreters=()))
    egress = Egress("/usr/sbin/nft", None, False, Names(("192.0.2.53",)))
    assert "network: egress, with IPv4, without IPv6\n" in shown(host(egress=egress))


@pytest.mark.parametrize(("level", "code"), [("namespaces", 0), ("process", 1)])
def test_doctors_exit_code(monkeypatch: pytest.MonkeyPatch, level: str, code: int) -> None:
    monkeypatch.setattr("lambdad.sandbox.host.inspect", lambda home, path, network: host(level=level))
    result = CliRunner().invoke(command, ["doctor"])
    assert result.exit_code == code
    assert "python3.11" in result.stdout


def test_env_for_each_shell() -> None:
    assert CliRunner().invoke(command, ["env"]).stdout == (
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4566\n"
        "export AWS_ACCESS_KEY_ID=000000000000\n"
        "export AWS_SECRET_ACCESS_KEY=lambdad\n"
        "export AWS_DEFAULT_REGION=us-east-1\n"
        "export AWS_DISABLE_HOST_PREFIX_INJECTION=true\n"
    )
    fish = CliRunner().invoke(command, ["env", "--shell", "fish", "--region", "eu-west-1"]).stdout
    assert fish.splitlines()[3] == "set -gx AWS_DEFAULT_REGION 'eu-west-1'"
    powershell = CliRunner().invoke(command, ["env", "--shell", "powershell"], env={"LAMBDAD_PORT": "99"}).stdout
    assert powershell.splitlines()[0] == "$Env:AWS_ENDPOINT_URL = 'http://127.0.0.1:99'"


def test_env_quotes_what_a_shell_would_read() -> None:
    assert export("bash", "A", "a'b $c") == "export A='a'\"'\"'b $c'"
    assert export("fish", "A", "a'b\\") == "set -gx A 'a\\'b\\\\'"
    assert export("powershell", "A", "a'b") == "$Env:A = 'a''b'"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("123456789012", "is not an account of twelve digits, `=`, and a profile"),
        ("1234=production", "is not an account of twelve digits, `=`, and a profile"),
        ("123456789012=", "is not an account of twelve digits, `=`, and a profile"),
        ("123456789012=nobody", "AWS's configuration files have no profile 'nobody'"),
    ],
)
def test_remote_queues_that_can_not_be(given: str, why: str) -> None:
    result = CliRunner().invoke(command, ["up", "--remote-queues", given])
    assert result.exit_code == 2
    assert why in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("dynamodb", "is not a service, `=`, an address"),
        ("dynamodb=ftp://localhost", "is not a service, `=`, an address"),
        ("dynamodb=http://localhost/path", "is not a service, `=`, an address"),
        ("sqs=http://localhost:9324", "lambdad has the service 'sqs' itself"),
        ("dynamo=http://localhost:8000", "AWS has no service 'dynamo'"),
        ("dynamodb=http://localhost:8000,nobody", "AWS's configuration files have no profile 'nobody'"),
    ],
)
def test_companions_that_can_not_be(given: str, why: str) -> None:
    result = CliRunner().invoke(command, ["up", "--companion", given])
    assert result.exit_code == 2
    assert why in " ".join(result.output.split())


def test_companions_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    given = node(monkeypatch)
    result = CliRunner().invoke(command, ["up", "--companion", "dynamodb=http://127.0.0.1:8000", "--no-companions"])
    assert result.exit_code == 0, result.output
    assert (given[0].companion, given[0].companions) == ({"dynamodb": "http://127.0.0.1:8000"}, False)
    assert CliRunner().invoke(command, ["up"], env={"LAMBDAD_COMPANIONS": "0"}).exit_code == 0
    assert (given[1].companion, given[1].companions) == ({}, False)


@pytest.mark.parametrize(("version", "said"), [("5.2.5", "moto 5.2.5"), (None, "pip install 'lambdad[companions]'")])
def test_doctor_says_whether_companions_are_there(version: str | None, said: str) -> None:
    output = io.StringIO()
    show_companions(Console(file=output, width=200), version)
    assert said in output.getvalue()

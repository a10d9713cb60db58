"""AWS's own runtime clients, unmodified, against the Runtime API of a sandbox."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.functions import Function, Maker, zipped, zipped_folder

SOURCES = Path(__file__).parent / "clients"


def works(function: Function) -> None:
    """The contract that each client's function in tests/acceptance/clients keeps."""
    seen = function.invoke({"name": "you"})
    assert seen["greeting"] == "hello you"
    assert seen["arn"].endswith(f":function:{function.name}")
    assert len(seen["request_id"]) == 36
    error = function.fail({"fail": True})
    assert "failed as asked" in error["errorMessage"]
    assert [function.invoke({"name": str(n)})["greeting"] for n in range(20)] == [f"hello {n}" for n in range(20)]


def test_awslambdaric(make: Maker, tmp_path: Path) -> None:
    """`awslambdaric` of PyPI with the interpreter that runs this suite, as a custom runtime."""
    interpreter = Path(sys._base_executable).resolve()  # type: ignore[attr-defined]
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    package = tmp_path / "package"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", package, "awslambdaric"], check=True, timeout=300
    )
    files = zipped_folder(package)
    files["app.py"] = (SOURCES / "python" / "app.py").read_bytes()
    # A wrapper replaces lambdad's own runtime by the official one, in the sandbox of the managed runtime.
    files["official"] = b'#!/bin/sh\nexport PYTHONPATH=/var/task\nexec "$1" -m awslambdaric app.handler\n'
    assert interpreter.exists()
    function = make.create(
        {},
        Runtime=runtime,
        Code={"ZipFile": zipped(files, executable=("official",))},
        Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/official"}},
    )
    works(function)


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no Go to build the function with")
def test_aws_lambda_go(make: Maker, tmp_path: Path) -> None:
    project = tmp_path / "go"
    shutil.copytree(SOURCES / "go", project)
    environment = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    subprocess.run(
        ["go", "build", "-tags", "lambda.norpc", "-o", "bootstrap", "."],
        cwd=project,
        check=True,
        timeout=300,
        env=os.environ | environment,
    )
    function = make.create({"bootstrap": (project / "bootstrap").read_bytes()}, Runtime="provided.al2023", Handler="bootstrap")
    works(function)


@pytest.mark.skipif(shutil.which("cargo") is None, reason="there is no Cargo to build the function with")
def test_lambda_runtime_of_rust(make: Maker, tmp_path: Path) -> None:
    project = tmp_path / "rust"
    shutil.copytree(SOURCES / "rust", project)
    subprocess.run(["cargo", "build", "--quiet", "--release"], cwd=project, check=True, timeout=540)
    binary = project / "target" / "release" / "bootstrap"
    function = make.create({"bootstrap": binary.read_bytes()}, Runtime="provided.al2023", Handler="bootstrap")
    works(function)


def test_a_bootstrap_of_shell_and_curl(make: Maker) -> None:
    """The tutorial of AWS's developer guide: a bootstrap in shell."""
    if shutil.which("curl") is None:
        pytest.skip("this host has no curl")
    bootstrap = """#!/bin/sh
set -eu
API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while true; do
  HEADERS="$(mktemp)"
  EVENT=$(curl -sS -LD "$HEADERS" "$API/next")
  ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS "$API/$ID/response" -d "{\\"handler\\": \\"$_HANDLER\\", \\"event\\": $EVENT}" > /dev/null
done
"""
    function = make.create({"bootstrap": bootstrap}, Runtime="provided.al2023", Handler="function.sh")
    assert function.invoke({"a": 1}) == {"handler": "function.sh", "event": {"a": 1}}


def test_a_package_without_a_bootstrap(make: Maker) -> None:
    function = make.create({"readme": "no program here"}, Runtime="provided.al2023", Handler="x")
    error = function.fail()
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]" in error["errorMessage"]
    assert json.dumps(error)

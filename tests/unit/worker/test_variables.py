"""Environment variables, against what functions see on AWS."""

from typing import Any

import pytest

from lambdad.domain.functions import Code, Logging, Version
from lambdad.worker.variables import Paths, Place, runtime_version, start_head, variables

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_SESSION_TOKEN": "token"}


def version(runtime: str = "python3.12", **members: Any) -> Version:
    return Version(
        account="000000000000",
        region="eu-west-1",
        name="f",
        version="7",
        build="b",
        revision_id="r",
        last_modified_ms=0,
        role="role",
        runtime=runtime,
        handler="app.handler",
        code=Code("0" * 64, 1),
        memory_size=256,
        **{"logging": Logging(group="/aws/lambda/f"), **members},
    )


def place(**members: Any) -> Place:
    return Place(
        **{
            "log_stream": "2026/01/01/[7]abc",
            "initialization": "on-demand",
            "runtime_api": "127.0.0.1:9001",
            "credentials": CREDENTIALS,
            **members,
        }
    )


def test_python() -> None:
    assert variables(version(), place(endpoint="http://127.0.0.1:4566")) == {
        "_HANDLER": "app.handler",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "7",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[7]abc",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "_LAMBDA_TELEMETRY_LOG_FD": "4",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        "PYTHONPATH": "/var/runtime",
        "PWD": "/var/task",
        "SHLVL": "0",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": "169.254.100.1",
        "_AWS_XRAY_DAEMON_PORT": "2000",
    }


def test_a_user_may_set_defaults_but_nothing_reserved() -> None:
    made = variables(version(environment={"TZ": "UTC", "AWS_REGION": "mars-1", "MINE": "1"}), place())
    assert (made["TZ"], made["AWS_REGION"], made["MINE"]) == ("UTC", "eu-west-1", "1")
    assert "AWS_ENDPOINT_URL" not in made


def test_json_logs() -> None:
    made = variables(version(logging=Logging("JSON", "g", "DEBUG")), place())
    assert (made["AWS_LAMBDA_LOG_FORMAT"], made["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "DEBUG")
    assert "AWS_LAMBDA_LOG_FORMAT" not in variables(version(), place())


def test_snapstart_names_no_log() -> None:
    """Nor does AWS: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-monitoring.html"""
    made = variables(version(), place(initialization="snap-start"))
    assert made["AWS_LAMBDA_INITIALIZATION_TYPE"] == "snap-start"
    assert not {"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"} & set(made)


def test_node() -> None:
    made = variables(version("nodejs22.x"), place())
    assert made["NODE_PATH"] == (
        "/opt/nodejs/node22/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert "PYTHONPATH" not in made


def test_provided_runtimes_have_no_execution_environment_and_look_for_a_bootstrap() -> None:
    head = start_head(version("provided.al2023", environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/w"}), place())
    assert "AWS_EXECUTION_ENV" not in head["environment"] and "_LAMBDA_TELEMETRY_LOG_FD" not in head["environment"]
    assert head["bootstraps"] == ["/var/runtime/bootstrap", "/var/task/bootstrap", "/opt/bootstrap"]
    assert "argv" not in head, "OS-only runtimes have to honour wrappers themselves"


@pytest.mark.parametrize(
    ("runtime", "command"),
    [
        ("python3.12", ["/var/lang/bin/python3.12", "/var/runtime/bootstrap.py"]),
        ("nodejs20.x", ["/var/lang/bin/node", "/var/runtime/index.mjs"]),
    ],
)
def test_wrappers_get_the_runtimes_command(runtime: str, command: list[str]) -> None:
    head = start_head(version(runtime, environment={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/w"}), place())
    assert head["argv"] == ["/opt/w", *command]
    assert (head["handler"], head["cwd"]) == ("app.handler", "/var/task")
    assert "argv" not in start_head(version(runtime), place())


def test_other_places_without_isolation() -> None:
    paths = Paths("/x/task", "/x/opt", "/x/tmp", "/y/runtime", "/usr/bin/python3")
    head = start_head(version(environment={"AWS_LAMBDA_EXEC_WRAPPER": "/w"}), place(paths=paths))
    assert head["argv"] == ["/w", "/usr/bin/python3", "/y/runtime/bootstrap.py"]
    made = head["environment"]
    assert head["opt_root"] == "/x/opt"
    assert "opt_root" not in start_head(version(), place())
    assert (made["LAMBDA_TASK_ROOT"], made["TMPDIR"], made["PYTHONPATH"]) == ("/x/task", "/x/tmp", "/y/runtime")


@pytest.mark.parametrize(
    ("runtime", "language", "named"),
    [
        ("python3.12", "3.12.1", "python:3.12.v1"),
        ("python3.14", "3.14.0rc2", "python:3.14.v0rc2"),
        ("nodejs20.x", "20.11.1", "nodejs:20.v11-1"),
        ("provided.al2023", "", ""),
        (None, "", ""),
    ],
)
def test_runtime_versions(runtime: str | None, language: str, named: str) -> None:
    assert runtime_version(runtime, language) == named

"""Functions in Python, on every interpreter of the host."""

import json
import re

import pytest

from tests.acceptance.functions import Maker
from tests.acceptance.server import Server


def installed(server: Server) -> list[str]:
    return [
        name for name in dict.fromkeys(re.findall(r"python3\.\d+", server.ready_line)) if name not in ("python3.8", "python3.9")
    ]


def test_every_python_of_the_host_runs_its_own_version(make: Maker, server: Server) -> None:
    for runtime in installed(server):
        function = make.python_function(
            "import sys\ndef handler(event, context):\n    return '%d.%d' % sys.version_info[:2]\n", Runtime=runtime
        )
        assert f"python{function.invoke()}" == runtime


def test_boto3_is_there(make: Maker) -> None:
    function = make.python_function(
        "import boto3\ndef handler(event, context):\n    return boto3.client('sqs', 'eu-west-1').meta.region_name\n",
        Timeout=30,
        MemorySize=1769,
    )
    assert function.invoke() == "eu-west-1"


def test_an_exception(make: Maker) -> None:
    function = make.python_function("def handler(event, context):\n    raise ValueError('schade')\n")
    answer = function.call(LogType="Tail")
    error = json.loads(answer["Payload"].read())
    assert list(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (error["errorMessage"], error["errorType"]) == ("schade", "ValueError")
    assert error["requestId"] == answer["ResponseMetadata"]["RequestId"]
    assert error["stackTrace"] == ["  File \"/var/task/app.py\", line 2, in handler\n    raise ValueError('schade')\n"]
    assert "[ERROR] ValueError: schade\nTraceback (most recent call last):\n\xa0\xa0File " in function.tail()


@pytest.mark.parametrize("logging_config", [{"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "INFO"}])
def test_json_logs(make: Maker, logging_config: dict[str, str]) -> None:
    function = make.python_function(
        "import logging\nlog = logging.getLogger()\ndef handler(event, context):\n"
        "    log.info('order %s', 7, extra={'order': 7})\n    log.debug('fine')\n",
        LoggingConfig=logging_config,
    )
    records = [json.loads(line) for line in function.tail().splitlines() if line]
    application = [record for record in records if "level" in record]
    assert [(record["level"], record["message"]) for record in application] == [("INFO", "order 7"), ("DEBUG", "fine")]
    assert application[0]["order"] == 7
    system = [record["type"] for record in records if "type" in record]
    assert system.index("platform.start") < system.index("platform.report")


def test_text_logs(make: Maker) -> None:
    function = make.python_function(
        "import logging\nlog = logging.getLogger()\nlog.setLevel('INFO')\n"
        "def handler(event, context):\n    log.info('one\\ntwo')\n    print('three')\n"
    )
    assert re.search(r"\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\tone\ntwo\n", function.tail())
    assert "\nthree\n" in function.tail()


def test_the_environment_of_a_function(make: Maker) -> None:
    function = make.python_function(
        "import os\ndef handler(event, context):\n    return {**os.environ, 'cwd': os.getcwd()}\n",
        Environment={"Variables": {"MINE": "yes"}},
    )
    seen = function.invoke()
    expected = {
        "_HANDLER": "app.handler",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{make.python}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
        "MINE": "yes",
        "cwd": "/var/task",
    }
    assert {name: seen.get(name) for name in expected} == expected
    assert seen["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert {"HOME", "USER", "SUDO_USER", "SSH_CONNECTION", "VIRTUAL_ENV"} & set(seen) == set()


def test_nothing_of_the_host_is_visible(make: Maker) -> None:
    function = make.python_function(
        """
import os
def handler(event, context):
    def listing(path):
        try:
            return sorted(os.listdir(path))
        except OSError as error:
            return error.strerror
    status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
    try:
        open("/var/task/new", "w")
        writable = True
    except OSError:
        writable = False
    return {
        "root": listing("/root"), "home": listing("/home"), "tmp": listing("/tmp"),
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "uid": os.getuid(), "capabilities": status["CapEff"].strip(), "bounding": status["CapBnd"].strip(),
        "no_new_privs": status["NoNewPrivs"].strip(),
        "interfaces": listing("/sys/class/net") if os.path.isdir("/sys/class/net") else [], "writable": writable,
        "shadow": os.path.exists("/etc/shadow"),
    }
"""
    )
    seen = function.invoke()
    assert seen["root"] in ([], "No such file or directory", "Permission denied")
    assert seen["home"] in ([], "No such file or directory")
    assert seen["tmp"] == []
    assert seen["processes"] <= 3
    assert seen["uid"] != 0
    assert int(seen["capabilities"], 16) == 0
    assert int(seen["bounding"], 16) == 0
    assert seen["no_new_privs"] == "1"
    assert not seen["writable"]
    assert not seen["shadow"]


def test_boto3_is_not_loaded_before_it_is_imported(make: Maker) -> None:
    function = make.python_function(
        "import sys\nbefore = 'botocore' in sys.modules\nimport botocore.session\nimport boto3\n"
        "def handler(event, context):\n"
        "    spec = boto3.__spec__\n"
        "    return [before, boto3.__file__, sys.modules['boto3'] is boto3, spec.name, spec.has_location]\n",
    )
    assert function.invoke() == [False, "/var/runtime/boto3/__init__.py", True, "boto3", True]


@pytest.mark.parametrize(("place", "path"), [("", ""), ("vendor/", "import sys\nsys.path.insert(0, '/var/task/vendor')\n")])
@pytest.mark.parametrize("package", ["boto3", "urllib3"])
def test_a_function_s_own_part_of_the_sdk_wins(make: Maker, place: str, path: str, package: str) -> None:
    source = f"{path}import {package}\ndef handler(event, context):\n    return {package}.__file__\n"
    function = make.create({"app.py": source, f"{place}{package}/__init__.py": ""})
    assert function.invoke() == f"/var/task/{place}{package}/__init__.py"


def test_a_function_reaches_lambdad_as_its_role_and_nothing_else(make: Maker) -> None:
    other = make.python_function("def handler(event, context):\n    return event['n'] + 1\n")
    function = make.python_function(
        """
import boto3, json, os, socket, urllib.error, urllib.request
def handler(event, context):
    answer = boto3.client("lambda").invoke(FunctionName=event["other"], Payload=json.dumps({"n": 41}))
    try:
        socket.create_connection(("127.0.0.1", event["port"]), 1).close()
        outside = True
    except OSError:
        outside = False
    try:
        state = urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_lambdad/metrics").status
    except urllib.error.HTTPError as error:
        state = error.code
    return [json.loads(answer["Payload"].read()), outside, state]
""",
        Timeout=30,
        MemorySize=1769,
    )
    port = int(make.client.meta.endpoint_url.rpartition(":")[2])
    assert function.invoke({"other": other.name, "port": port}) == [42, False, 404]

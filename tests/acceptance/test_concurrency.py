"""Concurrency as a user of AWS sees it: reservations, rates, provisioned concurrency."""

import os
import signal
import urllib.request
from typing import Any

import pytest

from tests.acceptance.functions import Function, Maker
from tests.acceptance.server import Server, eventually

HOW = """
import os, uuid
SELF = str(uuid.uuid4())
def handler(event, context):
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], SELF]
"""


def provision(function: Function, qualifier: str, count: int) -> None:
    answer = function.client.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
    )
    assert answer["Status"] == "IN_PROGRESS"


def status(client: Any, name: str, qualifier: str) -> tuple[str, int]:
    answer = client.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)
    return answer["Status"], answer["AvailableProvisionedConcurrentExecutions"]


def ready(client: Any, name: str, qualifier: str, count: int) -> None:
    eventually(lambda: status(client, name, qualifier) == ("READY", count))


def pids(server: Server, name: str) -> list[int]:
    return [each["pid"] for each in server.introspect()["environments"] if each["function"] == name]


def test_provisioned_environments_are_there_ahead_and_come_back(own_server: Server, own_make: Maker) -> None:
    function = own_make.python_function(HOW, Publish=True)
    provision(function, "1", 2)
    ready(function.client, function.name, "1", 2)
    first = pids(own_server, function.name)
    assert len(first) == 2
    assert function.invoke(Qualifier="1")[0] == "provisioned-concurrency"
    assert function.invoke()[0] == "on-demand"
    os.kill(first[0], signal.SIGKILL)
    eventually(lambda: set(pids(own_server, function.name)) - set(first) and first[0] not in pids(own_server, function.name))
    ready(function.client, function.name, "1", 2)
    assert own_server.stop() == 0
    own_server.start()
    client = own_server.client("lambda")
    ready(client, function.name, "1", 2)
    assert Function(client, function.name).invoke(Qualifier="1")[0] == "provisioned-concurrency"


def test_provisioned_concurrency_follows_an_alias(own_make: Maker) -> None:
    function = own_make.python_function(HOW, Publish=True)
    client, name = function.client, function.name
    client.update_function_configuration(FunctionName=name, Description="second")
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert client.publish_version(FunctionName=name)["Version"] == "2"
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    provision(function, "live", 1)
    ready(client, name, "live", 1)
    before = function.invoke(Qualifier="live")
    client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    ready(client, name, "live", 1)
    kind, who = function.invoke(Qualifier="live")
    assert kind == "provisioned-concurrency" and who != before[1]


def test_provisioned_concurrency_whose_init_fails_says_so(own_make: Maker) -> None:
    function = own_make.python_function("raise ValueError('no')", Publish=True)
    provision(function, "1", 1)
    eventually(lambda: status(function.client, function.name, "1") == ("FAILED", 0))
    (config,) = function.client.list_provisioned_concurrency_configs(FunctionName=function.name)[
        "ProvisionedConcurrencyConfigs"
    ]
    assert config["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


def test_all_that_is_reserved_being_provisioned_blocks_latest(make: Maker) -> None:
    function = make.python_function(HOW, Publish=True)
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    provision(function, "1", 1)
    ready(function.client, function.name, "1", 1)
    assert function.invoke(Qualifier="1")
    with pytest.raises(function.client.exceptions.TooManyRequestsException) as caught:
        function.invoke()
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_reservation_of_one_grants_ten_requests_in_a_second(make: Maker) -> None:
    function = make.python_function(HOW)
    function.invoke()
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    with pytest.raises(function.client.exceptions.TooManyRequestsException) as caught:
        for _ in range(200):
            function.invoke()
    assert caught.value.response["Reason"] == "ReservedFunctionInvocationRateLimitExceeded"
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"


def metric(server: Server, name: str, **labels: str) -> float:
    """0 where there is none yet."""
    with urllib.request.urlopen(f"{server.url}/_lambdad/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        lines = answer.read().decode().splitlines()
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    found = [line for line in lines if line.partition("{")[0] == name and all(each in line for each in wanted)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_metrics_count_as_cloudwatch_would(own_server: Server, own_make: Maker) -> None:
    function = own_make.python_function("def handler(e, c):\n    return 1 / e['n']\n", Publish=True)
    labels = {"function_name": function.name}
    provision(function, "1", 1)
    ready(function.client, function.name, "1", 1)
    assert [function.invoke({"n": 1}) for _ in range(3)] == [1, 1, 1]
    function.fail({"n": 0})
    function.invoke({"n": 1}, Qualifier="1")
    eventually(lambda: metric(own_server, "lambdad_invocations_total", **labels) == 5)
    assert metric(own_server, "lambdad_errors_total", **labels) == 1
    assert metric(own_server, "lambdad_duration_milliseconds_count", **labels) == 5
    assert metric(own_server, "lambdad_duration_milliseconds_sum", **labels) > 0
    assert metric(own_server, "lambdad_provisioned_concurrency_invocations_total", executed_version="1", **labels) == 1
    assert metric(own_server, "lambdad_claimed_account_concurrency", region="us-east-1") == 1
    function.client.delete_provisioned_concurrency_config(FunctionName=function.name, Qualifier="1")
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with pytest.raises(function.client.exceptions.TooManyRequestsException):
        function.invoke({"n": 1})
    assert metric(own_server, "lambdad_throttles_total", **labels) == 1
    assert metric(own_server, "lambdad_invocations_total", **labels) == 5, "a throttled request is no invocation"

"""Which permissions Lambda's operations need, by AWS's service authorization reference."""

from typing import Any

import pytest

from lambdad.assembly.compatibility import services
from lambdad.control.access import needs
from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.domain.mappings import EventSourceMapping
from lambdad.testing.snapshots import SnapshotRecords

ACCOUNT, REGION = "111122223333", "eu-west-1"
CALLER = Caller(ACCOUNT, REGION, "request", "AKIA", f"arn:aws:iam::{ACCOUNT}:user/u")
LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service/worker"
LAYER = f"{LAMBDA}:layer:tools:3"


class Mapped(SnapshotRecords):
    """Knows one event source mapping."""

    def mapping(self, account: str, region: str, id: str) -> EventSourceMapping | None:
        known = EventSourceMapping(
            account=ACCOUNT, region=REGION, id="uuid", source="q", function="f", state="Enabled", last_modified_ms=0
        )
        return known if (account, region, id) == (ACCOUNT, REGION, "uuid") else None


def of(operation: str, **params: Any) -> list[tuple[str, str, dict[str, Any]]]:
    found = needs(operation, CALLER, params, Mapped())
    assert all(each.account == ACCOUNT for each in found)
    return [(each.action.removeprefix("lambda:"), each.resource.removeprefix(LAMBDA), dict(each.context)) for each in found]


def test_every_operation_says_what_it_needs() -> None:
    (control,) = [each for each in services() if each.name == "lambda"]
    anything = {
        "FunctionName": "f", "UUID": "uuid", "LayerName": "tools", "VersionNumber": 3, "Arn": LAYER,
        "CodeSigningConfigArn": f"{LAMBDA}:code-signing-config:csc-1", "Resource": f"{LAMBDA}:function:f",
        "ResourceArn": f"{LAMBDA}:function:f",
    }  # fmt: skip
    for operation in [*control.operations, "Invoke", "InvokeAsync", "InvokeWithResponseStream"]:
        found = needs(operation, CALLER, anything, Mapped())
        assert found, operation
        assert all(each.action.partition(":")[0] in ("lambda", "iam") for each in found)


@pytest.mark.parametrize(
    ("name", "qualifier", "resource"),
    [
        ("f", None, ":function:f"),
        ("f", "live", ":function:f:live"),
        ("f:7", None, ":function:f:7"),
        (f"{LAMBDA}:function:f", "$LATEST", ":function:f:$LATEST"),
        (f"{ACCOUNT}:function:f:live", None, ":function:f:live"),
    ],
)
def test_a_function_is_named_with_its_qualifier(name: str, qualifier: str | None, resource: str) -> None:
    params = {"FunctionName": name} | ({"Qualifier": qualifier} if qualifier else {})
    assert of("Invoke", **params) == [("InvokeFunction", resource, {})]
    assert of("InvokeWithResponseStream", **params) == [("InvokeFunction", resource, {})]
    assert of("GetFunction", **params) == [("GetFunction", resource, {})]


def test_another_accounts_function_is_that_accounts() -> None:
    (need,) = needs("Invoke", CALLER, {"FunctionName": "999999999999:function:f"}, Mapped())
    assert need == Need("lambda:InvokeFunction", "999999999999", f"arn:aws:lambda:{REGION}:999999999999:function:f")


def test_creating_a_function_passes_its_role_and_reads_its_layers() -> None:
    assert of("CreateFunction", FunctionName="f", Role=ROLE, Layers=[LAYER], Tags={"Team": "a"}) == [
        (
            "CreateFunction",
            ":function:f",
            {"aws:requesttag/team": "a", "aws:tagkeys": ("Team",), "lambda:layer": (LAYER,)},
        ),
        ("GetLayerVersion", ":layer:tools:3", {}),
        ("iam:PassRole", ROLE, {"iam:passedtoservice": "lambda.amazonaws.com"}),
    ]
    assert of("UpdateFunctionConfiguration", FunctionName="f", Timeout=5) == [
        ("UpdateFunctionConfiguration", ":function:f", {})
    ]


def test_who_is_granted_something_can_be_a_condition() -> None:
    granted = of("AddPermission", FunctionName="f", Principal="*", FunctionUrlAuthType="NONE")
    assert granted == [("AddPermission", ":function:f", {"lambda:principal": "*", "lambda:functionurlauthtype": "NONE"})]


@pytest.mark.parametrize("operation", ["PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy"])
def test_a_whole_policy_is_that_of_an_arn(operation: str) -> None:
    assert of(operation, ResourceArn=f"{LAMBDA}:function:f:live") == [(operation, ":function:f:live", {})]


def test_layers() -> None:
    assert of("PublishLayerVersion", LayerName="tools") == [("PublishLayerVersion", ":layer:tools", {})]
    assert of("GetLayerVersion", LayerName=f"{LAMBDA}:layer:tools", VersionNumber=3) == [
        ("GetLayerVersion", ":layer:tools:3", {})
    ]
    assert of("GetLayerVersionByArn", Arn=LAYER) == [("GetLayerVersion", ":layer:tools:3", {})]
    assert of("ListLayerVersions", LayerName="tools") == [("ListLayerVersions", "*", {})]


def test_mappings_are_told_by_their_function() -> None:
    function = f"{LAMBDA}:function:f"
    assert of("CreateEventSourceMapping", FunctionName="f") == [
        ("CreateEventSourceMapping", "*", {"lambda:functionarn": function})
    ]
    arn = ":event-source-mapping:uuid"
    assert of("GetEventSourceMapping", UUID="uuid") == [("GetEventSourceMapping", arn, {"lambda:functionarn": function})]
    assert of("UpdateEventSourceMapping", UUID="uuid", FunctionName="g") == [
        ("UpdateEventSourceMapping", arn, {"lambda:functionarn": function}),
        ("UpdateEventSourceMapping", arn, {"lambda:functionarn": f"{LAMBDA}:function:g"}),
    ]
    assert of("DeleteEventSourceMapping", UUID="none") == [("DeleteEventSourceMapping", ":event-source-mapping:none", {})]


def test_tags() -> None:
    arn = f"{LAMBDA}:function:f"
    assert of("TagResource", Resource=arn, Tags={"Team": "a"}) == [
        ("TagResource", ":function:f", {"aws:requesttag/team": "a", "aws:tagkeys": ("Team",)})
    ]
    assert of("UntagResource", Resource=arn, TagKeys=["Team"]) == [("UntagResource", ":function:f", {"aws:tagkeys": ("Team",)})]

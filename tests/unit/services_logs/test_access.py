"""Which permissions the operations of CloudWatch Logs need."""

from typing import Any

from lambdad.assembly.compatibility import services
from lambdad.domain.caller import Caller
from lambdad.services.logs.access import needs

CALLER = Caller("111122223333", "eu-west-1", "request", "AKIA", "arn:aws:iam::111122223333:user/u")
GROUP = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/f"


def of(operation: str, **params: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [(each.action, each.resource, dict(each.context)) for each in needs(operation, CALLER, params)]


def test_every_operation_says_what_it_needs() -> None:
    (logs,) = [each for each in services() if each.name == "logs"]
    anything = {"logGroupName": "/aws/lambda/f", "logStreamName": "s", "resourceArn": GROUP, "logGroupIdentifiers": [GROUP]}
    for operation in logs.operations:
        assert [action for action, _, _ in of(operation, **anything)] == [f"logs:{operation}"]


def test_streams_and_groups() -> None:
    assert of("PutLogEvents", logGroupName="/aws/lambda/f", logStreamName="s") == [
        ("logs:PutLogEvents", f"{GROUP}:log-stream:s", {})
    ]
    assert of("CreateLogGroup", logGroupName="/aws/lambda/f", tags={"Team": "a"}) == [
        ("logs:CreateLogGroup", f"{GROUP}:log-stream:", {"aws:requesttag/team": "a", "aws:tagkeys": ("Team",)})
    ]
    assert of("FilterLogEvents", logGroupIdentifier=f"{GROUP}:*") == [("logs:FilterLogEvents", f"{GROUP}:log-stream:", {})]
    assert of("StartLiveTail", logGroupIdentifiers=[GROUP, f"{GROUP}2"]) == [
        ("logs:StartLiveTail", f"{GROUP}:log-stream:", {}),
        ("logs:StartLiveTail", f"{GROUP}2:log-stream:", {}),
    ]


def test_tags_are_those_of_the_group_itself() -> None:
    assert of("UntagResource", resourceArn=GROUP, tagKeys=["Team"]) == [
        ("logs:UntagResource", GROUP, {"aws:tagkeys": ("Team",)})
    ]
    assert of("UntagLogGroup", logGroupName="/aws/lambda/f", tags=["Team"]) == [
        ("logs:UntagLogGroup", f"{GROUP}:log-stream:", {"aws:tagkeys": ("Team",)})
    ]

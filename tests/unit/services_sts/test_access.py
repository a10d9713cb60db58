"""Which permissions STS's operations need."""

import pytest

from lambdad.assembly.compatibility import services
from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.services.sts.access import FREE, needs

CALLER = Caller("111122223333", "eu-west-1", "request", "AKIA", "arn:aws:iam::111122223333:user/u")


@pytest.mark.parametrize("operation", ["AssumeRole", "GetCallerIdentity", "GetSessionToken"])
def test_some_are_for_everybody(operation: str) -> None:
    assert needs(operation, CALLER, {}) == []


def test_whose_key_it_is_needs_permission() -> None:
    assert needs("GetAccessKeyInfo", CALLER, {"AccessKeyId": "AKIA"}) == [Need("sts:GetAccessKeyInfo", "111122223333")]


def test_every_operation_is_free_or_needs_something() -> None:
    (sts,) = [each for each in services() if each.name == "sts"]
    assert set(sts.operations) >= FREE
    for operation in set(sts.operations) - FREE:
        assert [each.action for each in needs(operation, CALLER, {})] == [f"sts:{operation}"]

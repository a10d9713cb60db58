"""How the API names groups and streams: names, identifiers, ARNs; and the errors when they are not there.

ARNs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html. Error texts: AWS's answers.
"""

import re
from collections.abc import Mapping
from typing import Any

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError

_ARN = re.compile(
    r"arn:aws[a-z-]*:logs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):log-group:(?P<name>[.\-_/#A-Za-z0-9]+)(?::\*)?", re.ASCII
)


def group_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:logs:{region}:{account}:log-group:{name}"


def stream_arn(account: str, region: str, group: str, name: str) -> str:
    return f"{group_arn(account, region, group)}:log-stream:{name}"


def no_group() -> CallerError:
    return CallerError.named("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> CallerError:
    return CallerError.named("ResourceNotFoundException", "The specified log stream does not exist.")


def invalid(message: str) -> CallerError:
    return CallerError.named("InvalidParameterException", message)


def name_of(caller: Caller, identifier: str) -> str:
    """Of a group's name or ARN. An ARN of another account or region is a group that is not there."""
    if not identifier.startswith("arn:"):
        return identifier
    found = _ARN.fullmatch(identifier)
    if found is None:
        raise invalid(f"The log group ARN '{identifier}' is not valid.")
    if (found["account"], found["region"]) != (caller.account, caller.region):
        raise no_group()
    return found["name"]


def named_group(caller: Caller, params: Mapping[str, Any]) -> str:
    """Of the two parameters logGroupName and logGroupIdentifier, of which exactly one must be there."""
    name, identifier = params.get("logGroupName"), params.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")
    return str(name) if name is not None else name_of(caller, str(identifier))

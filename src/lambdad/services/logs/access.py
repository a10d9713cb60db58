"""Which permissions the operations of CloudWatch Logs need. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html. The resource is what AWS
names when it denies: a stream, or `…:log-group:NAME:log-stream:` for a group as a whole, which policies match by
`…:log-group:NAME:*`. Tags are those of `…:log-group:NAME` itself.
"""

from collections.abc import Mapping
from typing import Any, Final

from lambdad.domain.access import Need, tag_context
from lambdad.domain.caller import Caller
from lambdad.services.logs.names import group_arn, name_of, named_group, stream_arn

_TAGS: Final = ("ListTagsForResource", "TagResource", "UntagResource")
_STREAM: Final = ("CreateLogStream", "DeleteLogStream", "GetLogEvents", "PutLogEvents")
_ALL: Final = ("DescribeLogGroups", "ListLogGroups")


def needs(operation: str, caller: Caller, params: Mapping[str, Any]) -> list[Need]:
    """Of a validated request. Raises the operation's own error for a group that can't be told."""
    action = f"logs:{operation}"
    if operation in _TAGS:
        name = name_of(caller, params["resourceArn"])
        return [Need(action, caller.account, group_arn(caller.account, caller.region, name), _tagging(params))]
    if operation in _ALL:
        return [Need(action, caller.account, _group(caller, params.get("logGroupNamePrefix") or ""))]
    if operation == "StartLiveTail":
        names = [name_of(caller, each) for each in params["logGroupIdentifiers"]]
        return [Need(action, caller.account, _group(caller, name)) for name in names]
    name = named_group(caller, params)
    if operation in _STREAM:
        arn = stream_arn(caller.account, caller.region, name, params["logStreamName"])
        return [Need(action, caller.account, arn)]
    return [Need(action, caller.account, _group(caller, name), _tagging(params))]


def _group(caller: Caller, name: str) -> str:
    return stream_arn(caller.account, caller.region, name, "")


def _tagging(params: Mapping[str, Any]) -> dict[str, Any]:
    keys = params.get("tagKeys")
    tags = params.get("tags")
    if isinstance(tags, list):  # of UntagLogGroup: keys
        keys, tags = tags, None
    return {**tag_context(tags), **({"aws:tagkeys": tuple(keys)} if keys else {})}

"""Permissions of execution roles, put together: who decides, and which policies resources have."""

import time

from lambdad.control import access as lambda_access
from lambdad.domain.access import Need
from lambdad.domain.arns import FunctionName
from lambdad.domain.functions import Version
from lambdad.iam.access import Access
from lambdad.iam.directory import Directory
from lambdad.iam.execution import ExecutionRoles
from lambdad.logs.api import May, StreamName
from lambdad.records.api import Records
from lambdad.services.logs.names import stream_arn
from lambdad.services.sqs.service import SqsService


def execution_roles(directory: Directory, access: Access, records: Records, sqs: SqsService) -> ExecutionRoles:
    policies = {"sqs": sqs.resource_policy, "lambda": lambda need: lambda_access.resource_policy(need, records)}
    return ExecutionRoles(directory, access, policies, time.time)


def log_permission(roles: ExecutionRoles, directory: Directory, version: Version) -> May:
    """What a version's environment may do to its log. Asked at every flush, so a decision holds for a second, or until an
    identity changes."""
    function = FunctionName(version.account, version.region, version.name)
    known: dict[str, tuple[int, int, bool]] = {}

    def may(action: str, stream: StreamName) -> bool:
        second = int(time.monotonic())
        found = known.get(action)
        if found is None or found[:2] != (directory.changes, second):
            name = "" if action == "CreateLogGroup" else stream.stream
            arn = stream_arn(stream.account, stream.region, stream.group, name)
            allowed = roles.allows(version.role, function, Need(f"logs:{action}", stream.account, arn))
            found = known[action] = (directory.changes, second, allowed)
        return found[2]

    return may

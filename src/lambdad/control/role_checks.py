"""What an execution role must allow before a function, a mapping or a destination is configured with it. No I/O.

The texts are AWS's: reported of SQS as a source and as a dead-letter queue; of other destinations they are formed alike.
"""

from typing import Final

from lambdad.control.api import Roles
from lambdad.domain.access import Need
from lambdad.domain.arns import FunctionName, account_of
from lambdad.domain.errors import AccessDenied, InvalidParameterValue

_POLLING: Final = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions"""
_TELLING: Final = {
    "sqs": ("SendMessage", "SQS"),
    "sns": ("Publish", "SNS"),
    "events": ("PutEvents", "EventBridge"),
    "lambda": ("InvokeFunction", "Lambda"),
    "s3": ("PutObject", "S3"),
}


class RoleChecks:
    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    def assumable(self, role: str, function: FunctionName) -> None:
        """Raises AccessDenied or InvalidParameterValue."""
        if account_of(role) != function.account:
            raise AccessDenied("Cross-account pass role is not allowed.")
        if not self._roles.assumable(role, function):
            raise InvalidParameterValue("The role defined for the function cannot be assumed by Lambda.")

    def may_poll(self, role: str, function: FunctionName, queue: str) -> None:
        """Raises InvalidParameterValue."""
        for action in _POLLING:
            if not self._allowed(role, function, f"sqs:{action}", queue):
                raise InvalidParameterValue(f"The function execution role does not have permissions to call {action} on SQS")

    def may_tell(self, role: str, function: FunctionName, destination: str) -> None:
        """Raises InvalidParameterValue."""
        service = destination.split(":")[2]
        action, shown = _TELLING[service]
        if not self._allowed(role, function, f"{service}:{action}", destination):
            raise InvalidParameterValue(f"The provided execution role does not have permissions to call {action} on {shown}")

    def _allowed(self, role: str, function: FunctionName, action: str, resource: str) -> bool:
        return self._roles.allows(role, function, Need(action, account_of(resource) or function.account, resource))

"""Permissions of a world in which everything is allowed, or what a test says."""

from lambdad.domain.access import Need
from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied


def allow(caller: Caller, need: Need, policy: str | None) -> None:
    """A `Require`."""


class EasyRoles:
    """Implements `lambdad.control.api.Roles`; `require` is a `RequireOfRole`."""

    def __init__(self) -> None:
        self.untrusting: set[str] = set()
        """Roles that Lambda may not assume."""
        self.denied: set[str] = set()
        """Actions that no role allows."""

    def assumable(self, role: str, function: FunctionName) -> bool:
        return role not in self.untrusting

    def allows(self, role: str, function: FunctionName, need: Need) -> bool:
        return need.action not in self.denied

    def require(self, role: str, function: FunctionName, need: Need) -> None:
        if not self.allows(role, function, need):
            raise AccessDenied(f"{role} may not {need.action} {need.resource}")

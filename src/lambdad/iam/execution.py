"""What lambdad does in a function's name, it does as the function's execution role. No I/O.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
"""

from collections.abc import Callable, Mapping
from typing import Final

from lambdad.domain.access import Need
from lambdad.domain.arns import FunctionName
from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied
from lambdad.iam.access import Access, named
from lambdad.iam.arns import session_arn
from lambdad.iam.context import keys_of
from lambdad.iam.directory import Directory
from lambdad.iam.evaluate import Policies, Request, decide
from lambdad.iam.principals import Principal
from lambdad.iam.sessions import Claims

SERVICE: Final = "lambda.amazonaws.com"

PolicyOf = Callable[[Need], str | None]
"""The policy of the resource that is needed, as a JSON document, where there is one."""


class ExecutionRoles:
    """`policies`: of resources, by the service in their ARN; `now`: epoch seconds."""

    def __init__(
        self, directory: Directory, access: Access, policies: Mapping[str, PolicyOf], now: Callable[[], float]
    ) -> None:
        self._directory = directory
        self._access = access
        self._policies = policies
        self._now = now

    def assumable(self, role: str, function: FunctionName) -> bool:
        """Whether the role is there and its trust policy lets Lambda assume it, for this function."""
        found = self._directory.role_by_arn(role)
        if found is None:
            return False
        service = Principal(SERVICE, "", "service")
        context = keys_of(
            service,
            now=self._now(),
            region=function.region,
            secure=True,
            resource_account=found.account,
            source_arn=function.unqualified_arn,
            source_account=function.account,
        )
        request = Request(service, "sts:AssumeRole", role, found.account, context)
        return decide(request, Policies(resource=named(role, found.trust, "trust"))).allowed

    def claims(self, role: str, function: FunctionName, issued: int, expires: int) -> Claims:
        """Of a session of the role that has the function's name; both times in epoch seconds."""
        found = self._directory.role_by_arn(role)
        return Claims(
            account=function.account,
            principal=session_arn(function.account, role.rpartition("/")[2], function.name),
            role=role,
            role_id=None if found is None else found.id,
            name=function.name,
            issued=issued,
            expires=expires,
            function=function.unqualified_arn,
        )

    def allows(self, role: str, function: FunctionName, need: Need) -> bool:
        try:
            self.require(role, function, need)
        except AccessDenied:
            return False
        return True

    def require(self, role: str, function: FunctionName, need: Need) -> None:
        """See `RequireOfRole`."""
        issued = int(self._now())
        claims = self.claims(role, function, issued, issued)
        caller = Caller(function.account, function.region, "", "", claims.principal, session=claims)
        policy_of = self._policies.get(need.resource.split(":", 3)[2])
        self._access.require(caller, need, None if policy_of is None else policy_of(need))

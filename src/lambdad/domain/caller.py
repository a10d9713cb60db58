"""Who calls, and for which account and region: what the edge learnt of a request before a service sees it."""

from typing import Any

from msgspec import Struct

from lambdad.domain.errors import AccessDenied


class Caller(Struct, frozen=True):
    """The authenticated sender of one request."""

    account: str
    """Twelve digits."""
    region: str
    request_id: str
    """A uuid; the same in the answer's `x-amzn-RequestId`, in the logs and in the function's context."""
    access_key_id: str
    principal_arn: str
    """E.g. `arn:aws:iam::000000000000:root`."""
    host: str = ""
    """The `Host` by which the caller reaches lambdad: addresses that it is given begin with it."""
    trace_id: str | None = None
    """The request's `X-Amzn-Trace-Id`, unchecked: AWS's SDKs send that of the invocation in which they run, others anything."""

    session: Any = None
    """The claims of temporary credentials (`lambdad.iam.sessions.Claims`); None for users and the root user."""

    def denied(self, action: str, resource: str) -> AccessDenied:
        """What a caller of another account gets of Lambda, whether the resource exists or not."""
        return AccessDenied(
            f"User: {self.principal_arn} is not authorized to perform: lambda:{action} on resource: {resource} "
            f"because no resource-based policy allows the lambda:{action} action"
        )

"""Preconditions: what a request expects of the present state. Pure."""

from lambdad.domain.errors import PreconditionFailed, ResourceConflict
from lambdad.domain.functions import Function


def check_revision(expected: str | None, actual: str, reread: str = "GetFunction/GetAlias") -> None:
    """Raises PreconditionFailed where the request's `RevisionId` is stale; `reread` names what to call for a new one."""
    if expected is not None and expected != actual:
        raise PreconditionFailed(
            "The Revision Id provided does not match the latest Revision Id. "
            f"Call the {reread} API to retrieve the latest Revision Id"
        )


def check_changeable(function: Function) -> None:
    """Raises ResourceConflict while `$LATEST` is being made or updated.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """
    if function.latest.state == "Pending":
        raise wrong_state(function)
    check_not_updating(function)


def check_not_updating(function: Function) -> None:
    if function.latest.update_status == "InProgress":
        raise ResourceConflict(
            f"The operation cannot be performed at this time. An update is in progress for resource: {function.arn}"
        )


def wrong_state(function: Function) -> ResourceConflict:
    return ResourceConflict(
        "The operation cannot be performed at this time. "
        f"The function is currently in the following state: {function.latest.state}"
    )

"""Errors in IAM's words, by the codes that clients see; statuses come from the model.

https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, and for most texts what AWS was seen to answer.
"""

from lambdad.domain.errors import CallerError


def no_entity(message: str) -> CallerError:
    return CallerError.named("NoSuchEntity", message, 404)


def not_found(noun: str, name: str) -> CallerError:
    """E.g. `The role with name X cannot be found.`"""
    return no_entity(f"The {noun} with name {name} cannot be found.")


def no_policy(arn: str) -> CallerError:
    return no_entity(f"Policy {arn} was not found.")


def not_attachable(arn: str) -> CallerError:
    return no_entity(f"Policy {arn} does not exist or is not attachable.")


def exists(message: str) -> CallerError:
    return CallerError.named("EntityAlreadyExists", message, 409)


def conflict(message: str) -> CallerError:
    return CallerError.named("DeleteConflict", message, 409)


def over_limit(message: str) -> CallerError:
    return CallerError.named("LimitExceeded", message, 409)


def over_quota(quota: str, limit: int) -> CallerError:
    return over_limit(f"Cannot exceed quota for {quota}: {limit}")


def malformed(message: str) -> CallerError:
    return CallerError.named("MalformedPolicyDocument", message, 400)


def invalid(message: str) -> CallerError:
    return CallerError.named("InvalidInput", message, 400)


def validation(message: str) -> CallerError:
    return CallerError.named("ValidationError", message, 400)


def denied(message: str) -> CallerError:
    return CallerError.named("AccessDenied", message, 403)


def concurrent() -> CallerError:
    return CallerError.named("ConcurrentModification", "The entity is being changed by other requests; try again.", 409)

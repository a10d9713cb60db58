"""Errors in STS's words. https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"""

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError


def denied(message: str) -> CallerError:
    return CallerError.named("AccessDenied", message, 403)


def not_authorized(caller: Caller, role_arn: str) -> CallerError:
    """The same whether the role exists or not."""
    return denied(f"User: {caller.principal_arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}")


def validation(message: str) -> CallerError:
    return CallerError.named("ValidationError", message, 400)


def invalid(message: str) -> CallerError:
    return CallerError.named("InvalidParameterValue", message, 400)


def malformed(message: str) -> CallerError:
    return CallerError.named("MalformedPolicyDocument", message, 400)


def too_large() -> CallerError:
    return CallerError.named("PackedPolicyTooLarge", "Packed size of session policies and session tags exceeds the limit.", 400)

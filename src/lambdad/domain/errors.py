"""Errors, sorted by who is at fault. Only `wire` turns one into bytes.

    LambdadError
    ├── CallerError                    the caller sent something wrong: an AWS 4xx
    │   ├── ValidationError            the request violates the service model
    │   ├── InvalidParameterValue, InvalidRequestContent, CodeStorageExceeded, RecursiveInvocation, ...    400
    │   ├── AccessDenied, MissingAuthenticationToken, IncompleteSignature, InvalidSignature,
    │   │   UnrecognizedClient, ExpiredToken                                                              403
    │   ├── ResourceNotFound, UnknownOperation                                                             404
    │   ├── SnapStartTimeout (SnapStartFailure is a 400)                                                   408
    │   ├── ResourceConflict, SnapStartNotReady                                                            409
    │   ├── PreconditionFailed                                                                             412
    │   ├── RequestTooLarge, RequestEntityTooLarge                                                         413
    │   └── TooManyRequests                                                                                429
    ├── PlatformError                  lambdad failed: a 5xx, and a client may retry
    │   └── NotImplementedOperation    a known operation that lambdad does not implement   501
    └── (a function's own failure is no exception: it is an `Outcome`, see lambdad.worker.api)

`code` is what AWS calls the error in that service; the class docstring is the default message. HTTP status and the spelling
of the message member (`message` or `Message`) come from the service model where it knows the code, else from here.
"""

from typing import Any, ClassVar


class LambdadError(Exception):
    """Something went wrong."""

    code: str = "ServiceException"
    status: int = 500

    def __init__(self, message: str | None = None, **members: Any) -> None:
        """`members` are further members of the error's body, e.g. `Reason="…"`; a member `retry_after` is a header (s)."""
        self.message = message if message is not None else (type(self).__doc__ or "").strip()
        self.members = members
        super().__init__(self.message)


class CallerError(LambdadError):
    """The request can't be served as it stands."""

    code = "InvalidParameterValueException"
    status = 400
    fault: ClassVar[str] = "User"

    @classmethod
    def named(cls, code: str, message: str, status: int = 400, **members: Any) -> "CallerError":
        """An error of a service that has its own names for things, e.g. `ResourceAlreadyExistsException` of Logs."""
        error = cls(message, **members)
        error.code, error.status = code, status
        return error


class ValidationError(CallerError):
    """The request violates the service model."""

    code = "ValidationException"


class InvalidParameterValue(CallerError):
    """One of the parameters in the request is invalid."""

    code = "InvalidParameterValueException"


class InvalidRequestContent(CallerError):
    """The request body could not be parsed as JSON."""

    code = "InvalidRequestContentException"


class CodeStorageExceeded(CallerError):
    """You have exceeded your maximum total code size per account."""

    code = "CodeStorageExceededException"


class PolicyLengthExceeded(CallerError):
    """The final policy size is bigger than the limit (20480)."""

    code = "PolicyLengthExceededException"


class RecursiveInvocation(CallerError):
    """Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources and \
stopped your function's invocation."""

    code = "RecursiveInvocationException"


class AccessDenied(CallerError):
    """Access denied."""

    code = "AccessDeniedException"
    status = 403


class MissingAuthenticationToken(CallerError):
    """Missing Authentication Token"""

    code = "MissingAuthenticationTokenException"
    status = 403


class IncompleteSignature(CallerError):
    """The request signature does not conform to AWS standards."""

    code = "IncompleteSignatureException"
    status = 403


class InvalidSignature(CallerError):
    """The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and \
signing method. Consult the service documentation for details."""

    code = "InvalidSignatureException"
    status = 403


class UnrecognizedClient(CallerError):
    """The security token included in the request is invalid."""

    code = "UnrecognizedClientException"
    status = 403


class ExpiredToken(CallerError):
    """The security token included in the request is expired"""

    code = "ExpiredTokenException"
    status = 403


class SnapStartTimeout(CallerError):
    """Lambda couldn't restore the snapshot within the timeout limit."""

    code = "SnapStartTimeoutException"
    status = 408


class SnapStartFailure(CallerError):
    """The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."""

    code = "SnapStartException"


class SnapStartNotReady(CallerError):
    """Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE."""

    code = "SnapStartNotReadyException"
    status = 409


class ResourceNotFound(CallerError):
    """The resource specified in the request does not exist."""

    code = "ResourceNotFoundException"
    status = 404


class UnknownOperation(CallerError):
    """No service of this endpoint knows the operation that was asked for."""

    code = "UnknownOperationException"
    status = 404


class ResourceConflict(CallerError):
    """The resource already exists, or another operation is in progress."""

    code = "ResourceConflictException"
    status = 409


class PreconditionFailed(CallerError):
    """The Revision Id provided does not match the latest Revision Id."""

    code = "PreconditionFailedException"
    status = 412


class RequestTooLarge(CallerError):
    """The request payload exceeded the Invoke request body JSON input quota."""

    code = "RequestTooLargeException"
    status = 413


class RequestEntityTooLarge(CallerError):
    """The request is larger than this operation accepts."""

    code = "RequestEntityTooLargeException"
    status = 413


class TooManyRequests(CallerError):
    """Rate Exceeded."""

    code = "TooManyRequestsException"
    status = 429


class PlatformError(LambdadError):
    """The Lambda service encountered an internal error."""

    code = "ServiceException"
    status = 500
    fault: ClassVar[str] = "Service"


class NotImplementedOperation(PlatformError):
    """lambdad knows this operation but does not implement it."""

    code = "NotImplementedException"
    status = 501

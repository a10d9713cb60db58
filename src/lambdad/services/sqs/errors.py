"""Errors in SQS's words. `query_error` is the code that clients of the query protocol, and all of boto3, know them by."""

from lambdad.domain.errors import CallerError

_SPACE = "AWS.SimpleQueueService."


def named(code: str, message: str, status: int = 400, query: str | None = None) -> CallerError:
    return CallerError.named(code, message, status, query_error=query or code)


def invalid(message: str) -> CallerError:
    return named("InvalidParameterValueException", message, query="InvalidParameterValue")


def invalid_value(value: object, parameter: str, reason: str) -> CallerError:
    return invalid(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")


def missing(parameter: str) -> CallerError:
    return named(
        "MissingRequiredParameterException", f"The request must contain the parameter {parameter}.", query="MissingParameter"
    )


def no_queue() -> CallerError:
    return named("QueueDoesNotExist", "The specified queue does not exist.", query=f"{_SPACE}NonExistentQueue")


def invalid_address(address: str) -> CallerError:
    return named("InvalidAddress", f"The address {address} is not valid for this endpoint.", 404)


def unknown_attribute(name: str) -> CallerError:
    return named("InvalidAttributeName", f"Unknown Attribute {name}.")


def invalid_attribute(name: str, reason: str | None = None) -> CallerError:
    why = f" Reason: {reason}" if reason else ""
    return named("InvalidAttributeValue", f"Invalid value for the parameter {name}.{why}")


def queue_exists(attribute: str) -> CallerError:
    message = f"A queue already exists with the same name and a different value for attribute {attribute}"
    return named("QueueNameExists", message, query="QueueAlreadyExists")


def deleted_recently() -> CallerError:
    message = "You must wait 60 seconds after deleting a queue before you can create another with the same name."
    return named("QueueDeletedRecently", message, query=f"{_SPACE}QueueDeletedRecently")


def purge_in_progress(name: str) -> CallerError:
    message = f"Only one PurgeQueue operation on {name} is allowed every 60 seconds."
    return named("PurgeQueueInProgress", message, 403, f"{_SPACE}PurgeQueueInProgress")


def over_limit(message: str) -> CallerError:
    return named("OverLimit", message, 403)


def bad_handle(handle: str) -> CallerError:
    return named("ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.')


def foreign_handle(handle: str) -> CallerError:
    return named("ReceiptHandleIsInvalid", f'The receipt handle "{handle}" is not valid for this queue.')


def invalid_contents() -> CallerError:
    allowed = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    return named("InvalidMessageContents", f"Invalid characters found. Valid unicode characters are {allowed}")


def unsupported(message: str) -> CallerError:
    return named("UnsupportedOperation", message, query=f"{_SPACE}UnsupportedOperation")


def not_found(message: str) -> CallerError:
    return named("ResourceNotFoundException", message, 404)


def no_resource(parameter: str) -> CallerError:
    return not_found(f"The resource that you specified for the {parameter} parameter doesn't exist.")


def batch(code: str, message: str) -> CallerError:
    return named(code, message, query=f"{_SPACE}{code}")


def entry(identifier: str, error: CallerError) -> dict[str, object]:
    """Of a batch, where only this one failed."""
    return {"Id": identifier, "SenderFault": True, "Code": error.members["query_error"], "Message": error.message}

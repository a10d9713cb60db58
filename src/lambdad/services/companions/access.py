"""Which permissions an operation of any of AWS's services needs. Pure.

Of the services that functions use most the resource is told by the request's parameters. Of every other it is `*`, which a
policy that names resources does not allow: too little is allowed then, never too much.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from lambdad.domain.access import Need, tag_context
from lambdad.domain.caller import Caller
from lambdad.services.companions import dynamodb, resources, s3
from lambdad.services.companions.actions import action
from lambdad.services.companions.arns import Params, need

Resources = Callable[[str, Caller, Params], list[str]]
"""ARNs, of an operation; none: the action knows no resource."""

_RESOURCES: Final[Mapping[str, Resources]] = {
    "events": resources.events,
    "firehose": resources.firehose,
    "kinesis": resources.kinesis,
    "kms": resources.kms,
    "secretsmanager": resources.secretsmanager,
    "sns": resources.sns,
    "ssm": resources.ssm,
    "stepfunctions": resources.stepfunctions,
}


def needs(service: str, operation: str, caller: Caller, params: Mapping[str, Any] | None) -> list[Need]:
    """`service`: botocore's name; `params`: by the model's names, not validated; None where they can't be read, and
    the resource is `*` then."""
    if params is None:
        return [need(action(service, operation), caller)]
    match service, operation:
        case (("dynamodb" | "dynamodbstreams"), _):
            found = dynamodb.needs(operation, caller, params)
        case "s3", _:
            found = s3.needs(operation, caller, params)
        case "kms", "ReEncrypt":
            found = resources.reencrypt(caller, params)
        case "secretsmanager", "BatchGetSecretValue":
            found = resources.batch_of_secrets(caller, params)
        case _:
            tell = _RESOURCES.get(service)
            arns = tell(operation, caller, params) if tell is not None else []
            context = _context(service, params)
            found = [need(action(service, operation), caller, each, context) for each in dict.fromkeys(arns) or ["*"]]
    return found or [need(action(service, operation), caller)]


def _context(service: str, params: Params) -> dict[str, Any]:
    namespace = params.get("Namespace") if service == "cloudwatch" else None
    context: dict[str, Any] = {} if namespace is None else {"cloudwatch:namespace": namespace}
    return {**context, **tag_context(_tags(params.get("Tags") or params.get("tags")))}


def _tags(given: Any) -> dict[str, str]:
    """AWS's services write tags as a map or as a list of pairs, in either case of letters."""
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items()}
    if not isinstance(given, list):
        return {}
    pairs = [{name.lower(): value for name, value in each.items()} for each in given if isinstance(each, dict)]
    return {
        str(each.get("key", each.get("tagkey"))): str(each.get("value", each.get("tagvalue", "")))
        for each in pairs
        if "key" in each or "tagkey" in each
    }

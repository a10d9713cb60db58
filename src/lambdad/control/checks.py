"""Checks of parameters that the service model does not express, with Lambda's own texts where they are known. Pure.

Sources: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html,
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (reserved names).
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lambdad.domain import limits
from lambdad.domain.errors import InvalidParameterValue, NotImplementedOperation, ValidationError
from lambdad.domain.runtimes import RUNTIMES
from lambdad.wire.validate import violation

UNSUPPORTED = {
    "TenancyConfig": "tenant isolation",
    "CapacityProviderConfig": "Lambda Managed Instances",
    "DurableConfig": "durable functions",
    "RuntimeConfig": "customer-managed runtimes",
    "AcceleratorConfig": "accelerators",
    "PublishTo": "publishing to $LATEST.PUBLISHED",
    "ImageConfig": "container images",
}
"""What a function would behave differently with, so it is refused, not ignored: parameter → its name in prose."""

UNREACHED = {"sns": "SNS topics", "events": "EventBridge buses", "s3": "S3 buckets"}
"""Destinations that AWS has and lambdad can't reach: the service in their ARNs → their name in prose."""

RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
    }
)

_KEY = re.compile(r"[a-zA-Z][a-zA-Z0-9_]+")
_ROLE = re.compile(r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+")
_HANDLER = re.compile(r"\S{1,128}")
_DEAD_LETTER = re.compile(r"arn:aws[a-zA-Z-]*:(sqs|sns):[a-z0-9-]+:\d{12}:[^:]+")
_SUBNET = re.compile(r"subnet-[0-9a-z]*")
_SECURITY_GROUP = re.compile(r"sg-[0-9a-zA-Z]*")
_SNAP_START = re.compile(r"java\d.*|python3\.(9|\d\d)|dotnet([89]|\d\d)")


def check_name(name: str) -> None:
    if len(name) > 64:
        constraint = "Member must have length less than or equal to 64"
        raise InvalidParameterValue(violation(name, "functionName", constraint).message)


def check_supported(params: Mapping[str, Any]) -> None:
    """Raises InvalidParameterValue for a feature that lambdad does not have."""
    for member, feature in UNSUPPORTED.items():
        if params.get(member):
            raise InvalidParameterValue(f"lambdad does not support {feature} ({member}) yet.")
    if params.get("FileSystemConfigs"):
        raise InvalidParameterValue("lambdad does not support file systems (FileSystemConfigs) yet.")


def check_package_type(params: Mapping[str, Any]) -> None:
    """Container images are refused; a zip needs a runtime and a handler."""
    if params.get("PackageType", "Zip") == "Image" or params.get("Code", {}).get("ImageUri"):
        raise InvalidParameterValue(
            "lambdad does not support container images (PackageType Image, ImageUri) yet. Use a .zip package."
        )
    if not params.get("Runtime") or not params.get("Handler"):
        raise InvalidParameterValue(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )


def check_runtime(runtime: str, available: Sequence[str]) -> None:
    """A runtime must be known to AWS, not retired, and one that this host can run."""
    known = RUNTIMES.get(runtime)
    if known is None:
        raise InvalidParameterValue(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(offered())}] or be a valid ARN"
        )
    if known.blocked:
        raise InvalidParameterValue(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
            "We recommend you use a supported runtime while creating or updating functions."
        )
    if runtime not in available:
        raise InvalidParameterValue(
            f"The runtime {runtime} is not available on this host, which has "
            f"{', '.join(available) if available else 'none'}; {_remedy(known.family, known.version)}."
        )


def offered() -> list[str]:
    """The runtimes that AWS still lets one create functions with."""
    return [name for name, runtime in RUNTIMES.items() if not runtime.blocked]


def _remedy(family: str, version: str) -> str:
    match family:
        case "python":
            return f"to add it, install an interpreter python{version} on the host's PATH and restart lambdad"
        case "nodejs":
            return f"to add it, install Node.js {version} (the command node) on the host's PATH and restart lambdad"
        case _:
            return "lambdad does not run this family of runtimes yet: package the function for provided.al2023"


def check_snap_start(snap_start: str, runtime: str | None, ephemeral_storage: int) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-runtimes; Python from 3.9 on, AWS from 3.12."""
    if snap_start == "None":
        return
    if not _SNAP_START.fullmatch(runtime or ""):
        raise InvalidParameterValue(f"{runtime} is not supported for SnapStart enabled functions.")
    if ephemeral_storage > limits.EPHEMERAL_STORAGE:
        raise InvalidParameterValue(
            f"Ephemeral storage greater than {limits.EPHEMERAL_STORAGE} MB is not supported for SnapStart enabled functions."
        )


def check_configuration(params: Mapping[str, Any]) -> None:
    """Whatever create and update have in common; members that are not given are fine."""
    _check_range(params.get("Timeout"), "Timeout", 1, 900)
    _check_range(params.get("MemorySize"), "MemorySize", 128, 10240)
    _check_range((params.get("EphemeralStorage") or {}).get("Size"), "EphemeralStorage.Size", 512, 10240)
    description = params.get("Description") or ""
    if len(description) > 256:
        raise violation(description, "description", "Member must have length less than or equal to 256")
    role = params.get("Role")
    if role is not None and not _ROLE.fullmatch(role):
        pattern = f"Member must satisfy regular expression pattern: {_ROLE.pattern}"
        raise violation(role, "role", pattern)
    handler = params.get("Handler")
    if handler is not None and not _HANDLER.fullmatch(handler):
        raise violation(handler, "handler", r"Member must satisfy regular expression pattern: [^\s]+")
    if params.get("Environment") is not None:
        check_environment(params["Environment"].get("Variables") or {})
    target = (params.get("DeadLetterConfig") or {}).get("TargetArn")
    if target and (not _DEAD_LETTER.fullmatch(target) or target.endswith(".fifo")):
        raise InvalidParameterValue(
            f"The provided target ARN {target} of DeadLetterConfig is neither a standard SQS queue nor a standard SNS topic."
        )
    if target:
        check_reached(target)
    _check_vpc(params.get("VpcConfig") or {})


def check_reached(destination: str) -> None:
    """Raises NotImplementedOperation for the ARN of what lambdad can't deliver to."""
    kind = UNREACHED.get(destination.split(":")[2])
    if kind is not None:
        raise NotImplementedOperation(
            f"lambdad does not deliver to {kind} yet, so it refuses {destination}. SQS queues and functions can be "
            "destinations, and SQS queues can be dead-letter queues."
        )


def _check_range(value: int | None, member: str, least: int, most: int) -> None:
    if value is None:
        return
    if value > most:
        bound = f"less than or equal to {most}"
    elif value < least:
        bound = f"greater than or equal to {least}"
    else:
        return
    raise InvalidParameterValue(f"'{member}' value failed to satisfy constraint: Member must have value {bound}")


def check_environment(variables: Mapping[str, str]) -> None:
    """Names are well-formed and not Lambda's own; names and values are small enough together."""
    reserved = [name for name in variables if name in RESERVED]
    if reserved:
        raise InvalidParameterValue(
            "Lambda was unable to configure your environment variables because the environment variables you have provided "
            "contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    if any(not _KEY.fullmatch(name) for name in variables):
        # Names only: values may be secrets, and this text ends up in logs.
        raise ValidationError(
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "
            "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
        )
    text = json.dumps(variables, ensure_ascii=False, separators=(",", ":"))
    if len(text.encode()) > limits.ENVIRONMENT:
        raise InvalidParameterValue(
            "Lambda was unable to configure your environment variables because the environment variables you have provided "
            f"exceeded the 4KB limit. String measured: {text}"
        )


def check_tags(tags: Mapping[str, str]) -> None:
    if any(key.lower().startswith("aws:") for key in tags):
        raise InvalidParameterValue("Tag keys that start with aws: are reserved for AWS.")
    if len(tags) > limits.TAGS:
        raise InvalidParameterValue("Number of tags exceeds resource tag limit.")


def check_architectures(architectures: Sequence[str] | None, host: str) -> str:
    """The one that is meant. A request that names none gets the host's own, since nothing else could run."""
    if not architectures:
        return host
    wanted = architectures[0]
    if wanted != host:
        raise InvalidParameterValue(
            f"The architecture {wanted} is not available on this host, which is {host}. Use Architectures [{host}]."
        )
    return wanted


def _check_vpc(vpc: Mapping[str, Any]) -> None:
    subnets, groups = vpc.get("SubnetIds") or [], vpc.get("SecurityGroupIds") or []
    for identifier in subnets:
        if not _SUBNET.fullmatch(identifier):
            raise InvalidParameterValue(
                "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "
                f"EC2 Error Message: The subnet ID '{identifier}' does not exist"
            )
    for identifier in groups:
        if not _SECURITY_GROUP.fullmatch(identifier):
            raise InvalidParameterValue(
                "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "
                f"EC2 Error Message: The security group '{identifier}' does not exist"
            )
    if bool(subnets) != bool(groups):
        raise InvalidParameterValue("VpcConfig needs both SubnetIds and SecurityGroupIds, or neither.")

"""Which permissions Lambda's operations need. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from lambdad.control.layer_references import find_version
from lambdad.domain.access import Need, tag_context
from lambdad.domain.arns import account_of, layer_arn, parse_function_name
from lambdad.domain.caller import Caller
from lambdad.records.api import Records
from lambdad.records.policies import document, policy_of

LAMBDA: Final = "lambda.amazonaws.com"

Context: TypeAlias = dict[str, str | Sequence[str]]
_Needs: TypeAlias = Callable[[str, Caller, Mapping[str, Any], Records], list[Need]]


def needs(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    """Of a validated request. What it names need not exist. Raises InvalidParameterValue or ResourceNotFound for a name that
    can't be read."""
    return _TABLE[operation](operation, caller, params, records)


def resource_policy(need: Need, records: Records) -> str | None:
    """Of a function, version, alias or layer version."""
    parts = need.resource.split(":")
    if len(parts) < 7:
        return None
    _, _, _, region, account, kind, name, *qualifier = parts
    match kind:
        case "function":
            function = records.function(account, region, name)
            return None if function is None else policy_of(function, qualifier[0] if qualifier else None)
        case "layer" if qualifier and qualifier[0].isdecimal():
            version = find_version(records, account, region, name, int(qualifier[0]))
            return None if version is None or version.policy is None else document(version.policy)
        case _:
            return None


def function_arn(caller: Caller, name: str, qualifier: str | None = None) -> tuple[str, str]:
    """Account and ARN, with the qualifier that the request names."""
    found = parse_function_name(name, qualifier, account=caller.account, region=caller.region)
    return found.account, found.arn


def _of_function(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    account, arn = function_arn(caller, params["FunctionName"], params.get("Qualifier"))
    return [Need(_ACTIONS.get(operation, f"lambda:{operation}"), account, arn)]


def _of_account(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    return [Need(f"lambda:{operation}", caller.account)]


def _configuring(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    """A role is passed to Lambda; layers are read."""
    account, arn = function_arn(caller, params["FunctionName"])
    context: Context = tag_context(params.get("Tags"))
    if params.get("Layers"):
        context["lambda:layer"] = tuple(params["Layers"])
    if params.get("CodeSigningConfigArn"):
        context["lambda:codesigningconfigarn"] = params["CodeSigningConfigArn"]
    vpc = params.get("VpcConfig") or {}
    for member, key in (("SubnetIds", "lambda:subnetids"), ("SecurityGroupIds", "lambda:securitygroupids")):
        if vpc.get(member):
            context[key] = tuple(vpc[member])
    found = [Need(f"lambda:{operation}", account, arn, context)]
    function = records.function(account, caller.region, arn.split(":")[6])
    held = () if function is None else [layer.arn for layer in function.latest.layers]
    found += [
        Need("lambda:GetLayerVersion", account_of(layer), layer) for layer in params.get("Layers") or () if layer not in held
    ]
    role = params.get("Role")
    if role and account_of(role) == account:  # another account's is refused by the operation
        found.append(Need("iam:PassRole", account, role, {"iam:passedtoservice": LAMBDA}))
    return found


def _granting(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    account, arn = function_arn(caller, params["FunctionName"], params.get("Qualifier"))
    context: Context = {}
    if params.get("Principal"):
        context["lambda:principal"] = params["Principal"]
    if params.get("FunctionUrlAuthType"):
        context["lambda:functionurlauthtype"] = params["FunctionUrlAuthType"]
    return [Need(f"lambda:{operation}", account, arn, context)]


def _by_resource_arn(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    account, arn = function_arn(caller, params["ResourceArn"])
    return [Need(f"lambda:{operation}", account, arn)]


def _signing(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    account, arn = function_arn(caller, params["FunctionName"])
    config = params.get("CodeSigningConfigArn")
    return [Need(f"lambda:{operation}", account, arn, {"lambda:codesigningconfigarn": config} if config else {})]


def _of_signing_config(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    arn = params["CodeSigningConfigArn"]
    return [Need(f"lambda:{operation}", account_of(arn), arn)]


def _of_layer(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    arn = _layer(caller, params["LayerName"])
    return [Need(f"lambda:{operation}", account_of(arn), arn)]


def _of_versions(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    """An action without a resource; but a layer of another account is that account's to show."""
    needs = _of_layer(operation, caller, params, records)
    return needs if needs[0].account != caller.account else _of_account(operation, caller, params, records)


def _of_layer_version(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    arn = f"{_layer(caller, params['LayerName'])}:{params['VersionNumber']}"
    return [Need(f"lambda:{operation}", account_of(arn), arn)]


def _by_layer_version_arn(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    return [Need("lambda:GetLayerVersion", account_of(params["Arn"]), params["Arn"])]


def _layer(caller: Caller, name: str) -> str:
    return name if name.startswith("arn:") else layer_arn(caller.account, caller.region, name)


def _mapping_to(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    """A new mapping has no ARN yet: policies tell by `lambda:FunctionArn` which function it may be of."""
    account, function = function_arn(caller, params["FunctionName"])
    context: Context = {**tag_context(params.get("Tags")), "lambda:functionarn": function}
    return [Need("lambda:CreateEventSourceMapping", account, "*", context)]


def _of_mapping(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    arn = f"arn:aws:lambda:{caller.region}:{caller.account}:event-source-mapping:{params['UUID']}"
    mapping = records.mapping(caller.account, caller.region, params["UUID"])
    functions = [] if mapping is None else [(caller.account, mapping.function_name.arn)]
    if params.get("FunctionName"):
        functions.append(function_arn(caller, params["FunctionName"]))
    # Of two functions, as when a mapping is given to another, each must be allowed.
    found = [Need(f"lambda:{operation}", account, arn, {"lambda:functionarn": function}) for account, function in functions]
    return found or [Need(f"lambda:{operation}", caller.account, arn)]


def _tagging(operation: str, caller: Caller, params: Mapping[str, Any], records: Records) -> list[Need]:
    arn = params["Resource"]
    context: Context = tag_context(params.get("Tags"))
    if params.get("TagKeys"):
        context["aws:tagkeys"] = tuple(params["TagKeys"])
    return [Need(f"lambda:{operation}", account_of(arn), arn, context)]


_ACTIONS: Final = {
    "Invoke": "lambda:InvokeFunction",
    "InvokeWithResponseStream": "lambda:InvokeFunction",
}
"""Where the action is not named after the operation."""

_TABLE: Final[dict[str, _Needs]] = {
    **dict.fromkeys(
        (
            "CreateAlias",
            "DeleteAlias",
            "DeleteFunction",
            "DeleteFunctionCodeSigningConfig",
            "DeleteFunctionConcurrency",
            "DeleteFunctionEventInvokeConfig",
            "DeleteProvisionedConcurrencyConfig",
            "GetAlias",
            "GetFunction",
            "GetFunctionCodeSigningConfig",
            "GetFunctionConcurrency",
            "GetFunctionConfiguration",
            "GetFunctionEventInvokeConfig",
            "GetFunctionRecursionConfig",
            "GetPolicy",
            "GetProvisionedConcurrencyConfig",
            "GetRuntimeManagementConfig",
            "Invoke",
            "InvokeAsync",
            "InvokeWithResponseStream",
            "ListAliases",
            "ListFunctionEventInvokeConfigs",
            "ListProvisionedConcurrencyConfigs",
            "ListVersionsByFunction",
            "PublishVersion",
            "PutFunctionConcurrency",
            "PutFunctionEventInvokeConfig",
            "PutFunctionRecursionConfig",
            "PutProvisionedConcurrencyConfig",
            "PutRuntimeManagementConfig",
            "UpdateAlias",
            "UpdateFunctionCode",
            "UpdateFunctionEventInvokeConfig",
        ),
        _of_function,
    ),
    **dict.fromkeys(
        (
            "CreateCodeSigningConfig",
            "GetAccountSettings",
            "ListCodeSigningConfigs",
            "ListEventSourceMappings",
            "ListFunctions",
            "ListLayers",
        ),
        _of_account,
    ),
    **dict.fromkeys(("CreateFunction", "UpdateFunctionConfiguration"), _configuring),
    **dict.fromkeys(("AddPermission", "RemovePermission"), _granting),
    **dict.fromkeys(("DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy"), _by_resource_arn),
    "PutFunctionCodeSigningConfig": _signing,
    **dict.fromkeys(
        ("DeleteCodeSigningConfig", "GetCodeSigningConfig", "ListFunctionsByCodeSigningConfig", "UpdateCodeSigningConfig"),
        _of_signing_config,
    ),
    "PublishLayerVersion": _of_layer,
    "ListLayerVersions": _of_versions,
    **dict.fromkeys(
        (
            "AddLayerVersionPermission",
            "DeleteLayerVersion",
            "GetLayerVersion",
            "GetLayerVersionPolicy",
            "RemoveLayerVersionPermission",
        ),
        _of_layer_version,
    ),
    "GetLayerVersionByArn": _by_layer_version_arn,
    "CreateEventSourceMapping": _mapping_to,
    **dict.fromkeys(("DeleteEventSourceMapping", "GetEventSourceMapping", "UpdateEventSourceMapping"), _of_mapping),
    **dict.fromkeys(("ListTags", "TagResource", "UntagResource"), _tagging),
}

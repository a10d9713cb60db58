"""From the names in a request to records, with the errors for what is not there."""

from typing import Any

from lambdad.domain.arns import LATEST, FunctionName, parse_function_name
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, ResourceNotFound
from lambdad.domain.functions import Function, Version
from lambdad.records.api import Records

FUNCTIONS_ONLY = (
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
    "Please specify either a function name or an unqualified function ARN."
)


def function_name(caller: Caller, params: dict[str, Any]) -> FunctionName:
    """The function that `FunctionName` and `Qualifier` mean; it may be another account's."""
    return parse_function_name(params["FunctionName"], params.get("Qualifier"), account=caller.account, region=caller.region)


def unqualified_name(caller: Caller, params: dict[str, Any]) -> FunctionName:
    """For operations on the whole function: a version or alias is refused, and so is `$LATEST`."""
    name = function_name(caller, params)
    if name.qualifier is not None:
        raise InvalidParameterValue(FUNCTIONS_ONLY)
    return name


def latest_name(caller: Caller, params: dict[str, Any]) -> FunctionName:
    """For operations on `$LATEST`, which may be spelt out."""
    name = function_name(caller, params)
    if name.qualifier not in (None, LATEST):
        raise InvalidParameterValue(FUNCTIONS_ONLY)
    return name.qualified(None)


def require_function(records: Records, name: FunctionName) -> Function:
    function = records.function(name.account, name.region, name.name)
    if function is None:
        raise ResourceNotFound(f"Function not found: {name.arn}")
    return function


def require_version(function: Function, name: FunctionName) -> Version:
    """What the qualifier means: `$LATEST`, a version, or the version that an alias points to."""
    qualifier = name.qualifier
    if qualifier is None or qualifier == LATEST:
        return function.latest
    version = function.versions.get(qualifier)
    if version is not None:
        return version
    alias = function.aliases.get(qualifier)
    if alias is not None:
        return function.latest if alias.version == LATEST else function.versions[alias.version]
    if qualifier.isdecimal() or qualifier.startswith("$"):
        raise ResourceNotFound(f"Function not found: {name.arn}")
    raise ResourceNotFound(f"Cannot find alias arn: {name.arn}")


def exists(function: Function | None, qualifier: str | None) -> bool:
    """Whether there is such a version or alias."""
    if function is None:
        return False
    return qualifier in (None, LATEST) or qualifier in function.versions or qualifier in function.aliases

"""Names and ARNs of functions and layers, in every spelling that the API accepts.

Facts: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (name formats) and the patterns of the 2015-03-31
service model.
"""

import re
from dataclasses import dataclass

from lambdad.domain.errors import InvalidParameterValue, ResourceNotFound

LATEST = "$LATEST"

_FUNCTION = re.compile(
    r"(?:(?:arn:(?P<partition>aws[a-zA-Z-]*):lambda:(?P<region>[a-z0-9-]+):)?(?P<account>\d{12}):function:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_$.]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """One function of one account and region, with the qualifier that was spelt out, if any."""

    account: str
    region: str
    name: str
    qualifier: str | None = None
    """`$LATEST`, a version number, an alias name, or None where the request named none."""

    @property
    def arn(self) -> str:
        """With the qualifier where one was spelt out."""
        suffix = f":{self.qualifier}" if self.qualifier else ""
        return f"{self.unqualified_arn}{suffix}"

    @property
    def unqualified_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    def qualified(self, qualifier: str | None) -> "FunctionName":
        return FunctionName(self.account, self.region, self.name, qualifier)


def parse_function_name(text: str, qualifier: str | None, *, account: str, region: str) -> FunctionName:
    """`F`, `F:Q`, `A:function:F[:Q]` or a full ARN, joined with the request's own `Qualifier`.

    Account and region default to the caller's. Raises InvalidParameterValue where the two qualifiers differ and
    ResourceNotFound for a function of another region.
    """
    match = _FUNCTION.fullmatch(text)
    if match is None:
        raise InvalidParameterValue(f"Invalid function name: {text}")
    named = match["qualifier"]
    if named and qualifier and named != qualifier:
        raise InvalidParameterValue("The derived qualifier from the function name does not match the specified qualifier.")
    if match["region"] and match["region"] != region:
        raise ResourceNotFound(f"Functions from '{match['region']}' are not reachable in this region ('{region}')")
    return FunctionName(match["account"] or account, region, match["name"], named or qualifier)


def layer_arn(account: str, region: str, name: str) -> str:
    return f"arn:aws:lambda:{region}:{account}:layer:{name}"


def layer_version_arn(account: str, region: str, name: str, version: int) -> str:
    return f"{layer_arn(account, region, name)}:{version}"


def account_of(arn: str) -> str:
    """Whose resource an ARN says it is; empty where it does not say (a bucket's), and for what is no ARN."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""

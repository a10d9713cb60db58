"""AWS's words for what is wrong with a policy document, and the rules for actions and resources. Pure.

Sources as in `policies`.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

LEGACY: Final = "The policy failed legacy parsing"
SID_FORM: Final = (
    "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
)

_PARTITIONS = ("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*")
_IAM_PATHS = (
    "user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/", "sms-mfa/",
    "saml-provider/", "oidc-provider/", "report/", "access-report/",
)  # fmt: skip


class Words(Struct, frozen=True):
    """One family of messages."""

    current_only: bool
    """IAM's own documents must say that they are of 2012-10-17, and name no principal."""
    json: str
    syntax: str
    unknown_version: str
    version: str
    no_statement: str
    no_effect: str
    bad_effect: str
    effect_case: str
    """For `allow` instead of `Allow`."""
    duplicate_sid: str
    no_action: str
    no_resource: str


_IDENTITY = Words(
    current_only=True,
    json="Syntax errors in policy.",
    syntax="Syntax errors in policy.",
    unknown_version="Syntax errors in policy.",
    version="Policy document must be version 2012-10-17 or greater.",
    no_statement="Syntax errors in policy.",
    no_effect="Syntax errors in policy.",
    bad_effect="Syntax errors in policy.",
    effect_case=LEGACY,
    duplicate_sid="Statement IDs (SID) in a single policy must be unique.",
    no_action="Policy statement must contain actions.",
    no_resource="Policy statement must contain resources.",
)
_RESOURCE = Words(
    current_only=False,
    json="This policy contains invalid Json",
    syntax="Syntax error in policy.",
    unknown_version="The policy must contain a valid version string",
    version="The policy must contain a valid version string",
    no_statement="Could not parse the policy: Statement is empty!",
    no_effect="Missing required field Effect",
    bad_effect="Invalid effect: {}",
    effect_case="Invalid effect: {}",
    duplicate_sid="The Statement Ids in the policy are not unique",
    no_action="Missing required field Action",
    no_resource="Missing required field Resource",
)


def words_of(kind: str) -> Words:
    return _RESOURCE if kind in ("resource", "trust") else _IDENTITY


def is_legacy_arn(resource: str) -> bool:
    """Whether an older parser takes it: three parts or all six, with a service."""
    parts = resource.split(":")
    if len(parts) < 4 or parts[1] not in _PARTITIONS:
        return True
    return len(parts) >= 6 and parts[2] != ""


def check_resources(resources: Iterable[str]) -> str | None:
    """What is wrong with the first that is wrong."""
    for resource in resources:
        fault = None if resource == "*" else _resource_fault(resource)
        if fault:
            return fault
    return None


def _resource_fault(resource: str) -> str | None:
    parts = resource.split(":", 5)
    if len(parts) == 1:
        return f'Resource {resource} must be in ARN format or "*".'
    if parts[1] not in _PARTITIONS and not parts[1].startswith("${"):
        shown = ":".join((parts[1:] + ["*"] * 4)[:5] if len(parts) < 6 else parts[1:])
        return f'Partition "{parts[1]}" is not valid for resource "arn:{shown}".'
    if len(parts) == 2:
        return "Resource vendor must be fully qualified and cannot contain regexes."
    if len(parts) < 6:
        return None
    service, region, name = parts[2], parts[3], parts[5]
    # Access points are of a region, and begin so; buckets and their objects are not.
    if service == "s3" and region not in ("", "*") and not parts[4]:
        return f"Resource {resource} can not contain region information."
    if service == "iam":
        if region:
            return f"IAM resource {resource} cannot contain region information."
        if name != "root" and "*" not in name.partition("/")[0] and not name.startswith(_IAM_PATHS):
            return f'IAM resource path must either be "*" or start with {", ".join(_IAM_PATHS)}.'
    return None


def check_actions(actions: Iterable[str], trust: bool) -> str | None:
    """What is wrong with the first that is wrong."""
    for action in actions:
        vendor, *names = action.split(":")
        if trust and vendor.lower() != "sts":
            return "AssumeRole policy may only specify STS AssumeRole actions."
        if action == "*":
            continue
        if not names:
            return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        if len(names) > 1:
            return "Actions/Condition can contain only one colon."
        if not vendor or not all(c.isascii() and (c.isalnum() or c in "-_.*?") for c in vendor):
            return f"Vendor {vendor} is not valid"
    return None

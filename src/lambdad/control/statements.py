"""Resource policies: the form of their statements and documents. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html,
https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html and
https://docs.aws.amazon.com/lambda/latest/api/API_PutResourcePolicy.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from lambdad.domain import limits
from lambdad.domain.errors import InvalidParameterValue, PolicyLengthExceeded, ResourceConflict, ResourceNotFound
from lambdad.domain.functions import Policy
from lambdad.iam.arns import root_arn
from lambdad.iam.documents import words_of
from lambdad.iam.policies import MalformedPolicy, parse
from lambdad.records.policies import document

Statement = dict[str, Any]

_ACCOUNT = re.compile(r"\d{12}")
_IAM_ARN = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::\d{12}:\S+")
_SERVICE = re.compile(r"[a-z0-9][a-z0-9.-]*\.(amazonaws|amazon)\.com(\.cn)?")


def function_statement(resource: str, params: Mapping[str, Any]) -> Statement:
    """The statement that AddPermission asks for, on `resource` (an ARN, qualified as the request was)."""
    url_action = params["Action"] == "lambda:InvokeFunctionUrl"
    if params.get("FunctionUrlAuthType") and not url_action:
        raise InvalidParameterValue("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
    equals = {
        "AWS:SourceAccount": params.get("SourceAccount"),
        "aws:PrincipalOrgID": params.get("PrincipalOrgID"),
        "lambda:FunctionUrlAuthType": params.get("FunctionUrlAuthType"),
        "lambda:EventSourceToken": params.get("EventSourceToken"),
    }
    # AWS's own order: StringEquals before ArnLike.
    condition: dict[str, Any] = {}
    if any(equals.values()):
        condition["StringEquals"] = {key: value for key, value in equals.items() if value}
    if params.get("SourceArn"):
        condition["ArnLike"] = {"AWS:SourceArn": params["SourceArn"]}
    if params.get("InvokedViaFunctionUrl"):
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    return _statement(params, function_principal(params["Principal"]), resource, condition)


def function_principal(principal: str) -> str | dict[str, str]:
    """As the policy names it. Raises InvalidParameterValue for what is neither a service, an account nor an identity."""
    if principal == "*":
        return "*"
    if _ACCOUNT.fullmatch(principal):
        return {"AWS": root_arn(principal)}
    if _IAM_ARN.fullmatch(principal):
        return {"AWS": principal}
    if _SERVICE.fullmatch(principal):
        return {"Service": principal}
    raise InvalidParameterValue("The provided principal was invalid. Please check the principal and try again.")


def layer_statement(resource: str, params: Mapping[str, Any]) -> Statement:
    """The statement that AddLayerVersionPermission asks for."""
    principal, organization = params["Principal"], params.get("OrganizationId")
    if organization and principal != "*":
        raise InvalidParameterValue("OrganizationId can only be given with the Principal *.")
    shown = {"AWS": root_arn(principal)} if _ACCOUNT.fullmatch(principal) else {"AWS": principal}
    condition = {"StringEquals": {"aws:PrincipalOrgID": organization}} if organization else {}
    return _statement(params, "*" if principal == "*" else shown, resource, condition)


def _statement(
    params: Mapping[str, Any], principal: str | dict[str, str], resource: str, condition: Mapping[str, Any]
) -> Statement:
    statement: Statement = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": principal,
        "Action": params["Action"],
        "Resource": resource,
    }
    if condition:
        statement["Condition"] = dict(condition)
    return statement


def with_statement(policy: Policy | None, statement: Statement, revision: str) -> Policy:
    """Raises ResourceConflict for a Sid that is taken, PolicyLengthExceeded for more than 20 KB."""
    before = policy or Policy(revision, ())
    sid = statement["Sid"]
    if any(each.get("Sid") == sid for each in before.statements):
        raise ResourceConflict(
            f"The statement id ({sid}) provided already exists. "
            "Please provide a new statement id, or remove the existing statement."
        )
    after = replace(before, revision_id=revision, statements=(*before.statements, statement))
    _check_size(after)
    return after


def without_statement(policy: Policy, sid: str, revision: str) -> Policy | None:
    """None when the last statement goes. Raises ResourceNotFound."""
    kept = tuple(each for each in policy.statements if each.get("Sid") != sid)
    if len(kept) == len(policy.statements):
        raise ResourceNotFound(f"Statement {sid} is not found in resource policy.")
    return replace(policy, revision_id=revision, statements=kept) if kept else None


def whole_policy(function: str, text: str) -> Policy:
    """The policy that PutResourcePolicy asks for, on the function with that (unqualified) ARN, or a version or an alias of it.
    It has no revision yet. Raises InvalidParameterValue, and PolicyLengthExceeded for more than 20 KB."""
    try:
        parse(text, "resource")
    except MalformedPolicy as error:
        raise InvalidParameterValue(error.message) from None
    outline = json.loads(text)
    statements = outline["Statement"] if isinstance(outline["Statement"], list) else [outline["Statement"]]
    for statement in statements:
        _check_scope(statement, function)
    policy = Policy("", tuple(statements), outline.get("Version", "2008-10-17"), outline.get("Id"))
    try:
        _check_size(policy)
    except UnicodeEncodeError:
        # Half of a surrogate pair, which JSON can spell, is no text that can be kept.
        raise InvalidParameterValue(words_of("resource").json) from None
    return policy


def _check_scope(statement: Statement, function: str) -> None:
    """It is about Lambda's actions on this function, or on versions and aliases of it, which may be given by a pattern. What
    AWS says of others is not known."""
    for resource in _texts(statement.get("Resource")):
        if resource != function and not resource.startswith(f"{function}:"):
            raise InvalidParameterValue(f"The policy names the resource {resource}, which is not the function {function}.")
    if "NotResource" in statement:
        raise InvalidParameterValue("NotResource is not supported in the policy of a function.")
    for action in _texts(statement.get("Action", statement.get("NotAction"))):
        if not action.lower().startswith("lambda:"):
            raise InvalidParameterValue(f"The policy names the action {action}, which is not one of Lambda.")


def _texts(value: Any) -> list[str]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _check_size(policy: Policy) -> None:
    size = len(document(policy).encode())
    if size > limits.RESOURCE_POLICY:
        raise PolicyLengthExceeded(f"The final policy size ({size}) is bigger than the limit ({limits.RESOURCE_POLICY}).")
